// Every encoder-decoder against what transformers computed, with the decoder's rows in one step, in chunks, one by one
// and of several sequences at once, on several ranks, in every strategy, and planned.

#include <gtest/gtest.h>

#include "collectives/threads.h"
#include "encoders/fixtures.h"
#include "runtime/generate.h"
#include "runtime/memory_plan.h"
#include "runtime/text_batch.h"

namespace ttt::encoders {
namespace {

constexpr std::int64_t kTargets = 64, kSource = 300;

struct Pair {
  Ids source, target, greedy;
  Floats output;
};

LoadOptions with_source(LoadOptions options, std::int64_t rows = kSource) {
  options.source_rows = rows;
  return options;
}

class Translators : public testing::TestWithParam<const char*> {
 protected:
  static Pair pair_of(int count) {
    const auto f = folder(GetParam());
    const std::string end = "_" + std::to_string(count) + ".npy";
    return {.source = ids_in(f / ("source" + end)),
            .target = ids_in(f / ("target" + end)),
            .greedy = ids_in(f / ("greedy" + end)),
            .output = support::read_npy(f / ("output" + end))};
  }
  static TestModel model(LoadOptions options = exact(), std::int64_t threads = 2,
                         Communicator& communicator = self_communicator()) {
    return {folder(GetParam()), with_source(std::move(options)), kTargets, threads, communicator};
  }
  // Logits of all targets: the first `prefill` in chunks, the rest one by one.
  static Floats run(TestModel& m, const Pair& p, std::int64_t prefill, std::int64_t chunk, std::int64_t page_rows = 0) {
    Runner runner = m.runner(chunk, chunk, 1, page_rows);
    Sequence sequence = runner.create();
    runner.encode(sequence, p.source);
    EXPECT_EQ(sequence.length(), 0);
    EXPECT_EQ(sequence.source_rows(), static_cast<std::int64_t>(p.source.size()));
    Floats all;
    const auto take = [&](std::int64_t, std::span<const float> rows) {
      all.insert(all.end(), rows.begin(), rows.end());
    };
    const std::span<const std::int32_t> target(p.target);
    if (prefill > 0) runner.extend(sequence, target.first(static_cast<std::size_t>(prefill)), 0, take);
    for (auto i = static_cast<std::size_t>(prefill); i < target.size(); ++i) {
      runner.extend(sequence, target.subspan(i, 1), 0, take);
    }
    return all;
  }
};

TEST_P(Translators, EqualTransformersHoweverTheTargetIsSplit) {
  TestModel m = model();
  for (const int count : {16, 300}) {
    const Pair p = pair_of(count);
    EXPECT_LT(error_of_range(p.output, run(m, p, 24, 24)), kTolerance) << count << " rows, one step";
    EXPECT_LT(error_of_range(p.output, run(m, p, 24, 7)), kTolerance) << count << " rows, chunks";
    EXPECT_LT(error_of_range(p.output, run(m, p, 0, 1, 16)), kTolerance) << count << " rows, one by one";
    EXPECT_LT(error_of_range(p.output, run(m, p, 13, 9, 8)), kTolerance) << count << " rows, both";
  }
}

TEST_P(Translators, GreedyTokensEqualThoseOfTransformers) {
  TestModel m = model();
  for (const int count : {16, 300}) {
    const Pair p = pair_of(count);
    Runner runner = m.runner(8, 1);
    const Ids start{p.target[0]};
    const Generated made =
        generate(runner, start, {.max_new_tokens = 32, .source = p.source}, [](std::int32_t) { return true; });
    EXPECT_EQ(made.ids, p.greedy) << count << " rows";
  }
}

TEST_P(Translators, SequencesOfOneStepEqualSeparateRuns) {
  TestModel m = model();
  const Pair a = pair_of(16), b = pair_of(300);
  Runner runner = m.runner(44, 44, 3);
  Sequence x = runner.create(), y = runner.create();
  // Sources in one step where they fit, else one after the other.
  Pair c = b;
  c.source.resize(284);
  const StepEntry sources[] = {{.sequence = &x, .rows = 16}, {.sequence = &y, .rows = 284}};
  Ids ids = a.source;
  ids.insert(ids.end(), c.source.begin(), c.source.end());
  runner.encode(sources, ids);
  const StepEntry targets[] = {{.sequence = &x, .rows = 24}, {.sequence = &y, .rows = 20}};
  Ids both = a.target;
  both.insert(both.end(), b.target.begin(), b.target.begin() + 20);
  const auto output = runner.step(targets, both, every(1, 44));
  EXPECT_LT(error_of_range(a.output, Floats(output.begin(), output.begin() + std::ssize(a.output))), kTolerance);
  c.target.resize(20);
  EXPECT_LT(error_of_range(run(m, c, 20, 20), Floats(output.begin() + std::ssize(a.output), output.end())), kTolerance);
  // A fork has the source of the sequence that it comes from.
  Sequence fork = y.fork();
  EXPECT_EQ(fork.source_rows(), 284);
}

TEST_P(Translators, RanksAgree) {
  const Pair p = pair_of(300);
  for (const std::int64_t ranks : {2, 4}) {
    std::vector<Floats> output(static_cast<std::size_t>(ranks));
    const std::string name = GetParam();
    if (ranks > 2 && (name == "t5_gated" || name == "bart_scaled")) continue;  // three heads, two heads
    run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
      TestModel m = model(exact(), 1, communicator);
      output[static_cast<std::size_t>(rank)] = run(m, p, 17, 10);
    });
    for (const Floats& other : output) EXPECT_EQ(other, output[0]) << ranks << " ranks";
    EXPECT_LT(error_of_range(p.output, output[0]), kTolerance) << ranks << " ranks";
  }
}

TEST_P(Translators, StrategiesAgree) {
  const Pair p = pair_of(16);
  for (const Strategy strategy : {Strategy::kDefault, Strategy::kPerformance, Strategy::kAccuracy, Strategy::kMemory,
                                  Strategy::kReference, Strategy::kInvariant}) {
    TestModel m = model({.strategy = strategy});
    const Floats output = run(m, p, 17, 10);
    const bool in_f32 = strategy == Strategy::kAccuracy || strategy == Strategy::kReference;
    EXPECT_GT(pcc(p.output, output), in_f32 ? 0.99999 : 0.99) << name_of(strategy);
    if (strategy == Strategy::kInvariant) {
      EXPECT_EQ(run(m, p, 0, 1), output);
    }
  }
}

TEST_P(Translators, ThePlanIsWhatIsAllocated) {
  for (const std::int64_t source : {40, 300}) {
    const RunnerConfig config{.sequences = 2, .context = kTargets, .chunk = 20, .wanted = 3};
    for (std::int64_t ranks = 1; ranks <= 2; ++ranks) {
      ThreadPool threads(2);
      const LoadOptions options =
          with_source({.traits = query_device_traits(), .ranks = ranks, .context = kTargets}, source);
      const MemoryPlan plan =
          plan_memory(*open_checkpoint(folder(GetParam()), {}), families(), options, config, threads);
      run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
        TestModel m(folder(GetParam()), with_source({}, source), kTargets, 2, communicator);
        Runner runner = m.runner(config.chunk, config.wanted, config.sequences);
        const RankMemory& planned = plan.ranks.at(static_cast<std::size_t>(rank));
        EXPECT_EQ(planned.weights.mapped, m.loaded().weights->bytes().mapped);
        EXPECT_EQ(planned.weights.owned, m.loaded().weights->bytes().owned);
        EXPECT_EQ(planned.runner.state, runner.state_bytes());
        EXPECT_EQ(planned.runner.scratch, runner.scratch_bytes());
        // The longest source fits into what was planned.
        Sequence sequence = runner.create();
        Ids ids = pair_of(300).source;
        ids.resize(static_cast<std::size_t>(source));
        runner.encode(sequence, ids);
      });
    }
  }
}

TEST_P(Translators, RefuseWhatCannotBe) {
  TestModel m = model();
  const Pair p = pair_of(16);
  Runner runner = m.runner(8, 1, 2);
  Sequence x = runner.create(), y = runner.create();
  const auto message = [](const auto& call) {
    try {
      call();
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_EQ(message([&] { runner.extend(x, std::span(p.target).first(1)); }),
            "[step] entry 0 wanted a sequence whose source is encoded (Runner::encode), got one without");
  EXPECT_EQ(message([&] { runner.encode(x, Ids(301, 5)); }),
            "a source wanted at most 300 tokens (LoadOptions::source_rows), got 301");
  EXPECT_EQ(message([&] { runner.encode(x, Ids{}); }), "a source wanted at least one token, got none");
  runner.encode(x, p.source);
  EXPECT_EQ(message([&] { runner.encode(x, p.source); }),
            "[step] entry 0 wanted a sequence without a source, got one with 16 rows");
  runner.extend(x, std::span(p.target).first(1));
  EXPECT_EQ(message([&] { runner.encode(x, p.source); }), "a source wanted a sequence without tokens, got one with 1");
}

// The same weights in a GGUF file, as tools/make_encoder_gguf.py writes it.
class TranslatorFiles : public Translators {};

TEST_P(TranslatorFiles, EqualTransformers) {
  TestModel m(folder(GetParam()) / "model.gguf", with_source(exact()), kTargets, 2, self_communicator());
  for (const int count : {16, 300}) {
    const Pair p = pair_of(count);
    EXPECT_LT(error_of_range(p.output, run(m, p, 24, 24)), kTolerance) << count << " rows";
  }
  EXPECT_EQ(m.loaded().weights->unused(), std::vector<std::string>{});
}

INSTANTIATE_TEST_SUITE_P(Families, TranslatorFiles, testing::Values("t5"),
                         [](const auto& a) { return std::string(a.param); });

// BART's classes: the decoder reads the source, shifted, and the head its last row.
TEST(TranslatorsWithClasses, EqualTransformers) {
  const auto f = folder("bart_class");
  TestModel m(f, with_source(exact(), 300), 300, 2, self_communicator());
  EXPECT_EQ(m.loaded().model().output(), OutputKind::kClasses);
  const ShiftedSource shifted = shifted_source(*open_checkpoint(f, {}));
  Runner runner = m.runner(300, 1);
  std::vector<Encoding> texts;
  Floats wanted;
  for (const std::string end : {"_16.npy", "_300.npy"}) {
    texts.push_back({.ids = ids_in(f / ("ids" + end)), .types = {}});
    const Floats row = support::read_npy(f / ("output" + end));
    wanted.insert(wanted.end(), row.begin(), row.end());
  }
  EXPECT_LT(error_of_range(wanted, classes_of(runner, texts, shifted)), kTolerance);
  texts[1].ids.back() = 7;
  try {
    classes_of(runner, texts, shifted);
    ADD_FAILURE() << "wanted an error";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kUsage);
    EXPECT_NE(std::string(e.what()).find("wanted to end in id 2 (eos_token_id), got 7"), std::string::npos) << e.what();
  }
}

INSTANTIATE_TEST_SUITE_P(Families, Translators, testing::Values("t5", "t5_gated", "bart", "bart_scaled"),
                         [](const auto& a) { return std::string(a.param); });

}  // namespace
}  // namespace ttt::encoders
