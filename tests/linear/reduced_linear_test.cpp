#include "linear/reduced_linear.h"

#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <vector>

#include "collectives/threads.h"
#include "kernels/dense_cases.h"

namespace ttt {
namespace {

using testing::DenseMatrix;
using testing::dot_reference;
using testing::random_floats;
using testing::Reference;

constexpr std::int64_t kReducedIn = 48, kReducedOut = 35, kRows = 9;

struct Whole {
  DenseMatrix w{Format::kF32, kReducedOut, kReducedIn, 0, 0, 1};
  std::vector<float> bias = random_floats(kReducedOut, 2), x = random_floats(kRows * kReducedIn, 3),
                     before = random_floats(kRows * kReducedOut, 4);

  void expect(const std::vector<float>& y, bool added) const {
    for (std::int64_t i = 0; i < kRows * kReducedOut; ++i) {
      const Reference dot = dot_reference(x.data() + i / kReducedOut * kReducedIn, false,
                                          w.values.data() + i % kReducedOut * kReducedIn, kReducedIn);
      const double b = static_cast<double>(bias[static_cast<std::size_t>(i % kReducedOut)]);
      const double start = added ? static_cast<double>(before[static_cast<std::size_t>(i)]) : 0;
      ASSERT_NEAR(static_cast<double>(y[static_cast<std::size_t>(i)]), dot.value + b + start,
                  dot.tolerance + 4 * 0x1p-23 * (std::abs(dot.value) + std::abs(b) + std::abs(start)));
    }
  }
};

// Uneven cuts, empty ones too: the part of `rank` is [cuts[rank], cuts[rank + 1]).
void run_cut(std::span<const std::int64_t> cuts, std::vector<std::vector<float>>& stored,
             std::vector<std::vector<float>>& added, Whole& whole) {
  const std::int64_t ranks = static_cast<std::int64_t>(cuts.size()) - 1;
  run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
    ThreadPool threads(1);
    Scratch scratch(1 << 20);
    NoObserver observer;
    Exec exec(threads, scratch, communicator, observer);
    const auto r = static_cast<std::size_t>(rank);
    const std::int64_t begin = cuts[r], count = cuts[r + 1] - begin;
    const LinearWeight weight{columns_of(whole.w.view(), begin, count), view_of(whole.bias.data(), {kReducedOut})};
    const Context context{.traits = query_device_traits(), .rank = rank, .ranks = ranks};
    const ReducedLinear linear(weight, {}, context);
    EXPECT_EQ(linear.in(), count);
    EXPECT_EQ(linear.out(), kReducedOut);
    const ConstTensorView x =
        columns_of(view_of(static_cast<const float*>(whole.x.data()), {kRows, kReducedIn}), begin, count);
    stored[r].assign(static_cast<std::size_t>(kRows * kReducedOut), -1.0f);
    linear.forward(exec, x, view_of(stored[r].data(), {kRows, kReducedOut}));
    added[r] = whole.before;
    linear.forward_add(exec, x, view_of(added[r].data(), {kRows, kReducedOut}));
  });
}

TEST(ReducedLinear, RanksAgree) {
  const std::vector<std::vector<std::int64_t>> splits{{0, 48},         {0, 32, 48},   {0, 48, 48},
                                                      {0, 16, 32, 48}, {0, 5, 5, 48}, {0, 32, 48, 48, 48}};
  for (const auto& cuts : splits) {
    Whole whole;
    std::vector<std::vector<float>> stored(cuts.size() - 1), added(cuts.size() - 1);
    run_cut(cuts, stored, added, whole);
    whole.expect(stored[0], false);
    whole.expect(added[0], true);
    for (std::size_t r = 1; r < stored.size(); ++r) {
      EXPECT_EQ(stored[r], stored[0]);
      EXPECT_EQ(added[r], added[0]);
    }
  }
}

// Inputs gathered and the weight cut by outputs: bitwise what one rank computes, wherever the inputs are cut.
TEST(ReducedLinear, GatheredInputsGiveTheResultOfOneRank) {
  const LinearImplConfig impl{.one_kernel = true};
  const std::vector<std::vector<std::int64_t>> splits{{48}, {24, 24}, {17, 0, 31}, {5, 11, 32, 0}};
  std::vector<float> stored_alone, added_alone;
  for (const auto& inputs : splits) {
    Whole whole;
    const auto ranks = static_cast<std::int64_t>(inputs.size());
    std::vector<std::vector<float>> stored(inputs.size()), added(inputs.size());
    run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
      ThreadPool threads(1);
      Scratch scratch(1 << 20);
      NoObserver observer;
      Exec exec(threads, scratch, communicator, observer);
      const auto r = static_cast<std::size_t>(rank);
      const ProjectionSplit split = projection_split(inputs, kReducedOut, impl);
      const Cut cut = split.cut(rank);
      const LinearWeight weight{
          ranks == 1 ? ConstTensorView(whole.w.view()) : rows_of(ConstTensorView(whole.w.view()), cut.begin, cut.count),
          view_of(static_cast<const float*>(whole.bias.data()), {kReducedOut})};
      const Context context{.traits = query_device_traits(), .rank = rank, .ranks = ranks};
      const ReducedLinear linear(weight, split, impl, context);
      const std::int64_t begin = std::accumulate(inputs.begin(), inputs.begin() + rank, std::int64_t{0});
      std::vector<float> x;
      for (std::int64_t i = 0; i < kRows; ++i) {
        for (std::int64_t c = 0; c < inputs[r]; ++c)
          x.push_back(whole.x[static_cast<std::size_t>(i * kReducedIn + begin + c)]);
      }
      const ConstTensorView mine = view_of(static_cast<const float*>(x.data()), {kRows, inputs[r]});
      stored[r].assign(static_cast<std::size_t>(kRows * kReducedOut), -1.0f);
      linear.forward(exec, mine, view_of(stored[r].data(), {kRows, kReducedOut}));
      added[r] = whole.before;
      linear.forward_add(exec, mine, view_of(added[r].data(), {kRows, kReducedOut}));
    });
    whole.expect(stored[0], false);
    whole.expect(added[0], true);
    if (ranks == 1) {
      stored_alone = stored[0];
      added_alone = added[0];
    }
    for (std::size_t r = 0; r < inputs.size(); ++r) {
      EXPECT_EQ(stored[r], stored_alone);
      EXPECT_EQ(added[r], added_alone);
    }
  }
}

TEST(ReducedLinear, IsCutByInputsOnlyBetweenGroups) {
  const LinearImplConfig plain, one_kernel{.one_kernel = true};
  EXPECT_TRUE(projection_split({32, 64, 5}, 70, plain).outputs.empty());
  EXPECT_EQ(projection_split({32, 64, 5}, 70, plain).cut(1), (Cut{.axis = 1, .begin = 32, .count = 64}));
  EXPECT_TRUE(projection_split({48}, 70, one_kernel).outputs.empty());
  const ProjectionSplit inside = projection_split({48, 16, 37}, 70, plain);
  EXPECT_EQ(inside.outputs, (std::vector<std::int64_t>{32, 32, 6}));
  EXPECT_EQ(inside.cut(2), (Cut{.axis = 0, .begin = 64, .count = 6}));
  EXPECT_FALSE(projection_split({32, 64}, 70, one_kernel).outputs.empty());
  // A part of whole super-blocks of 256 has to begin with one.
  EXPECT_FALSE(projection_split({288, 256, 224}, 70, plain).outputs.empty());
  EXPECT_TRUE(projection_split({288, 224, 256}, 70, plain).outputs.empty());
  EXPECT_TRUE(projection_split({256, 512, 32}, 70, plain).outputs.empty());
  EXPECT_TRUE(projection_split({32, 0, 288}, 70, plain).outputs.empty());
  EXPECT_EQ(projection_split(100, 32, 64, plain, 3).inputs, (std::vector<std::int64_t>{64, 32, 4}));
}

// An observer of the projection's place sees, and may change, the product before it is added.
TEST(ReducedLinear, ObserverSeesProductBeforeTheAdd) {
  class Doubler final : public Observer {
   public:
    void done(const Place& place, TensorView y) override {
      ++calls;
      path = place.path;
      for (std::int64_t i = 0; i < kRows * kReducedOut; ++i) seen.push_back(y.row<float>(0)[i]);
      for (std::int64_t i = 0; i < kRows * kReducedOut; ++i) y.row<float>(0)[i] = 0;
    }
    void launched(double, double) override {}
    bool counts() const override { return false; }
    bool observes(const Place& place) const override { return place.path == "attn.o_proj"; }
    int calls = 0;
    std::string path;
    std::vector<float> seen;
  } observer;
  Whole whole;
  ThreadPool threads(1);
  Scratch scratch(1 << 20);
  Exec exec(threads, scratch, self_communicator(), observer);
  const Context context{.traits = query_device_traits(), .place = {.index = 0, .path = "attn.o_proj"}};
  const ReducedLinear linear({whole.w.view(), view_of(whole.bias.data(), {kReducedOut})}, {}, context);
  std::vector<float> y = whole.before;
  linear.forward_add(exec, view_of(whole.x.data(), {kRows, kReducedIn}), view_of(y.data(), {kRows, kReducedOut}));
  EXPECT_EQ(observer.calls, 1);
  EXPECT_EQ(observer.path, "attn.o_proj");
  whole.expect(observer.seen, false);
  EXPECT_EQ(y, whole.before);
}

// A rank that plans makes no collective calls: with nobody to answer, one would wait for ever.
TEST(ReducedLinear, PlansAlone) {
  ThreadsGroup group(2);
  ThreadPool threads(1);
  Scratch scratch = Scratch::planned();
  NoObserver observer;
  Exec exec(threads, scratch, group.rank(0), observer, Exec::Mode::kPlan);
  const ConstTensorView w{nullptr, Format::kF32, Layout::kRowMajor, {kReducedOut, 16}, 64};
  const ReducedLinear linear({w, {}}, {}, {.traits = query_device_traits(), .rank = 0, .ranks = 2});
  Scratch::Frame frame(scratch);
  const TensorView x = frame.take({3, 16}), y = frame.take({3, kReducedOut});
  linear.forward(exec, x, y);
  linear.forward_add(exec, x, y);
  EXPECT_GT(scratch.peak(), 3 * kReducedOut * 4);
}

}  // namespace
}  // namespace ttt
