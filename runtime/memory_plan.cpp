#include "runtime/memory_plan.h"

#include <map>

#include "collectives/self.h"
#include "state/state_pool.h"

namespace ttt {
namespace {

// Headers, with a note of which block's requests have added what.
class CountingSource final : public WeightSource {
 public:
  explicit CountingSource(const Checkpoint& checkpoint) : headers_(checkpoint) {}

  ConstTensorView fetch(const WeightRequest& request) override {
    const std::size_t before = headers_.records().size();
    const ConstTensorView view = headers_.fetch(request);
    for (std::size_t i = before; i < headers_.records().size(); ++i) {
      const WeightRecord& r = headers_.records()[i];
      WeightBytes& bytes = by_path_[request.path];
      (r.mapped ? bytes.mapped : bytes.owned) += r.bytes;
    }
    return view;
  }
  bool has(const std::string& full_name) const override { return headers_.has(full_name); }

  const HeaderSource& headers() const { return headers_; }
  WeightBytes of(const std::string& path) const {
    const auto found = by_path_.find(path);
    return found == by_path_.end() ? WeightBytes{} : found->second;
  }

 private:
  HeaderSource headers_;
  std::map<std::string, WeightBytes> by_path_;
};

std::int64_t state_bytes(const BuiltModel& built, const BlockRecord& block, const RunnerConfig& c) {
  if (!block.state_slot) return 0;
  const StateSpec& slot = built.tree->states[static_cast<std::size_t>(*block.state_slot)];
  if (slot.shared_slot >= 0) return 0;
  return StatePool::bytes({&slot, 1}, {.sequences = c.sequences,
                                       .context = c.context,
                                       .page_rows = c.page_rows,
                                       .chunk = std::min(c.chunk, c.context)});
}

RankMemory plan_rank(const Checkpoint& checkpoint, std::span<const Family> families, const LoadOptions& options,
                     RunnerConfig& config, ThreadPool& threads) {
  const std::string where = checkpoint.config_where();
  CountingSource source(checkpoint);
  const Family& family = family_of(families, checkpoint.config(), where);
  const BuiltModel built = build_model(family, checkpoint.config(), where, source, options);
  source.headers().require_complete();
  if (config.context == 0) config.context = built.context;
  RankMemory memory{.weights = source.headers().bytes(),
                    .runner = plan_runner(built, threads, self_communicator(), config)};
  for (const BlockRecord& b : built.tree->blocks) {
    const std::string path(b.place.path);
    const WeightBytes weights = source.of(path);
    memory.blocks.push_back({.path = path,
                             .block = b.block,
                             .mapped = weights.mapped,
                             .owned = weights.owned,
                             .state = state_bytes(built, b, config),
                             .scratch = memory.runner.scratch_of_place[static_cast<std::size_t>(b.place.index)]});
  }
  return memory;
}

}  // namespace

std::int64_t MemoryPlan::total() const {
  std::int64_t sum = 0;
  for (const RankMemory& r : ranks) sum += r.total();
  return sum;
}

MemoryPlan plan_memory(const Checkpoint& checkpoint, std::span<const Family> families, const LoadOptions& options,
                       const RunnerConfig& config, ThreadPool& threads) {
  MemoryPlan plan{.config = config};
  LoadOptions rank = options;
  if (config.context > 0) rank.context = config.context;
  for (rank.rank = 0; rank.rank < options.ranks; ++rank.rank) {
    plan.ranks.push_back(plan_rank(checkpoint, families, rank, plan.config, threads));
  }
  return plan;
}

std::int64_t longest_context(const Checkpoint& checkpoint, std::span<const Family> families, const LoadOptions& options,
                             RunnerConfig config, ThreadPool& threads, std::int64_t most, std::int64_t available) {
  const auto fits = [&](std::int64_t context) {
    config.context = context;
    return plan_memory(checkpoint, families, options, config, threads).total() <= available;
  };
  if (most < 1 || !fits(1)) return 0;
  std::int64_t low = 1, high = most + 1;  // fits(low); high is too much
  if (fits(most)) return most;
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (fits(middle) ? low : high) = middle;
  }
  return low;
}

}  // namespace ttt
