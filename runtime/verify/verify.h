#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/load.h"
#include "runtime/verify/block_kinds.h"
#include "runtime/verify/trace.h"

// A model against a recorded run of another implementation: docs/verify.md
namespace ttt {

struct VerifyOptions {
  // Largest error that agrees, as a share of the range of the recorded output; 0: as the formats of the model and of
  // the recording allow.
  double tolerance = 0;
  // Every block runs on the input that was recorded for it, not on what the blocks before it made.
  bool alone = false;
  std::span<const BlockKind> kinds = block_kinds();
};

// What one place wrote, compared with the recording.
struct PlaceComparison {
  std::string path = {}, block = {};
  std::int64_t rows = 0, width = 0;
  double error = 0, share = 0;  // largest; and as a share of the range of the recorded output
  double pcc = 0, cosine = 0;
  std::int64_t row = 0, column = 0;  // of the largest error
  float wanted = 0, got = 0;         // there
  bool agrees = false;
};

// A change that makes the first diverging block agree.
struct Cause {
  std::string what = {};  // "eps 1e-05 instead of 0.01"
  double share = 0;       // the remaining error
  bool agrees = false;    // false: the error is only smaller
  bool of_spec = true;    // false: a factor on the output
};

struct VerifyReport {
  std::string trace = {}, model_type = {}, dtype = {};
  std::int64_t tokens = 0;
  double tolerance = 0;
  bool alone = false;
  std::vector<PlaceComparison> places = {};  // in the order of the run
  // Places that differ although the model's output agrees: the reference records something else under their names,
  // such as the output of a block before a multiplier that belongs to the block here.
  std::vector<PlaceComparison> otherwise = {};
  std::vector<std::string> not_compared = {};       // blocks of the model that the recording lacks
  std::optional<std::int64_t> first = {};           // index into places: the first that diverges
  std::optional<PlaceComparison> first_alone = {};  // the same block on its recorded input
  std::vector<Cause> causes = {};                   // the likeliest first
  std::int64_t tried = 0;                           // other Specs that could be built and were run
  std::string hint = {};                            // advice if no cause was found

  bool agrees() const { return !first; }
  std::string text(bool all_places = false) const;
  Json json() const;
};

// Runs the model over the recorded tokens, in one step. `model` was loaded with `load` for a context of at least that
// many rows, on one rank. Error{kBadData} when the recording has nothing that can be compared.
VerifyReport verify(const LoadedModel& model, std::span<const Family> families, const LoadOptions& load,
                    const Trace& trace, ThreadPool& threads, const VerifyOptions& options = {});

}  // namespace ttt
