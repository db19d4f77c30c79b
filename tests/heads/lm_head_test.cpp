#include "heads/lm_head.h"

#include <gtest/gtest.h>

#include "base/partition.h"
#include "collectives/threads.h"
#include "kernels/formats/packed.h"
#include "support/exec.h"
#include "testing/metrics.h"

namespace ttt {
namespace {

using support::kEpsF32;

struct LmHeadCase {
  std::int64_t rows, hidden, vocab;
  bool bias;
  float scale;
  std::optional<float> cap;
  std::vector<std::int64_t> wanted;
};

// cap(scale * (x w^T + b))
reference::Row logits_of(const reference::Row& x, const reference::Row& w, const reference::Row& b,
                         const LmHeadCase& c) {
  reference::Row y = reference::linear(x, w, b, c.vocab);
  for (double& v : y) {
    v *= static_cast<double>(c.scale);
    if (c.cap) v = static_cast<double>(*c.cap) * std::tanh(v / static_cast<double>(*c.cap));
  }
  return y;
}

LMHeadSpec spec_of(const LmHeadCase& c) {
  return {.hidden_dim = c.hidden, .vocab_size = c.vocab, .bias = c.bias, .logit_scale = c.scale, .soft_cap = c.cap};
}

class LMHeadLaw : public testing::TestWithParam<LmHeadCase> {};

TEST_P(LMHeadLaw, EqualsTheFormulaAtEveryLevelAndOnAnyRanks) {
  const LmHeadCase c = GetParam();
  const std::vector<float> w =
      support::normal_values(c.vocab * c.hidden, 1, 1 / std::sqrt(static_cast<float>(c.hidden)));
  const std::vector<float> b = support::normal_values(c.vocab, 2), x = support::normal_values(c.rows * c.hidden, 3);
  const LMHeadSpec spec = spec_of(c);
  const std::int64_t count = static_cast<std::int64_t>(c.wanted.size());
  const auto run = [&](const Context& context, Communicator& communicator) {
    const Part p = part_of(c.vocab, 1, context.rank, context.ranks);
    LMHeadWeights weights{.weight = rows_of(view_of(w.data(), {c.vocab, c.hidden}), p.begin, p.count)};
    if (c.bias) weights.bias = view_of(b.data() + p.begin, {p.count});
    const LMHead head(spec, weights, default_impl_config(spec, context.traits, Strategy::kDefault), context);
    support::TestExec exec(2, communicator);
    std::vector<float> y(static_cast<std::size_t>(count * c.vocab), -7.0f);
    head.forward(*exec, view_of(x.data(), {c.rows, c.hidden}), c.wanted, view_of(y.data(), {count, c.vocab}));
    return y;
  };
  const auto check = [&](const std::vector<float>& y, const std::string& who) {
    for (std::int64_t i = 0; i < count; ++i) {
      const reference::Row want = logits_of(support::row_of(x, c.wanted[static_cast<std::size_t>(i)], c.hidden),
                                            support::doubles(w), c.bias ? support::doubles(b) : reference::Row{}, c);
      for (std::int64_t o = 0; o < c.vocab; ++o) {
        EXPECT_NEAR(y[static_cast<std::size_t>(i * c.vocab + o)], want[static_cast<std::size_t>(o)],
                    32 * kEpsF32 * std::sqrt(static_cast<double>(c.hidden)) * std::max(1.0f, std::abs(c.scale)))
            << who << " row " << i << " column " << o;
      }
    }
  };
  for (const DeviceTraits& traits : support::levels())
    check(run({.traits = traits}, self_communicator()), std::string(name_of(traits.isa())));
  for (std::int64_t ranks = 2; ranks <= 4; ++ranks) {
    std::vector<std::vector<float>> y(static_cast<std::size_t>(ranks));
    run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
      y[static_cast<std::size_t>(rank)] =
          run({.traits = query_device_traits(), .rank = rank, .ranks = ranks}, communicator);
    });
    check(y[0], text(ranks, " ranks"));
    for (const auto& other : y) EXPECT_EQ(other, y[0]) << ranks << " ranks";
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, LMHeadLaw,
    testing::Values(LmHeadCase{1, 8, 7, false, 1, {}, {0}}, LmHeadCase{5, 65, 33, false, 1, {}, {4}},
                    LmHeadCase{5, 64, 101, true, 1, {}, {0, 2, 4}}, LmHeadCase{3, 33, 50, false, 0.125f, {}, {0, 1, 2}},
                    LmHeadCase{2, 64, 64, true, 3, 2.5f, {1}},
                    LmHeadCase{20, 32, 65, true, 1, 30.0f, {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,
                                                            10, 11, 12, 13, 14, 15, 16, 17, 18, 19}},
                    LmHeadCase{4, 16, 9, false, 1, {}, {}}, LmHeadCase{3, 16, 2, true, -2, {}, {2}}));

// The loss of a grouped format is that of its rows; what the kernel adds is rounding.
TEST(LMHead, GroupedWeightsGiveTheLogitsOfTheirValues) {
  constexpr std::int64_t kVocab = 37, kHidden = 64, kRows = 3;
  const std::vector<float> w = support::normal_values(kVocab * kHidden, 1, 0.125f),
                           x = support::normal_values(kRows * kHidden, 2);
  for (const Format format : {Format::kQ8_0, Format::kInt8, Format::kInt4, Format::kBfp8B}) {
    std::vector<std::byte> memory(static_cast<std::size_t>(kernels::packed_bytes(format, kVocab, kHidden)) + 64);
    std::byte* packed = memory.data() + (64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64) % 64;
    kernels::pack_panels(format, {.rows = view_of(w.data(), {kVocab, kHidden})}, kVocab, kHidden, 0,
                         kernels::panels_of(kVocab), packed);
    const ConstTensorView view = kernels::packed_view(packed, format, kVocab, kHidden);
    reference::Row values;
    for (std::int64_t r = 0; r < kVocab; ++r) {
      std::vector<float> row(kHidden);
      kernels::decode_packed_row(view, r, row.data());
      values.insert(values.end(), row.begin(), row.end());
    }
    const LMHeadSpec spec{.hidden_dim = kHidden, .vocab_size = kVocab};
    const std::vector<std::int64_t> wanted{0, 2};
    for (const Strategy strategy : {Strategy::kAccuracy, Strategy::kDefault}) {
      LMHeadImplConfig impl = default_impl_config(spec, query_device_traits(), strategy);
      const LMHead head(spec, {.weight = view}, impl, {.traits = query_device_traits()});
      std::vector<float> y(2 * kVocab);
      support::TestExec exec;
      head.forward(*exec, view_of(x.data(), {kRows, kHidden}), wanted, view_of(y.data(), {2, kVocab}));
      std::vector<float> want;
      for (const std::int64_t r : wanted) {
        const reference::Row row = reference::linear(support::row_of(x, r, kHidden), values, {}, kVocab);
        want.insert(want.end(), row.begin(), row.end());
      }
      // int8 activations: half a step of 1/127 of each group's largest input.
      const double tolerance = strategy == Strategy::kAccuracy ? 1e-5 : 0.03;
      EXPECT_LT(max_relative_error(want, y), tolerance) << name_of(format) << " " << name_of(strategy);
    }
  }
}

TEST(LMHead, RefusesBadInput) {
  const std::vector<float> w(12), b(3), x(8);
  const Context context{.place = {.index = -1, .path = "lm_head"}};
  const auto message = [&](const LMHeadSpec& spec, const LMHeadWeights& weights) -> std::string {
    try {
      const LMHead head(spec, weights, {}, context);
    } catch (const Error& e) {
      return e.what();
    }
    return {};
  };
  const LMHeadWeights good{.weight = view_of(w.data(), {3, 4})};
  const LMHeadSpec spec{.hidden_dim = 4, .vocab_size = 3};
  EXPECT_EQ(message(spec, good), "");
  EXPECT_EQ(message({.hidden_dim = 0, .vocab_size = 3}, good), "[lm_head] hidden_dim wanted a positive number, got 0");
  EXPECT_EQ(message({.hidden_dim = 4, .vocab_size = -1}, good),
            "[lm_head] vocab_size wanted a positive number, got -1");
  EXPECT_EQ(message({.hidden_dim = 4, .vocab_size = 3, .logit_scale = INFINITY}, good),
            "[lm_head] logit_scale wanted a finite number, got inf");
  EXPECT_EQ(message({.hidden_dim = 4, .vocab_size = 3, .soft_cap = 0.0f}, good),
            "[lm_head] soft_cap wanted a positive number, got 0");
  EXPECT_EQ(message({.hidden_dim = 4, .vocab_size = 2}, good), "[lm_head] weight wanted [2, 4], got [3, 4]");
  EXPECT_EQ(message({.hidden_dim = 4, .vocab_size = 3, .bias = true}, good).find("[lm_head] bias wanted [3]"), 0u);
  const LMHead head(spec, good, {}, context);
  support::TestExec exec;
  std::vector<float> y(6);
  const std::vector<std::int64_t> wanted{0};
  EXPECT_THROW(head.forward(*exec, view_of(x.data(), {2, 4}), wanted, view_of(y.data(), {2, 3})), Error);
  EXPECT_THROW(head.forward(*exec, view_of(x.data(), {4, 2}), wanted, view_of(y.data(), {1, 3})), Error);
}

}  // namespace
}  // namespace ttt
