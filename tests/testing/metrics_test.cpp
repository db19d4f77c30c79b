#include "testing/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"

namespace ttt {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
using Floats = std::vector<float>;

TEST(Metrics, MaxAbsError) {
  EXPECT_EQ(max_abs_error(Floats{}, Floats{}), 0);
  EXPECT_EQ(max_abs_error(Floats{1, 2, 3}, Floats{1, 2.5F, 1}), 2);
  EXPECT_EQ(max_abs_error(Floats{kInf, -kInf, 1}, Floats{kInf, -kInf, 2}), 1);
  EXPECT_EQ(max_abs_error(Floats{kInf, 0}, Floats{-kInf, 0}), kInf);
  EXPECT_EQ(max_abs_error(Floats{1, kNaN, 1}, Floats{1, 1, 1}), kInf);
  EXPECT_EQ(max_abs_error(Floats{kNaN}, Floats{kNaN}), kInf);
}

TEST(Metrics, MaxRelativeError) {
  EXPECT_EQ(max_relative_error(Floats{4, -8}, Floats{4, -6}), 0.25);
  EXPECT_EQ(max_relative_error(Floats{0, 0}, Floats{0, 0}), 0);
  EXPECT_EQ(max_relative_error(Floats{0, 0}, Floats{0, 1}), kInf);
  EXPECT_EQ(max_relative_error(Floats{kInf, 0}, Floats{kInf, 1}), kInf);
  EXPECT_EQ(max_relative_error(Floats{1, kNaN}, Floats{1, 1}), kInf);
}

TEST(Metrics, Pcc) {
  // numpy.corrcoef([1, 2, 4, 8], [1, 3, 2, 9])
  EXPECT_NEAR(pcc(Floats{1, 2, 4, 8}, Floats{1, 3, 2, 9}), 0.9212772401159601, 1e-15);
  EXPECT_EQ(pcc(Floats{1, 2, 3}, Floats{10, 20, 30}), 1);
  EXPECT_EQ(pcc(Floats{1, 2, 3}, Floats{3, 2, 1}), -1);
  EXPECT_EQ(pcc(Floats{2, 2}, Floats{2, 2}), 1);
  EXPECT_EQ(pcc(Floats{2, 2}, Floats{2, 3}), 0);
  EXPECT_EQ(pcc(Floats{2, 3}, Floats{2, 2}), 0);
  EXPECT_EQ(pcc(Floats{}, Floats{}), 1);
  EXPECT_TRUE(std::isnan(pcc(Floats{1, kNaN}, Floats{1, 2})));
  EXPECT_TRUE(std::isnan(pcc(Floats{1, 2}, Floats{1, kInf})));
  EXPECT_EQ(pcc(Floats{1e30F, -3e38F}, Floats{1e30F, -3e38F}), 1);
  EXPECT_EQ(pcc(Floats{1e-44F, -3e-45F}, Floats{1e-44F, -3e-45F}), 1);
}

TEST(Metrics, Cosine) {
  EXPECT_NEAR(cosine(Floats{1, 0}, Floats{1, 1}), std::sqrt(0.5), 1e-15);
  EXPECT_EQ(cosine(Floats{0, 0}, Floats{0, 0}), 1);
  EXPECT_EQ(cosine(Floats{0, 0}, Floats{0, 1}), 0);
  EXPECT_TRUE(std::isnan(cosine(Floats{kNaN}, Floats{1})));
}

TEST(Metrics, KlDivergence) {
  const float log2 = std::log(2.0F), log3 = std::log(3.0F);
  // p = (1/2, 1/2), q = (1/4, 3/4), whatever is added to all logits of a row.
  const double expected = 0.5 * std::log(2.0) + 0.5 * std::log(2.0 / 3);
  EXPECT_NEAR(kl_divergence(Floats{5, 5}, Floats{-7, -7 + log3}), expected, 1e-6);
  EXPECT_EQ(kl_divergence(Floats{1, 2, 3}, Floats{1, 2, 3}), 0);
  EXPECT_NEAR(kl_divergence(Floats{0, -kInf}, Floats{0, 0}), std::log(2.0), 1e-15);
  EXPECT_EQ(kl_divergence(Floats{0, 0}, Floats{0, -kInf}), kInf);
  EXPECT_EQ(kl_divergence(Floats{0, kNaN}, Floats{0, 0}), kInf);
  EXPECT_EQ(kl_divergence(Floats{0, 0}, Floats{kNaN, 0}), kInf);
  EXPECT_EQ(kl_divergence(Floats{0, kInf}, Floats{0, kInf}), kInf);
  EXPECT_EQ(kl_divergence(Floats{-kInf, -kInf}, Floats{0, 0}), kInf);
  EXPECT_EQ(kl_divergence(Floats{}, Floats{}), 0);
  EXPECT_NEAR(mean_kl_divergence(Floats{5, 5, 1, 2}, Floats{0, log3, 1, 2}, 2), expected / 2, 1e-6);
  EXPECT_NEAR(kl_divergence(Floats{0, log2}, Floats{0, 0}), std::log(2.0) * 5 / 3 - std::log(3.0), 1e-6);
}

TEST(Metrics, Top1Agreement) {
  EXPECT_EQ(top1_agreement(Floats{1, 2, 3, 1}, Floats{0, 9, 0, 1}, 2), 0.5);
  EXPECT_EQ(top1_agreement(Floats{2, 2, 1}, Floats{3, 1, 3}, 3), 1);
  EXPECT_EQ(top1_agreement(Floats{1, kNaN}, Floats{1, kNaN}, 2), 0);
  EXPECT_EQ(top1_agreement(Floats{}, Floats{}, 5), 1);
}

TEST(Metrics, FirstDivergence) {
  EXPECT_EQ(first_divergence(Floats{1, 2, 3}, Floats{1, 2, 3}), std::nullopt);
  EXPECT_EQ(first_divergence(Floats{1, 2, 3}, Floats{1, 2.25F, 9}), 1);
  EXPECT_EQ(first_divergence(Floats{1, 2, 3}, Floats{1, 2.25F, 9}, 0.25), 2);
  EXPECT_EQ(first_divergence(Floats{1, kNaN}, Floats{1, kNaN}, kInf), std::nullopt);
  EXPECT_EQ(first_divergence(Floats{1, kNaN}, Floats{1, kNaN}, 1e30), 1);
  using Ids = std::vector<std::int32_t>;
  EXPECT_EQ(first_divergence(Ids{1, 2}, Ids{1, 2}), std::nullopt);
  EXPECT_EQ(first_divergence(Ids{1, 2}, Ids{1, 3}), 1);
  EXPECT_EQ(first_divergence(Ids{1, 2}, Ids{1, 2, 3}), 2);
  EXPECT_EQ(first_divergence(Ids{1, 2}, Ids{}), 0);
}

TEST(Metrics, RefuseSidesOfDifferentSize) {
  const Floats two(2), three(3);
  const auto refused = [](auto&& call) {
    try {
      call();
    } catch (const Error& e) {
      return e.kind() == ErrorKind::kUsage;
    }
    return false;
  };
  EXPECT_TRUE(refused([&] { max_abs_error(two, three); }));
  EXPECT_TRUE(refused([&] { max_relative_error(two, three); }));
  EXPECT_TRUE(refused([&] { pcc(two, three); }));
  EXPECT_TRUE(refused([&] { cosine(two, three); }));
  EXPECT_TRUE(refused([&] { kl_divergence(two, three); }));
  EXPECT_TRUE(refused([&] { first_divergence(two, three); }));
  EXPECT_TRUE(refused([&] { mean_kl_divergence(three, three, 2); }));
  EXPECT_TRUE(refused([&] { top1_agreement(three, three, 0); }));
}

}  // namespace
}  // namespace ttt
