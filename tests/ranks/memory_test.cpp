// A rank maps, converts and touches its own part of the weights, and the plan from headers alone says how much.

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>

#include "collectives/threads.h"
#include "runtime/memory_plan.h"
#include "support/model.h"
#include "support/real_model.h"
#include "support/tiny_model.h"

namespace ttt {
namespace {

using support::TestModel;

// Hands out a store's views and keeps them.
class ViewLog final : public WeightSource {
 public:
  explicit ViewLog(WeightStore& store) : store_(store) {}
  ConstTensorView fetch(const WeightRequest& request) override { return views_.emplace_back(store_.fetch(request)); }
  bool has(const std::string& full_name) const override { return store_.has(full_name); }

  // Takes away the right to read every page of a mapping that no view reaches into. The bytes that are left.
  std::int64_t protect_others(const MappedRange& range) const {
    constexpr std::int64_t kPage = 4096;
    std::vector<char> used(static_cast<std::size_t>((range.bytes + kPage - 1) / kPage));
    for (const ConstTensorView& v : views_) {
      const std::int64_t begin = v.data - range.data, rows = v.shape.rank() == 2 ? v.dim(0) : 1;
      const std::int64_t bytes = rows == 0 ? 0 : (rows - 1) * v.row_bytes + v.dim(v.shape.rank() - 1) * 4;
      for (std::int64_t p = begin / kPage; p * kPage < begin + bytes; ++p) used[static_cast<std::size_t>(p)] = 1;
    }
    std::int64_t left = 0;
    for (std::size_t p = 0; p < used.size(); ++p) {
      left += used[p] != 0 ? kPage : 0;
      void* page = const_cast<std::byte*>(range.data) + static_cast<std::int64_t>(p) * kPage;
      if (used[p] == 0 && ::mprotect(page, kPage, PROT_NONE) != 0) ADD_FAILURE() << "mprotect of page " << p;
    }
    return left;
  }

 private:
  WeightStore& store_;
  std::vector<ConstTensorView> views_;
};

Json wide_config() {
  Json config = support::golden_config("gqa");
  for (const auto& [key, value] :
       {std::pair("hidden_size", 288), std::pair("intermediate_size", 2304), std::pair("num_hidden_layers", 2),
        std::pair("num_attention_heads", 9), std::pair("num_key_value_heads", 3), std::pair("head_dim", 32),
        std::pair("vocab_size", 4096)}) {
    config.set(key, value);
  }
  return config;
}

// Weights in f32 are used straight from the file. A rank runs with the rest of it out of reach: whoever read another's
// part would crash. In kInvariant parts are whole rows; elsewhere parts of rows share pages with other ranks' parts.
TEST(MemoryOfRanks, ARankReadsItsPartOfTheFileOnly) {
  const support::TemporaryDirectory directory;
  const Json config = wide_config();
  support::write_random_checkpoint(directory.path(), config, {});
  const auto tensors = static_cast<std::int64_t>(support::llama_tensors(config).size());
  const std::vector<std::int32_t> ids = support::random_tokens(4096, 20);
  std::int64_t all = 0;
  std::vector<float> alone;
  for (std::int64_t ranks = 1; ranks <= 4; ++ranks) {
    run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
      const auto checkpoint = open_checkpoint(directory.path(), {});
      WeightStore store(*checkpoint);
      ViewLog log(store);
      const LoadOptions options{.traits = query_device_traits(),
                                .strategy = Strategy::kInvariant,
                                .rank = rank,
                                .ranks = ranks,
                                .context = 32};
      const std::string where = checkpoint->config_where();
      const BuiltModel built =
          build_model(family_of(families(), checkpoint->config(), where), checkpoint->config(), where, log, options);
      ThreadPool threads(1);
      NoObserver observer;
      Runner runner(built, threads, communicator, observer, {.context = 32, .chunk = 20, .wanted = 1});
      const std::int64_t left = log.protect_others(checkpoint->mapped_ranges()[0]);
      Sequence sequence = runner.create();
      const std::span<const float> logits = runner.extend(sequence, ids);
      if (ranks == 1) {
        all = store.bytes().mapped;
        alone.assign(logits.begin(), logits.end());
      }
      EXPECT_EQ(store.bytes().owned, 0);
      EXPECT_LT(ranks * store.bytes().mapped, all + all / 5) << "rank " << rank << " of " << ranks;
      EXPECT_LE(left, store.bytes().mapped + 2 * tensors * 4096) << "rank " << rank << " of " << ranks;
      EXPECT_TRUE(std::equal(logits.begin(), logits.end(), alone.begin(), alone.end())) << rank << " of " << ranks;
    });
  }
}

void expect_planned(const std::filesystem::path& path, std::optional<Format> format, std::int64_t ranks,
                    std::int64_t alone) {
  LoadOptions options{.traits = query_device_traits(), .ranks = ranks, .weight_format = format, .context = 64};
  const RunnerConfig config{.sequences = 2, .context = 64, .chunk = 32, .wanted = 2};
  ThreadPool threads(1);
  const std::shared_ptr<const Checkpoint> checkpoint = open_checkpoint(path, gguf_spellings(families()));
  const MemoryPlan plan = plan_memory(*checkpoint, families(), options, config, threads);
  ASSERT_EQ(plan.ranks.size(), static_cast<std::size_t>(ranks));
  for (options.rank = 0; options.rank < ranks; ++options.rank) {
    const RankMemory& planned = plan.ranks[static_cast<std::size_t>(options.rank)];
    const LoadedModel model = load_model(checkpoint, families(), options);
    NoObserver observer;
    // Only its sizes are asked for: it runs no step, and so calls no collective.
    const Runner runner(model.built, threads, self_communicator(), observer, config);
    const WeightBytes bytes = model.weights->bytes();
    const auto near = [&](std::int64_t wanted, std::int64_t got, const char* what) {
      EXPECT_NEAR(static_cast<double>(got), static_cast<double>(wanted), 0.01 * static_cast<double>(wanted))
          << what << " of rank " << options.rank << " of " << ranks;
    };
    near(planned.weights.mapped, bytes.mapped, "mapped");
    near(planned.weights.owned, bytes.owned, "owned");
    near(planned.runner.state, runner.state_bytes(), "state");
    near(planned.runner.scratch, runner.scratch_bytes(), "scratch");
    // Norms are whole on every rank, and heads of keys and values may be shared by two.
    const std::int64_t mine = bytes.mapped + bytes.owned;
    EXPECT_LT(ranks * mine, alone + alone * 2 / 5) << "rank " << options.rank << " of " << ranks;
    EXPECT_GT(ranks * mine, alone * 3 / 5) << "rank " << options.rank << " of " << ranks;
  }
}

std::int64_t planned_alone(const std::filesystem::path& path, std::optional<Format> format) {
  const LoadOptions options{.traits = query_device_traits(), .weight_format = format, .context = 64};
  const PlannedModel plan = plan_model(*open_checkpoint(path, gguf_spellings(families())), families(), options);
  return plan.source->bytes().mapped + plan.source->bytes().owned;
}

TEST(MemoryOfRanks, IsWhatThePlanSays) {
  const support::TemporaryDirectory directory;
  support::write_random_checkpoint(directory.path(), wide_config(), {});
  for (const std::optional<Format> format : {std::optional<Format>{}, std::optional(Format::kBF16),
                                             std::optional(Format::kInt4), std::optional(Format::kBfp8B)}) {
    const std::int64_t alone = planned_alone(directory.path(), format);
    for (std::int64_t ranks = 1; ranks <= 4; ++ranks) expect_planned(directory.path(), format, ranks, alone);
  }
}

TEST(MemoryOfRanks, OfSmolLM2IsWhatThePlanSays) {
  TTT_REQUIRE_MODEL(file, "TTT_SMOLLM2_GGUF");
  const std::int64_t alone = planned_alone(file, {});
  for (std::int64_t ranks = 1; ranks <= 4; ++ranks) expect_planned(file, {}, ranks, alone);
}

}  // namespace
}  // namespace ttt
