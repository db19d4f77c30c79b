#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "collectives/timed.h"
#include "runtime/engine/operation_log.h"
#include "runtime/runner.h"
#include "state/prefix_cache.h"

namespace ttt {

// What one sequence takes part with in a step.
struct SlotRows {
  std::int64_t slot = 0;
  std::span<const std::int32_t> ids = {};  // that follow its rows
  std::int64_t wanted = 0;                 // rows with outputs, the last ones
};

// The sequences of an engine: which tokens each slot has rows of, and the pages that these take. One thread uses it.
//
// On several ranks, rank 0 decides. It writes down what changes its slots, and sends it along with the next forward;
// the others do the same (follow), so that their slots and pages have the same numbers.
class EngineState {
 public:
  EngineState(const BuiltModel& model, ThreadPool& threads, Communicator& communicator, Observer& observer,
              const RunnerConfig& config, bool prefix_cache);

  const RunnerConfig& config() const { return runner_.config(); }
  std::int64_t vocab() const { return runner_.vocab(); }
  std::int64_t free_slots() const { return static_cast<std::int64_t>(free_.size()); }
  std::int64_t length(std::int64_t slot) const { return at(slot).sequence.length(); }

  // Takes a free slot, for a sequence that will hold the rows of `ids` and has those already that the prefix cache
  // knows. Returns its number.
  std::int64_t open(std::string_view key, std::span<const std::int32_t> ids);
  // Takes a free slot with the rows of another one.
  std::int64_t fork(std::int64_t slot);
  void close(std::int64_t slot);

  // Computes rows of different slots, and returns the wanted outputs [sum of wanted, vocab], valid until the next call;
  // they may be no numbers. Nothing is kept without commit: the first kept[i] rows of entry i. Error{kResources} when
  // pages are missing.
  std::span<const float> forward(std::span<const SlotRows> entries);
  void commit(std::span<const std::int64_t> kept);

  // On rank 0 of several: tells the others that it is there, or that there will be no more.
  void keep_alive();
  void finish();
  // On the other ranks: does what rank 0 does, until it is finished.
  void follow();

  // Pages by group of slots that see alike (StatePool::groups).
  using Pages = std::vector<std::int64_t>;
  Pages available() const;                                               // for rows of any sequences
  Pages wanted(std::int64_t slot, std::int64_t rows) const;              // by so many more rows of this one
  Pages wanted_by_new(std::int64_t rows) const;                          // in which no windows release pages
  std::int64_t most_rows() const;                                        // that one sequence can have
  std::int64_t pages() const, used_pages() const, cached_pages() const;  // without a window, or else with the first

  // EngineStats::exchange_seconds
  std::span<const double> exchange_seconds() const { return exchange_seconds_; }

 private:
  struct Slot {
    Sequence sequence = {};
    PrefixCache::Place place = {};
    std::vector<std::int32_t> ids = {};   // of its rows
    std::vector<std::int32_t> next = {};  // of the step's rows
  };
  const Slot& at(std::int64_t slot) const { return slots_[static_cast<std::size_t>(slot)]; }
  std::int64_t take_slot();
  bool leads() const { return ranks_.ranks() > 1 && ranks_.rank() == 0; }
  void gather_exchange_seconds();
  bool follow_one(OperationReader& operations);
  const PageGroup* counted_group() const;

  Communicator& ranks_;
  TimedCommunicator timed_;  // the same ranks, for the model where there are several
  std::vector<double> exchange_seconds_;
  std::int64_t forwards_ = 0;
  OperationLog log_;  // since the last message
  Runner runner_;
  std::optional<PrefixCache> cache_;
  std::vector<Slot> slots_;
  std::vector<std::int64_t> free_;
  std::vector<std::int64_t> stepped_;  // slots of the step, by entry
  std::vector<StepEntry> entries_;
  std::vector<std::int32_t> ids_;
  std::vector<std::int64_t> wanted_rows_;
};

}  // namespace ttt
