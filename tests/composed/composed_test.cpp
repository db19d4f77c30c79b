// Every feature on many models, architectures that share nothing but the blocks: against the logits that transformers
// computed, then the same model split, batched, cut over ranks, planned, and in every strategy and format.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "collectives/threads.h"
#include "models/families.h"
#include "runtime/memory_plan.h"
#include "support/model.h"
#include "support/npy.h"
#include "testing/metrics.h"

namespace ttt {
namespace {

using support::TestModel;
using Ids = std::vector<std::int32_t>;

constexpr std::int64_t kContext = 64;  // of every configuration

class Composed : public testing::TestWithParam<const char*> {
 protected:
  std::filesystem::path directory() const {
    return std::filesystem::path(TTT_SOURCE_DIR) / "tests/golden/composed" / GetParam();
  }
  Ids ids() const { return support::read_npy_of<std::int32_t>(directory() / "ids.npy", "<i4"); }
  std::vector<float> golden() const { return support::read_npy(directory() / "logits.npy"); }

  TestModel model(LoadOptions options, std::int64_t threads = 2,
                  Communicator& communicator = self_communicator()) const {
    return {directory(), std::move(options), kContext, threads, communicator, families()};
  }
  // Logits on so many ranks; all must have the same.
  std::vector<float> logits_on(std::int64_t ranks, const LoadOptions& options, std::int64_t prefill,
                               std::int64_t chunk) const {
    const Ids tokens = ids();
    std::vector<std::vector<float>> logits(static_cast<std::size_t>(ranks));
    run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
      logits[static_cast<std::size_t>(rank)] = model(options, 1, communicator).logits(tokens, prefill, chunk);
    });
    for (const auto& other : logits) EXPECT_EQ(other, logits[0]) << ranks << " ranks";
    return logits[0];
  }
};

double error_of_range(const std::vector<float>& wanted, const std::vector<float>& got) {
  const auto [least, most] = std::ranges::minmax(wanted);
  return max_abs_error(wanted, got) / static_cast<double>(most - least);
}

// The median over rows of how well two models agree, which a few rows whose router jumped do not move.
double median_row_pcc(std::span<const float> wanted, std::span<const float> got, std::size_t rows) {
  std::vector<double> of_row;
  const std::size_t vocab = wanted.size() / rows;
  for (std::size_t r = 0; r < rows; ++r)
    of_row.push_back(pcc(wanted.subspan(r * vocab, vocab), got.subspan(r * vocab, vocab)));
  std::ranges::nth_element(of_row, of_row.begin() + static_cast<std::ptrdiff_t>(rows / 2));
  return of_row[rows / 2];
}

LoadOptions exact() { return {.weight_format = Format::kF32, .state_format = Format::kF32}; }

// Sums of at most 192 products over some twenty operations in a row: 20 * sqrt(192) * 2^-24.
constexpr double kTolerance = 1.7e-5;

TEST_P(Composed, EqualsTransformers) {
  const Ids tokens = ids();
  EXPECT_LT(error_of_range(golden(), model(exact()).logits(tokens, 40, 40)), kTolerance);
}

TEST_P(Composed, SplitsAgree) {
  const Ids tokens = ids();
  TestModel m = model(exact());
  for (const std::int64_t page_rows : {0, 4, 16}) {
    EXPECT_LT(error_of_range(golden(), m.logits(tokens, 40, 7, page_rows)), kTolerance) << "chunks, " << page_rows;
    EXPECT_LT(error_of_range(golden(), m.logits(tokens, 0, 1, page_rows)), kTolerance) << "one by one, " << page_rows;
    EXPECT_LT(error_of_range(golden(), m.logits(tokens, 19, 11, page_rows)), kTolerance) << "both, " << page_rows;
  }
}

TEST_P(Composed, AnyMixtureOfSequencesEqualsSeparateRuns) {
  const Ids tokens = ids();
  TestModel m = model(exact());
  Runner runner = m.runner(24, 24, 3, 8);
  const auto vocab = static_cast<std::size_t>(runner.vocab());
  // Each sequence begins somewhere else in the tokens and grows by another number of rows.
  struct Part {
    std::size_t from;
    std::int64_t rows;
    Sequence sequence;
    std::vector<float> logits = {};
  };
  std::vector<Part> parts;
  for (const auto& [from, rows] : {std::pair{0u, 1}, std::pair{5u, 7}, std::pair{11u, 3}}) {
    parts.push_back({from, rows, runner.create()});
  }
  for (int step = 0; step < 4; ++step) {
    std::vector<StepEntry> entries;
    Ids step_ids;
    for (Part& p : parts) {
      const auto begin = tokens.begin() + static_cast<std::ptrdiff_t>(p.from) + step * p.rows;
      step_ids.insert(step_ids.end(), begin, begin + p.rows);
      entries.push_back({.sequence = &p.sequence, .rows = p.rows});
    }
    std::vector<std::int64_t> wanted(step_ids.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] = static_cast<std::int64_t>(i);
    const auto logits = runner.step(entries, step_ids, wanted);
    auto at = logits.begin();
    for (Part& p : parts) {
      const auto count = static_cast<std::ptrdiff_t>(p.rows) * static_cast<std::ptrdiff_t>(vocab);
      p.logits.insert(p.logits.end(), at, at + count);
      at += count;
    }
  }
  for (const Part& p : parts) {
    const Ids alone(tokens.begin() + static_cast<std::ptrdiff_t>(p.from),
                    tokens.begin() + static_cast<std::ptrdiff_t>(p.from) + 4 * p.rows);
    const auto n = static_cast<std::int64_t>(alone.size());
    EXPECT_LT(error_of_range(m.logits(alone, n, n), p.logits), kTolerance) << "from " << p.from;
  }
}

TEST_P(Composed, RanksAgree) {
  for (std::int64_t ranks = 2; ranks <= 4; ++ranks) {
    EXPECT_LT(error_of_range(golden(), logits_on(ranks, exact(), 33, 20)), kTolerance) << ranks << " ranks";
  }
}

TEST_P(Composed, StrategiesAgree) {
  const Ids tokens = ids();
  for (const Strategy strategy : {Strategy::kDefault, Strategy::kPerformance, Strategy::kAccuracy, Strategy::kMemory,
                                  Strategy::kReference, Strategy::kInvariant}) {
    LoadOptions options;
    options.strategy = strategy;
    const std::vector<float> logits = model(options).logits(tokens, 33, 20);
    // Weights are bf16 as stored. So are activations on machines that multiply bf16 (all but two strategies), where a
    // router may choose another expert for a row: a jump of few rows, which the median does not see. kMemory keeps rows
    // of the state in int8, too.
    const bool in_f32 = strategy == Strategy::kAccuracy || strategy == Strategy::kReference;
    EXPECT_GT(pcc(golden(), logits), in_f32 ? 0.999 : 0.995) << name_of(strategy);
    EXPECT_GT(median_row_pcc(golden(), logits, tokens.size()), 0.999) << name_of(strategy);
    if (strategy == Strategy::kReference) {
      EXPECT_LT(error_of_range(golden(), logits), kTolerance);
    }
  }
}

TEST_P(Composed, FormatsRun) {
  const Ids tokens = ids();
  // Weights of these shapes have no redundancy, and a router that chooses another expert jumps.
  const std::pair<Format, double> weights[] = {{Format::kF16, 0.9999}, {Format::kBF16, 0.995}, {Format::kInt8, 0.99},
                                               {Format::kBfp8B, 0.99}, {Format::kInt4, 0.6},   {Format::kBfp4B, 0.6}};
  for (const auto& [format, least] : weights) {
    for (std::int64_t ranks = 1; ranks <= 3; ++ranks) {
      const std::vector<float> logits = logits_on(ranks, {.weight_format = format}, 33, 20);
      EXPECT_GT(pcc(golden(), logits), least) << name_of(format) << " on " << ranks << " ranks";
      if (format == Format::kBF16) {
        EXPECT_GT(median_row_pcc(golden(), logits, tokens.size()), 0.999) << ranks << " ranks";
      }
    }
  }
  const std::pair<Format, double> states[] = {{Format::kBF16, 0.999}, {Format::kInt8, 0.995}, {Format::kBfp8B, 0.995}};
  for (const auto& [format, least] : states) {
    LoadOptions options = exact();
    options.state_format = format;
    EXPECT_GT(pcc(golden(), model(options).logits(tokens, 33, 20, 4)), least) << "state in " << name_of(format);
  }
}

// Bitwise: rows, splits, threads and ranks change nothing.
TEST_P(Composed, InvariantIsBitwiseTheSame) {
  const Ids tokens = ids();
  LoadOptions options;
  options.strategy = Strategy::kInvariant;
  const std::vector<float> whole = model(options, 1).logits(tokens, 40, 40);
  EXPECT_EQ(model(options, 3).logits(tokens, 40, 7), whole) << "chunks on three threads";
  EXPECT_EQ(model(options, 2).logits(tokens, 0, 1, 4), whole) << "one by one";
  for (std::int64_t ranks = 2; ranks <= 4; ++ranks) {
    EXPECT_EQ(logits_on(ranks, options, 29, 13), whole) << ranks << " ranks";
  }
}

TEST_P(Composed, ThePlanIsWhatIsAllocated) {
  const RunnerConfig config{.sequences = 2, .context = kContext, .chunk = 20, .wanted = 3};
  for (std::int64_t ranks = 1; ranks <= 3; ++ranks) {
    ThreadPool threads(2);
    const LoadOptions options{.traits = query_device_traits(), .ranks = ranks};
    const MemoryPlan plan = plan_memory(*open_checkpoint(directory(), {}), families(), options, config, threads);
    run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
      TestModel m = model({}, 2, communicator);
      const Runner runner = m.runner(config.chunk, config.wanted, config.sequences);
      const RankMemory& planned = plan.ranks.at(static_cast<std::size_t>(rank));
      EXPECT_EQ(planned.weights.mapped, m.loaded().weights->bytes().mapped);
      EXPECT_EQ(planned.weights.owned, m.loaded().weights->bytes().owned);
      EXPECT_EQ(planned.runner.state, runner.state_bytes());
      EXPECT_EQ(planned.runner.scratch, runner.scratch_bytes());
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, Composed,
                         testing::Values("gpt2", "gpt_neox", "gemma2", "gemma3_text", "olmo2", "cohere", "cohere2",
                                         "deepseek_v2", "deepseek_v3", "glm4_moe", "gpt_oss", "llama4_text", "qwen2",
                                         "qwen3", "qwen2_moe", "qwen2_moe_all", "qwen3_moe", "qwen3_moe_window"),
                         [](const auto& a) { return std::string(a.param); });

}  // namespace
}  // namespace ttt
