#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/load.h"
#include "runtime/runner.h"

namespace ttt {

// What one block takes on one rank, in bytes. A weight that several blocks use in the same form counts for the first.
struct BlockMemory {
  std::string path = {}, block = {};
  std::int64_t mapped = 0;   // weights used straight from the files
  std::int64_t owned = 0;    // weights converted or packed
  std::int64_t state = 0;    // rows of all sequences
  std::int64_t scratch = 0;  // the most that is in use in it, its model's included
};

struct RankMemory {
  std::vector<BlockMemory> blocks = {};
  WeightBytes weights = {};
  RunnerMemory runner = {};

  std::int64_t total() const { return weights.mapped + weights.owned + runner.total(); }
};

struct MemoryPlan {
  RunnerConfig config = {};  // of every rank's runner
  std::vector<RankMemory> ranks = {};

  std::int64_t total() const;
};

// What loading `checkpoint` on options.ranks ranks, and running it with `config`, will take; from headers alone, and
// whatever rank this is. Without config.context it is that of the options or of the checkpoint. `threads`: as many as a
// rank will have. Error as load_model throws it.
MemoryPlan plan_memory(const Checkpoint& checkpoint, std::span<const Family> families, const LoadOptions& options,
                       const RunnerConfig& config, ThreadPool& threads);

// The longest context, up to `most`, with which all ranks together take no more than `available` bytes; 0: not even one
// row fits.
std::int64_t longest_context(const Checkpoint& checkpoint, std::span<const Family> families, const LoadOptions& options,
                             const RunnerConfig& config, ThreadPool& threads, std::int64_t most,
                             std::int64_t available);

}  // namespace ttt
