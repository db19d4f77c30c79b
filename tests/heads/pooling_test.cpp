#include "heads/pooling.h"

#include <gtest/gtest.h>

#include "base/fields.h"
#include "support/exec.h"

namespace ttt {
namespace {

using support::kEpsF32;

BatchView batch_of(const std::vector<std::int64_t>& row_begin, const std::vector<std::int64_t>& past) {
  BatchView batch;
  batch.row_begin = row_begin;
  batch.past = past;
  return batch;
}

reference::Row pooled(const std::vector<float>& x, std::int64_t dim, std::int64_t begin, std::int64_t end,
                      const PoolingSpec& spec) {
  reference::Row p = support::row_of(x, spec.kind == PoolingKind::kLast ? end - 1 : begin, dim);
  if (spec.kind == PoolingKind::kMean) {
    for (std::int64_t r = begin + 1; r < end; ++r) {
      const reference::Row row = support::row_of(x, r, dim);
      for (std::size_t i = 0; i < p.size(); ++i) p[i] += row[i];
    }
    for (double& v : p) v /= static_cast<double>(end - begin);
  }
  double square = 0;
  for (const double v : p) square += v * v;
  for (double& v : p) v /= spec.normalize ? std::max(std::sqrt(square), 1e-12) : 1;
  return p;
}

TEST(Pooling, EqualsTheFormula) {
  const std::vector<std::int64_t> row_begin{0, 1, 4, 5, 300};
  const std::vector<std::int64_t> past(4, 0);
  for (const std::int64_t dim : {1, 7, 64, 300}) {
    const std::vector<float> x = support::normal_values(row_begin.back() * dim, 1, 2.0f, 0.5f);
    for (const PoolingKind kind : {PoolingKind::kMean, PoolingKind::kCls, PoolingKind::kLast}) {
      for (const bool normalize : {false, true}) {
        const PoolingSpec spec{.hidden_dim = dim, .kind = kind, .normalize = normalize};
        const Pooling pooling(spec, {}, {}, {});
        support::TestExec exec;
        std::vector<float> y(static_cast<std::size_t>(4 * dim));
        pooling.forward(*exec, view_of(x.data(), {row_begin.back(), dim}), batch_of(row_begin, past),
                        view_of(y.data(), {4, dim}));
        for (std::size_t s = 0; s < 4; ++s) {
          const reference::Row want = pooled(x, dim, row_begin[s], row_begin[s + 1], spec);
          for (std::size_t i = 0; i < want.size(); ++i) {
            // Sums are taken in double precision; what is left is the rounding of the results.
            EXPECT_NEAR(y[s * static_cast<std::size_t>(dim) + i], want[i], 2 * kEpsF32 * (0.01 + std::abs(want[i])))
                << name_of(kind) << " " << s;
          }
        }
      }
    }
  }
}

TEST(Pooling, AZeroRowStaysZero) {
  const Pooling pooling({.hidden_dim = 3, .normalize = true}, {}, {}, {});
  const std::vector<std::int64_t> row_begin{0, 2}, past{0};
  std::vector<float> x(6), y(3, 7.0f);
  support::TestExec exec;
  pooling.forward(*exec, view_of(x.data(), {2, 3}), batch_of(row_begin, past), view_of(y.data(), {1, 3}));
  EXPECT_EQ(y, std::vector<float>(3, 0.0f));
}

std::string error_of(const PoolingSpec& spec, const std::vector<std::int64_t>& row_begin,
                     const std::vector<std::int64_t>& past) {
  try {
    const Pooling pooling(spec, {}, {}, {});
    const std::int64_t rows = row_begin.back(), seqs = static_cast<std::int64_t>(past.size());
    std::vector<float> x(static_cast<std::size_t>(rows * 3)), y(static_cast<std::size_t>(seqs * 3));
    support::TestExec exec;
    pooling.forward(*exec, view_of(x.data(), {rows, 3}), batch_of(row_begin, past), view_of(y.data(), {seqs, 3}));
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(Pooling, RefusesBadSpecsAndSteps) {
  const PoolingSpec mean{.hidden_dim = 3}, last{.hidden_dim = 3, .kind = PoolingKind::kLast};
  EXPECT_EQ(error_of({.hidden_dim = 0}, {0}, {}), "[Pooling] hidden_dim wanted a positive number, got 0");
  EXPECT_EQ(error_of({.hidden_dim = 3, .eps = 0}, {0}, {}), "[Pooling] eps wanted a positive number, got 0");
  EXPECT_EQ(error_of({.hidden_dim = 3, .kind = static_cast<PoolingKind>(5)}, {0}, {}),
            "[Pooling] kind wanted mean, cls or last, got number 5");
  EXPECT_EQ(error_of({.hidden_dim = 4}, {0, 1}, {0}), "[] x wanted [1, 4] and y [1, 4], got [1, 3] and [1, 3]");
  EXPECT_EQ(error_of(mean, {0, 2, 2}, {0, 0}), "[] sequence 1 has no row in this step");
  EXPECT_EQ(error_of(mean, {0, 2, 3}, {0, 9}), "[] sequence 1 wanted whole in one step, got 9 rows before it");
  EXPECT_EQ(error_of(last, {0, 2, 3}, {0, 9}), "");
  EXPECT_EQ(error_of(mean, {0}, {}), "");  // no sequence
}

TEST(Pooling, SpecGoesThroughJson) {
  const PoolingSpec spec{.hidden_dim = 3, .kind = PoolingKind::kCls, .normalize = true, .eps = 1e-6f};
  PoolingSpec read;
  from_json(read, to_json(spec), "spec");
  EXPECT_EQ(read, spec);
}

}  // namespace
}  // namespace ttt
