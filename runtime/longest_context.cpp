#include "runtime/longest_context.h"

#include <algorithm>
#include <functional>

#include "base/checked.h"
#include "collectives/self.h"
#include "state/state_pool.h"

namespace ttt {
namespace {

// The largest n of [low, high) with fits(n), which holds at `low` and, where it fails, fails for all larger n.
std::int64_t last_that_fits(std::int64_t low, std::int64_t high, const std::function<bool(std::int64_t)>& fits) {
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (fits(middle) ? low : high) = middle;
  }
  return low;
}

class Search {
 public:
  Search(std::span<const BuiltModel* const> models, ThreadPool& threads, const RunnerConfig& config,
         std::int64_t available)
      : models_(models), threads_(threads), config_(config), available_(available) {}

  // The state alone costs no time to count, so it narrows the search first. Steps of full size take the same with every
  // longer past (attention in tiles), or more (all scores at once); where it is the same at both ends of the range, so
  // it is between them, and only the state is left to count.
  std::int64_t longest(std::int64_t most) {
    if (most < 1 || !state_fits(1, 0)) return 0;
    const std::int64_t high = last_that_fits(1, most + 1, [&](std::int64_t n) { return state_fits(n, 0); });
    if (fits(high)) return high;
    const std::int64_t full = std::min(config_.chunk, high);
    if (!fits(full)) return fits(1) ? last_that_fits(1, full, [&](std::int64_t n) { return fits(n); }) : 0;
    const std::int64_t rest = step_bytes(full);
    const bool same = rest == step_bytes(high);
    return last_that_fits(full, high, [&](std::int64_t n) { return same ? state_fits(n, rest) : fits(n); });
  }

 private:
  bool state_fits(std::int64_t context, std::int64_t rest) const {
    RunnerConfig config = config_;
    config.context = context;
    std::int64_t left = available_ - rest;
    for (const BuiltModel* m : models_) {
      const std::span<const StateSpec> slots = m->tree->states;
      try {
        left -= StatePool::bytes(slots, pool_config(checked_config(config, slots), slots));
      } catch (const Error& e) {
        if (e.kind() != ErrorKind::kBadData) throw;
        return false;  // more bytes than can be counted
      }
      if (left < 0) return false;
    }
    return true;
  }
  // Scratch and outputs.
  std::int64_t step_bytes(std::int64_t context) const {
    RunnerConfig config = config_;
    config.context = context;
    std::int64_t sum = 0;
    for (const BuiltModel* m : models_) {
      const RunnerMemory memory = plan_runner(*m, threads_, self_communicator(), config);
      sum = checked_add(sum, checked_add(memory.scratch, memory.logits + memory.given, "scratch"), "scratch");
    }
    return sum;
  }
  bool fits(std::int64_t context) const { return state_fits(context, 0) && state_fits(context, step_bytes(context)); }

  std::span<const BuiltModel* const> models_;
  ThreadPool& threads_;
  RunnerConfig config_;
  std::int64_t available_;
};

}  // namespace

std::int64_t longest_context(std::span<const BuiltModel* const> models, ThreadPool& threads, const RunnerConfig& config,
                             std::int64_t most, std::int64_t available) {
  return Search(models, threads, config, available).longest(most);
}

}  // namespace ttt
