// Every encoder against what transformers computed, then the same model with several sequences in a step, on several
// ranks, in every strategy and format, and planned.

#include <gtest/gtest.h>

#include "collectives/threads.h"
#include "encoders/fixtures.h"
#include "runtime/memory_plan.h"

namespace ttt::encoders {
namespace {

constexpr std::int64_t kContext = 302;

// A sequence of the fixtures with the rows whose output they hold.
struct Text {
  Ids ids, types;
  Floats output;
  std::int64_t step = 1;  // every so many rows
};

class Encoders : public testing::TestWithParam<const char*> {
 protected:
  static Text text_of(int count) {
    const auto f = folder(GetParam());
    const std::string end = "_" + std::to_string(count) + ".npy";
    return {.ids = ids_in(f / ("ids" + end)),
            .types = ids_in(f / ("types" + end)),
            .output = support::read_npy(f / ("output" + end)),
            .step = count == 300 ? 4 : 1};
  }
  static TestModel model(LoadOptions options = exact(), std::int64_t threads = 2,
                         Communicator& communicator = self_communicator()) {
    return {folder(GetParam()), std::move(options), kContext, threads, communicator};
  }
  static TestModel file_model() {
    return {folder(GetParam()) / "model.gguf", exact(), kContext, 2, self_communicator()};
  }
  static Floats run(TestModel& m, const Text& t) {
    const auto rows = static_cast<std::int64_t>(t.ids.size());
    Runner runner = m.runner(64, rows);
    Sequence sequence = runner.create();
    std::vector<std::int64_t> wanted = every(t.step, rows);
    if (m.loaded().model().output() == OutputKind::kClasses) wanted.resize(1);
    const StepEntry entry{.sequence = &sequence, .rows = rows, .token_types = t.types};
    const auto output = runner.step({&entry, 1}, t.ids, wanted);
    return {output.begin(), output.end()};
  }
};

TEST_P(Encoders, EqualTransformers) {
  TestModel m = model();
  for (const int count : {16, 300}) {
    EXPECT_LT(error_of_range(text_of(count).output, run(m, text_of(count))), kTolerance) << count << " rows";
  }
}

TEST_P(Encoders, SequencesOfOneStepEqualSeparateRuns) {
  TestModel m = model();
  const Text a = text_of(16), b = text_of(300);
  Runner runner = m.runner(316, 316, 3);
  Sequence x = runner.create(), y = runner.create(), z = runner.create();
  // The last has no token types of its own: they are 0.
  Text c = a;
  std::ranges::fill(c.types, 0);
  c.ids.resize(1);
  c.types.resize(std::min<std::size_t>(c.types.size(), 1));
  c.output = run(m, c);
  const StepEntry entries[] = {
      {.sequence = &x, .rows = 16, .token_types = a.types},
      {.sequence = &y, .rows = 284, .token_types = std::span(b.types).first(b.types.empty() ? 0 : 284)},
      {.sequence = &z, .rows = 1}};
  Text shorter = b;
  shorter.ids.resize(284);
  shorter.types.resize(std::min<std::size_t>(b.types.size(), 284));
  Ids ids = a.ids;
  ids.insert(ids.end(), shorter.ids.begin(), shorter.ids.end());
  ids.push_back(c.ids[0]);
  const bool classes = m.loaded().model().output() == OutputKind::kClasses;
  std::vector<std::int64_t> wanted = every(1, 16);
  const std::vector<std::int64_t> of_b = every(4, 284, 16);
  wanted.insert(wanted.end(), of_b.begin(), of_b.end());
  wanted.push_back(300);
  if (classes) wanted = {3, 299, 300};
  const auto output = runner.step(entries, ids, wanted);
  const auto size_a = static_cast<std::ptrdiff_t>(a.output.size());
  const auto size_c = static_cast<std::ptrdiff_t>(c.output.size());
  EXPECT_LT(error_of_range(a.output, Floats(output.begin(), output.begin() + size_a)), kTolerance);
  EXPECT_LT(error_of_range(run(m, shorter), Floats(output.begin() + size_a, output.end() - size_c)), kTolerance);
  EXPECT_LT(max_abs_error(c.output, Floats(output.end() - size_c, output.end())), 1e-4);
}

TEST_P(Encoders, RanksAgree) {
  const Text t = text_of(300);
  for (const std::int64_t ranks : {2, 4}) {
    if (std::string(GetParam()) == "bert_mlm" || std::string(GetParam()) == "mpnet_mlm") {
      if (ranks > 2) continue;  // two heads
    }
    std::vector<Floats> output(static_cast<std::size_t>(ranks));
    run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
      TestModel m = model(exact(), 1, communicator);
      output[static_cast<std::size_t>(rank)] = run(m, t);
    });
    for (const Floats& other : output) EXPECT_EQ(other, output[0]) << ranks << " ranks";
    EXPECT_LT(error_of_range(t.output, output[0]), kTolerance) << ranks << " ranks";
  }
}

TEST_P(Encoders, StrategiesAgree) {
  const Text t = text_of(16);
  for (const Strategy strategy : {Strategy::kDefault, Strategy::kPerformance, Strategy::kAccuracy, Strategy::kMemory,
                                  Strategy::kReference, Strategy::kInvariant}) {
    TestModel m = model({.strategy = strategy});
    const double error = error_of_range(t.output, run(m, t));
    const bool in_f32 = strategy == Strategy::kAccuracy || strategy == Strategy::kReference;
    EXPECT_LT(error, in_f32 ? kTolerance : 0.05) << name_of(strategy);
  }
}

TEST_P(Encoders, InvariantIsBitwiseTheSame) {
  const Text t = text_of(300);
  TestModel one = model({.strategy = Strategy::kInvariant}, 1), three = model({.strategy = Strategy::kInvariant}, 3);
  EXPECT_EQ(run(one, t), run(three, t));
}

TEST_P(Encoders, ThePlanIsWhatIsAllocated) {
  const RunnerConfig config{.sequences = 2, .context = kContext, .chunk = 20, .wanted = 3};
  for (std::int64_t ranks = 1; ranks <= 2; ++ranks) {
    ThreadPool threads(2);
    const LoadOptions options{.traits = query_device_traits(), .ranks = ranks};
    const MemoryPlan plan = plan_memory(*open_checkpoint(folder(GetParam()), {}), families(), options, config, threads);
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

// Outputs for fewer rows than are wanted would mean to take the sequence in parts.
TEST_P(Encoders, ASequenceIsNotSplitForItsOutputs) {
  TestModel m = model();
  const Text t = text_of(16);
  if (m.loaded().model().output() == OutputKind::kClasses) return;
  Runner runner = m.runner(64, 3);
  Sequence s = runner.create();
  std::int64_t taken = 0;
  const auto take = [&](std::int64_t, std::span<const float>) { ++taken; };
  try {
    runner.extend(s, t.ids, 16 - 4, take);
    ADD_FAILURE() << "wanted an error";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kUsage);
    EXPECT_NE(std::string(e.what()).find("taken whole"), std::string::npos) << e.what();
  }
  EXPECT_EQ(s.length(), 0);
  runner.extend(s, t.ids, 16 - 3, take);
  EXPECT_EQ(taken, 1);
}

// What a model says of types is what it takes, and a step that is refused leaves the sequence as it was.
TEST_P(Encoders, TypesOutOfRangeAreRefused) {
  TestModel m = model();
  const Text t = text_of(16);
  const std::int64_t types = m.loaded().model().token_types();
  if (!t.types.empty()) {
    EXPECT_EQ(types, 1 + *std::ranges::max_element(t.types));
  }
  if (types == 0) return;
  Runner runner = m.runner(64, 16);
  Sequence sequence = runner.create();
  Ids wrong(16, 0);
  wrong[7] = static_cast<std::int32_t>(types);
  const StepEntry entry{.sequence = &sequence, .rows = 16, .token_types = wrong};
  const std::int64_t wanted = 0;
  try {
    runner.step({&entry, 1}, t.ids, {&wanted, 1});
    ADD_FAILURE() << "wanted an error";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kUsage);
    const std::string said = e.what(), end = text("token type wanted 0 to ", types - 1, ", got ", types);
    EXPECT_TRUE(said.ends_with(end)) << said;
    EXPECT_NE(said.find("embeddings.word_embeddings]"), std::string::npos) << said;
  }
  EXPECT_EQ(sequence.length(), 0);
}

// The same weights in a GGUF file, as tools/make_encoder_gguf.py writes it.
class EncoderFiles : public Encoders {};

TEST_P(EncoderFiles, EqualTransformers) {
  TestModel m = file_model();
  for (const int count : {16, 300}) {
    EXPECT_LT(error_of_range(text_of(count).output, run(m, text_of(count))), kTolerance) << count << " rows";
  }
  EXPECT_EQ(m.loaded().weights->unused(), std::vector<std::string>{});
}

INSTANTIATE_TEST_SUITE_P(Families, EncoderFiles,
                         testing::Values("bert", "distilbert", "roberta", "roberta_class", "t5_encoder"),
                         [](const auto& a) { return std::string(a.param); });

INSTANTIATE_TEST_SUITE_P(Families, Encoders,
                         testing::Values("bert", "bert_mlm", "bert_class", "roberta", "roberta_class",
                                         "xlm_roberta_mlm", "distilbert", "distilbert_mlm", "distilbert_class", "mpnet",
                                         "mpnet_mlm", "mpnet_class", "t5_encoder", "modernbert", "modernbert_mlm",
                                         "modernbert_class", "bert_tokens", "roberta_tokens", "xlm_roberta_tokens",
                                         "distilbert_tokens", "distilbert_answer", "mpnet_tokens", "modernbert_tokens"),
                         [](const auto& a) { return std::string(a.param); });

}  // namespace
}  // namespace ttt::encoders
