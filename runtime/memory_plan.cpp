#include "runtime/memory_plan.h"

#include <algorithm>
#include <deque>
#include <map>

#include "collectives/self.h"
#include "runtime/longest_context.h"
#include "state/state_layout.h"

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

BuiltModel build_rank(const Checkpoint& checkpoint, std::span<const Family> families, const LoadOptions& options,
                      CountingSource& source) {
  const std::string where = checkpoint.config_where();
  BuiltModel built =
      build_model(family_of(families, checkpoint.config(), where), checkpoint.config(), where, source, options);
  source.headers().require_complete();
  return built;
}

RankMemory plan_rank(const Checkpoint& checkpoint, std::span<const Family> families, const LoadOptions& options,
                     RunnerConfig& config, ThreadPool& threads) {
  CountingSource source(checkpoint);
  const BuiltModel built = build_rank(checkpoint, families, options, source);
  if (config.context == 0) config.context = built.context;
  RankMemory memory{.weights = source.headers().bytes(),
                    .runner = plan_runner(built, threads, self_communicator(), config)};
  const std::span<const StateSpec> slots = built.tree->states;
  const StateLayout state = state_layout(slots, pool_config(checked_config(config, slots), slots));
  for (const BlockRecord& b : built.tree->blocks) {
    const std::string path(b.place.path);
    const WeightBytes weights = source.of(path);
    memory.blocks.push_back({.path = path,
                             .block = b.block,
                             .mapped = weights.mapped,
                             .owned = weights.owned,
                             .state = b.state_slot ? state.slots[static_cast<std::size_t>(*b.state_slot)].bytes : 0,
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
                             const RunnerConfig& config, ThreadPool& threads, std::int64_t most,
                             std::int64_t available) {
  std::deque<CountingSource> sources;  // that the models refer to
  std::vector<BuiltModel> built;
  std::vector<const BuiltModel*> ranks;
  std::int64_t left = available;
  LoadOptions rank = options;
  rank.context = most;
  for (rank.rank = 0; rank.rank < options.ranks; ++rank.rank) {
    CountingSource& source = sources.emplace_back(checkpoint);
    built.push_back(build_rank(checkpoint, families, rank, source));
    left -= source.headers().bytes().mapped + source.headers().bytes().owned;
  }
  for (const BuiltModel& b : built) {
    ranks.push_back(&b);
    most = std::min(most, b.context);
  }
  return most < 1 || left < 0 ? 0 : longest_context(ranks, threads, config, most, left);
}

}  // namespace ttt
