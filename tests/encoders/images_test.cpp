// Image models, whose steps have rows in place of ids.

#include <gtest/gtest.h>

#include "collectives/threads.h"
#include "encoders/fixtures.h"
#include "runtime/image_rows.h"
#include "runtime/memory_plan.h"

namespace ttt::encoders {
namespace {

std::string message_of(const auto& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.what();
  }
  return {};
}

class Images : public testing::TestWithParam<const char*> {
 protected:
  static Floats golden() { return support::read_npy(folder(GetParam()) / "output.npy"); }
  static ImageRows image(float factor = 1) {
    Floats pixels = support::read_npy(folder(GetParam()) / "pixels.npy");
    for (float& v : pixels) v *= factor;
    const bool wide = std::string(GetParam()) == "vit_class";
    const std::int64_t shape[] = {3, wide ? 12 : 20, 20};
    const auto checkpoint = open_checkpoint(folder(GetParam()), {});
    return image_rows(checkpoint->config(), checkpoint->config_where(), shape, pixels);
  }
  static TestModel model(const ImageRows& image, LoadOptions options = exact(), std::int64_t threads = 2,
                         Communicator& communicator = self_communicator()) {
    return {folder(GetParam()), std::move(options), image.rows, threads, communicator};
  }
  static StepEntry entry_of(Sequence& sequence, const ImageRows& image) {
    return {
        .sequence = &sequence, .rows = image.rows, .given = view_of(image.values.data(), {image.rows, image.width})};
  }
  static Floats run(TestModel& m, const ImageRows& image) {
    Runner runner = m.runner(image.rows, image.rows);
    Sequence sequence = runner.create();
    std::vector<std::int64_t> wanted = every(1, image.rows);
    if (m.loaded().model().output() == OutputKind::kClasses) wanted.resize(1);
    const StepEntry entry = entry_of(sequence, image);
    const auto output = runner.step({&entry, 1}, {}, wanted);
    return {output.begin(), output.end()};
  }
};

TEST_P(Images, EqualTransformers) {
  ImageRows rows = image();
  TestModel m = model(rows);
  EXPECT_EQ(m.loaded().model().max_rows(), rows.rows);
  EXPECT_LT(error_of_range(golden(), run(m, rows)), kTolerance);
  // The class token's row is not read.
  std::fill_n(rows.values.begin(), rows.width, 1e6f);
  EXPECT_LT(error_of_range(golden(), run(m, rows)), kTolerance);
  for (const std::int64_t ranks : {2, 4}) {
    run_ranks(ranks, [&](std::int64_t, Communicator& communicator) {
      TestModel part = model(rows, exact(), 1, communicator);
      EXPECT_LT(error_of_range(golden(), run(part, rows)), kTolerance) << ranks << " ranks";
    });
  }
}

TEST_P(Images, SeveralInOneStepEqualSeparateRuns) {
  const ImageRows a = image(), b = image(-0.5f);
  TestModel m = model(a);
  // A step has room for a context of rows, so two images need one of twice as many.
  const Floats alone = run(m, b);
  StatePool pool(m.loaded().tree().states, {.sequences = 2, .context = a.rows, .step_rows = 2 * a.rows});
  StepBuilder builder(pool, 2 * a.rows, 2, a.width);
  Sequence x = pool.create(), y = pool.create();
  const StepEntry entries[] = {entry_of(x, a), entry_of(y, b)};
  const bool classes = m.loaded().model().output() == OutputKind::kClasses;
  const std::vector<std::int64_t> wanted = classes ? std::vector<std::int64_t>{0, a.rows} : every(1, 2 * a.rows);
  const Step step = builder.prepare(entries, {}, wanted);
  EXPECT_EQ(step.given.shape, (Shape{2 * a.rows, a.width}));
  Floats output(2 * alone.size());
  const Model& built = m.loaded().model();
  const TensorView out = view_of(output.data(), {std::ssize(wanted), built.output_size()});
  NoObserver none;
  Scratch planned = Scratch::planned();
  Exec plan(m.threads(), planned, self_communicator(), none, Exec::Mode::kPlan);
  built.forward(plan, step, out);
  Scratch scratch(planned.peak());
  Exec exec(m.threads(), scratch, self_communicator(), none);
  built.forward(exec, step, out);
  EXPECT_LT(error_of_range(golden(), Floats(output.begin(), output.begin() + std::ssize(alone))), kTolerance);
  EXPECT_LT(error_of_range(alone, Floats(output.begin() + std::ssize(alone), output.end())), kTolerance);
}

TEST_P(Images, StrategiesAgree) {
  const ImageRows rows = image();
  for (const Strategy strategy : {Strategy::kDefault, Strategy::kPerformance, Strategy::kAccuracy, Strategy::kMemory,
                                  Strategy::kReference, Strategy::kInvariant}) {
    TestModel m = model(rows, {.strategy = strategy});
    const bool in_f32 = strategy == Strategy::kAccuracy || strategy == Strategy::kReference;
    EXPECT_LT(error_of_range(golden(), run(m, rows)), in_f32 ? kTolerance : 0.05) << name_of(strategy);
  }
}

TEST_P(Images, ThePlanIsWhatIsAllocated) {
  const ImageRows rows = image();
  const RunnerConfig config{.sequences = 1, .context = rows.rows, .chunk = rows.rows, .wanted = 3};
  ThreadPool threads(2);
  const MemoryPlan plan = plan_memory(*open_checkpoint(folder(GetParam()), {}), families(),
                                      {.traits = query_device_traits()}, config, threads);
  TestModel m = model(rows, {});
  const Runner runner = m.runner(config.chunk, config.wanted);
  const RankMemory& planned = plan.ranks.at(0);
  EXPECT_EQ(planned.weights.mapped, m.loaded().weights->bytes().mapped);
  EXPECT_EQ(planned.weights.owned, m.loaded().weights->bytes().owned);
  EXPECT_EQ(planned.runner.state, runner.state_bytes());
  EXPECT_EQ(planned.runner.scratch, runner.scratch_bytes());
  EXPECT_EQ(planned.runner.given, rows.rows * rows.width * 4);
}

TEST_P(Images, RefuseWhatIsNoImage) {
  const ImageRows rows = image();
  TestModel m = model(rows);
  Runner runner = m.runner(rows.rows, 1);
  Sequence sequence = runner.create();
  StepEntry entry = entry_of(sequence, rows);
  const std::vector<std::int64_t> wanted{0};
  EXPECT_NE(message_of([&] { runner.extend(sequence, Ids{1, 2}); }), "");
  entry.given = view_of(rows.values.data(), {rows.rows, rows.width - 1});
  EXPECT_EQ(message_of([&] {
              runner.step({&entry, 1}, {}, wanted);
            }),
            text("[step] entry 0 wanted given rows f32 [", rows.rows, ", 48], got f32 [", rows.rows, ", 47]"));
  TestModel ids(folder("bert"), exact(), 32);
  Runner reads_ids = ids.runner(32, 1);
  Sequence other = reads_ids.create();
  const StepEntry given{.sequence = &other, .rows = 2, .given = view_of(rows.values.data(), {2, 48})};
  EXPECT_EQ(message_of([&] {
              reads_ids.step({&given, 1}, Ids{1, 2}, wanted);
            }),
            "[step] entry 0 wanted ids, as the model takes no rows, got rows [2, 48]");
  EXPECT_THROW(reads_ids.encode(other, Ids{1}), Error);
}

INSTANTIATE_TEST_SUITE_P(Families, Images,
                         testing::Values("vit", "vit_class", "dinov2", "dinov2_gated", "dinov2_class"),
                         [](const auto& a) { return std::string(a.param); });

}  // namespace
}  // namespace ttt::encoders
