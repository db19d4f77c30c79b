// The best logits over shards: what sorting all gathered logits gives, without gathering them.

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <numeric>

#include "base/partition.h"
#include "collectives/threads.h"
#include "heads/lm_head.h"
#include "support/exec.h"

namespace ttt {
namespace {

struct Top {
  std::vector<std::int32_t> ids;
  std::vector<float> values;
};

// Values compare equal to themselves, NaN too.
std::vector<std::uint32_t> bits(const std::vector<float>& values) {
  std::vector<std::uint32_t> b;
  for (const float v : values) b.push_back(std::bit_cast<std::uint32_t>(v));
  return b;
}

// The order as it is documented, by sorting.
Top sorted(const std::vector<float>& logits, std::int64_t vocab, std::int64_t k) {
  Top top;
  for (std::size_t at = 0; at < logits.size(); at += static_cast<std::size_t>(vocab)) {
    std::vector<std::int32_t> ids(static_cast<std::size_t>(vocab));
    std::iota(ids.begin(), ids.end(), 0);
    const auto key = [&](std::int32_t id) {
      const float v = logits[at + static_cast<std::size_t>(id)];
      return std::isnan(v) ? std::pair{1, 0.0f} : std::pair{0, v};
    };
    std::ranges::stable_sort(ids, [&](std::int32_t a, std::int32_t b) { return key(a) > key(b); });
    for (std::size_t i = 0; i < static_cast<std::size_t>(k); ++i) {
      top.ids.push_back(ids[i]);
      top.values.push_back(logits[at + static_cast<std::size_t>(ids[i])]);
    }
  }
  return top;
}

class LMHeadTop : public testing::TestWithParam<std::int64_t> {
 protected:
  static constexpr std::int64_t kHidden = 8, kRows = 4;

  // With few different weights, so that many logits are equal.
  void fill(std::int64_t vocab) {
    weight_ = support::normal_values(vocab * kHidden, 1);
    for (float& w : weight_) w = std::round(w);
    x_ = support::normal_values(kRows * kHidden, 2);
    for (float& v : x_) v = std::round(v);
    spec_ = {.hidden_dim = kHidden, .vocab_size = vocab, .bias = true, .soft_cap = 6.0f};
    bias_.assign(static_cast<std::size_t>(vocab), 0.0f);
  }
  Top run(const Context& context, Communicator& communicator, std::int64_t k, std::vector<float>* logits = nullptr) {
    const Part p = part_of(spec_.vocab_size, 1, context.rank, context.ranks);
    const LMHead head(spec_,
                      {.weight = rows_of(view_of(weight_.data(), {spec_.vocab_size, kHidden}), p.begin, p.count),
                       .bias = view_of(bias_.data() + p.begin, {p.count})},
                      default_impl_config(spec_, context.traits, Strategy::kDefault), context);
    support::TestExec exec(2, communicator);
    const std::int64_t count = static_cast<std::int64_t>(wanted_.size());
    Top top{std::vector<std::int32_t>(static_cast<std::size_t>(count * k)),
            std::vector<float>(static_cast<std::size_t>(count * k))};
    const ConstTensorView x = view_of(static_cast<const float*>(x_.data()), {kRows, kHidden});
    head.forward_top(*exec, x, wanted_, k, top.ids, view_of(top.values.data(), {count, k}));
    if (logits == nullptr) return top;
    logits->resize(static_cast<std::size_t>(count * spec_.vocab_size));
    head.forward(*exec, x, wanted_, view_of(logits->data(), {count, spec_.vocab_size}));
    return top;
  }
  void expect_sorted(std::int64_t k) {
    const std::int64_t ranks = GetParam();
    std::vector<std::vector<float>> logits(static_cast<std::size_t>(ranks));
    std::vector<Top> top(logits.size());
    run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
      const auto r = static_cast<std::size_t>(rank);
      top[r] = run({.traits = query_device_traits(), .rank = rank, .ranks = ranks}, communicator, k, &logits[r]);
    });
    const Top want = sorted(logits[0], spec_.vocab_size, k);
    for (const Top& t : top) {
      EXPECT_EQ(t.ids, want.ids) << "vocab " << spec_.vocab_size << ", k " << k;
      EXPECT_EQ(bits(t.values), bits(want.values)) << "vocab " << spec_.vocab_size << ", k " << k;
    }
  }

  LMHeadSpec spec_;
  std::vector<float> weight_, bias_, x_;
  std::vector<std::int64_t> wanted_{0, 2, 3};
};

TEST_P(LMHeadTop, IsTheSortOfAllLogitsWhateverTheRemainder) {
  for (const std::int64_t vocab : {1, 2, 3, 5, 31, 257}) {
    fill(vocab);
    for (const std::int64_t k : {std::int64_t{1}, std::int64_t{2}, std::int64_t{7}, vocab / 2, vocab}) {
      if (k >= 1 && k <= vocab) expect_sorted(k);
    }
  }
}

TEST_P(LMHeadTop, EqualLogitsGoToTheLowestId) {
  fill(37);
  std::ranges::fill(weight_, 1.0f);
  expect_sorted(1);
  EXPECT_EQ(run({}, self_communicator(), 3).ids, (std::vector<std::int32_t>{0, 1, 2, 0, 1, 2, 0, 1, 2}));
  expect_sorted(37);
}

TEST_P(LMHeadTop, NaNAndInfinitiesAreInOrder) {
  fill(23);
  spec_.soft_cap.reset();
  bias_[20] = bias_[9] = NAN;
  bias_[3] = INFINITY;
  bias_[5] = -INFINITY;
  expect_sorted(1);
  expect_sorted(4);
  expect_sorted(23);
  EXPECT_EQ(run({}, self_communicator(), 3).ids[2], 3);
}

TEST_P(LMHeadTop, NoRowsAreWanted) {
  fill(5);
  wanted_.clear();
  expect_sorted(2);
}

INSTANTIATE_TEST_SUITE_P(Ranks, LMHeadTop, testing::Values(1, 2, 3, 4),
                         [](const auto& ranks) { return text(ranks.param, "_ranks"); });

// A rank that plans makes no collective calls, and takes k entries of each rank instead of the vocabulary.
TEST(LMHeadTopPlan, ExchangesFewEntries) {
  constexpr std::int64_t kVocab = 100'000, kRows = 4, kHidden = 16;
  ThreadsGroup group(2);
  ThreadPool threads(1);
  NoObserver observer;
  const LMHead head({.hidden_dim = kHidden, .vocab_size = kVocab},
                    {.weight = {nullptr, Format::kF32, Layout::kRowMajor, {kVocab / 2, kHidden}, 4 * kHidden}}, {},
                    {.traits = query_device_traits(), .rank = 1, .ranks = 2});
  const auto planned = [&](std::int64_t k) {
    Scratch scratch = Scratch::planned();
    Exec exec(threads, scratch, group.rank(1), observer, Exec::Mode::kPlan);
    Scratch::Frame frame(scratch);
    const TensorView x = frame.take({kRows, kHidden}), values = frame.take({kRows, k});
    const std::vector<std::int64_t> wanted{0, 1, 2, 3};
    std::vector<std::int32_t> ids(static_cast<std::size_t>(kRows * k));
    head.forward_top(exec, x, wanted, k, ids, values);
    return scratch.peak();
  };
  const std::int64_t own_logits = kRows * kVocab / 2 * 4;
  EXPECT_GE(planned(1), own_logits);
  EXPECT_LT(planned(10), own_logits + (32 << 10));
}

TEST(LMHeadTopPlan, RefusesBadInput) {
  const std::vector<float> w(12), x(8);
  const LMHead head({.hidden_dim = 4, .vocab_size = 3}, {.weight = view_of(w.data(), {3, 4})}, {},
                    {.place = {.index = -1, .path = "lm_head"}});
  support::TestExec exec;
  std::vector<float> values(12);
  std::vector<std::int32_t> ids(12);
  const std::vector<std::int64_t> wanted{0, 1};
  const auto message = [&](std::int64_t width, std::int64_t k, std::size_t room, Shape shape) -> std::string {
    try {
      head.forward_top(*exec, view_of(x.data(), {8 / width, width}), wanted, k, std::span(ids).first(room),
                       view_of(values.data(), shape));
    } catch (const Error& e) {
      return e.what();
    }
    return {};
  };
  EXPECT_EQ(message(4, 2, 4, {2, 2}), "");
  EXPECT_EQ(message(4, 0, 0, {2, 0}), "[lm_head] k wanted 1 to 3, got 0");
  EXPECT_EQ(message(4, 4, 8, {2, 4}), "[lm_head] k wanted 1 to 3, got 4");
  EXPECT_EQ(message(4, 2, 4, {2, 3}), "[lm_head] values wanted [2, 2] and ids 4, got [2, 3] and 4");
  EXPECT_EQ(message(4, 2, 3, {2, 2}), "[lm_head] values wanted [2, 2] and ids 4, got [2, 2] and 3");
  EXPECT_EQ(message(2, 2, 4, {2, 2}), "[lm_head] x wanted [rows, 4], got [4, 2]");
}

}  // namespace
}  // namespace ttt
