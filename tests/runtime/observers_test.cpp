// Observers of a whole model: taps, replacements, time and cost by place.

#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/observers/tap_observer.h"
#include "runtime/observers/time_observer.h"
#include "support/model.h"
#include "support/tiny_model.h"

namespace ttt {
namespace {

using support::TestModel;

class Observers : public testing::Test {
 protected:
  void SetUp() override { support::write_random_checkpoint(directory_.path(), support::golden_config("gqa"), {}); }

  std::vector<float> logits(TestModel& model, Observer& observer) {
    Runner runner(model.loaded().built, model.threads(), self_communicator(), observer, {.context = 32, .chunk = 16});
    Sequence sequence = runner.create();
    const std::span<const float> last = runner.extend(sequence, support::random_tokens(100, 12));
    return {last.begin(), last.end()};
  }
  support::TemporaryDirectory directory_;
};

float* values(const TensorView& y) { return y.row<float>(0); }

TEST_F(Observers, TapsSeeEveryPlaceOfAPattern) {
  TestModel model(directory_.path(), {}, 32);
  NoObserver nothing;
  const std::vector<float> plain = logits(model, nothing);
  TapObserver taps(model.loaded().tree());
  std::vector<std::string> seen;
  std::vector<float> head;
  taps.add("model.layers.*.mlp", [&](const Place& place, TensorView y) {
    EXPECT_EQ(y.dim(0), 12);
    seen.emplace_back(place.path);
  });
  taps.add("lm_head", [&](const Place&, TensorView y) { head.assign(values(y), values(y) + y.shape.elements()); });
  const std::vector<float> tapped = logits(model, taps);
  EXPECT_EQ(tapped, plain);
  EXPECT_EQ(head, plain);
  ASSERT_GE(seen.size(), 2u);
  EXPECT_EQ(seen[0], "model.layers.0.mlp");
  EXPECT_EQ(seen[1], "model.layers.1.mlp");
}

// What a block is about to add to the stream can be looked at and replaced, though it is fused when nobody looks.
TEST_F(Observers, ReplacedOutputsTakeEffect) {
  TestModel model(directory_.path(), {}, 32);
  NoObserver nothing;
  const std::vector<float> plain = logits(model, nothing);
  TapObserver looks(model.loaded().tree());
  int calls = 0;
  looks.add("model.layers.*.self_attn.o_proj", [&](const Place&, TensorView) { ++calls; });
  const std::vector<float> looked = logits(model, looks);
  EXPECT_GT(calls, 1);
  for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_NEAR(looked[i], plain[i], 1e-4);

  TapObserver silences(model.loaded().tree());
  const auto zero = [](const Place&, TensorView y) { std::fill_n(values(y), y.shape.elements(), 0.0f); };
  silences.add("model.layers.*.self_attn.o_proj", zero);
  silences.add("model.layers.*.mlp.down_proj", zero);
  std::vector<float> embedded, normed;
  silences.add("model.embed_tokens",
               [&](const Place&, TensorView y) { embedded.assign(values(y), values(y) + y.shape.elements()); });
  silences.add("model.layers.1.mlp",
               [&](const Place&, TensorView y) { normed.assign(values(y), values(y) + y.shape.elements()); });
  EXPECT_NE(logits(model, silences), plain);
  EXPECT_EQ(normed, embedded);  // nothing was added on the way
}

TEST_F(Observers, PatternsThatMatchNothingAreRefused) {
  TestModel model(directory_.path(), {}, 32);
  TapObserver taps(model.loaded().tree());
  EXPECT_THROW(taps.add("model.layers.*.attention", [](const Place&, TensorView) {}), Error);
}

TEST_F(Observers, TimeAndWorkAddUp) {
  TestModel model(directory_.path(), {}, 32);
  const ModelTree& tree = model.loaded().tree();
  TimeObserver times(tree.places.size());
  times.begin();
  const auto begin = std::chrono::steady_clock::now();
  logits(model, times);
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  double seconds = 0, operations = 0;
  for (const BlockRecord& b : tree.blocks) {
    const TimeObserver::Counters& counters = times.counters()[static_cast<std::size_t>(b.place.index)];
    EXPECT_EQ(counters.calls, 1) << b.place.path;
    EXPECT_GT(counters.seconds, 0) << b.place.path;
    EXPECT_GT(counters.bytes, 0) << b.place.path;
    seconds += counters.seconds;
    operations += counters.operations;
  }
  EXPECT_LE(seconds, took);
  const double planned =
      plan_step(model.loaded().built, model.threads(), self_communicator(), {.context = 32, .chunk = 16}, 12, 1)
          .operations;
  EXPECT_NEAR(operations, planned, 1e-9 * planned);
  times.clear();
  for (const TimeObserver::Counters& counters : times.counters()) EXPECT_EQ(counters.calls, 0);
}

}  // namespace
}  // namespace ttt
