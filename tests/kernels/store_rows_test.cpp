#include "kernels/attention/store_rows.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "base/error.h"
#include "support/attention_case.h"

namespace ttt {
namespace {

std::vector<IsaLevel> levels() {
  std::vector<IsaLevel> all;
  for (const IsaLevel l : {IsaLevel::kSse2, IsaLevel::kAvx2, IsaLevel::kAvx512}) {
    if (query_device_traits().isa() >= l) all.push_back(l);
  }
  return all;
}

// A step of three sequences with 4, 1 and 6 new rows after 0, 3 and 2 stored ones.
class Stored {
 public:
  static constexpr std::int64_t kHeads = 3, kKvHeads = 2, kRows = 11;

  Stored(Format format, IsaLevel level, bool interleaved, std::int64_t key_dim, std::int64_t value_dim,
         std::int64_t pairs)
      : key_dim_(key_dim),
        value_dim_(value_dim),
        pool_({{.heads = kKvHeads, .key_dim = key_dim, .value_dim = value_dim, .format = format}},
              {.sequences = 3, .context = 9, .page_rows = 2}),
        builder_(pool_, kRows, 3),
        q(support::random_values(kRows * kHeads * key_dim, 1)),
        k(support::random_values(kRows * kKvHeads * key_dim, 2)),
        v(support::random_values(kRows * kKvHeads * value_dim, 3)),
        table(support::random_values(kRows * 2 * pairs, 4)) {
    for (Sequence& s : sequences_) s = pool_.create();
    store(level, format, interleaved, pairs, {{&sequences_[1], 3}, {&sequences_[2], 2}}, 5);
    builder_.commit();
    store(level, format, interleaved, pairs, {{&sequences_[0], 4}, {&sequences_[1], 1}, {&sequences_[2], 6}}, kRows);
  }

  // Value d of the row that row r of the second step became.
  float key(std::int64_t r, std::int64_t head, std::int64_t d) const { return value(step_.states[0].keys, r, head, d); }
  float stored_value(std::int64_t r, std::int64_t head, std::int64_t d) const {
    return value(step_.states[0].values, r, head, d);
  }

 private:
  static float value(const RowsView& rows, std::int64_t r, std::int64_t head, std::int64_t d) {
    const std::int64_t seq = r < 4 ? 0 : r < 5 ? 1 : 2, index = r < 4 ? r : r < 5 ? 3 : r - 5 + 2;
    const std::int32_t page = rows.page_of(seq, index);
    const std::byte* row = rows.row(page, head, index % rows.page_rows);
    if (rows.format == Format::kF32) return reinterpret_cast<const float*>(row)[d];
    if (rows.format == Format::kBF16) {
      return std::bit_cast<float>(std::uint32_t{reinterpret_cast<const std::uint16_t*>(row)[d]} << 16);
    }
    const float scale = reinterpret_cast<const float*>(rows.row_scales(page, head, index % rows.page_rows))[d / 32];
    return static_cast<float>(reinterpret_cast<const std::int8_t*>(row)[d]) * scale;
  }

  void store(IsaLevel level, Format format, bool interleaved, std::int64_t pairs, std::vector<StepEntry> entries,
             std::int64_t rows) {
    turned_q = q;
    turned_k = k;
    ids_.assign(static_cast<std::size_t>(rows), 0);
    step_ = builder_.prepare(entries, ids_);
    support::Runner runner(2);
    runner.exec.launch(kernels::select_store_rows({.features = features_of(level)}, format, interleaved),
                       {.q = view_of(turned_q.data(), {rows, kHeads * key_dim_}),
                        .k = view_of(turned_k.data(), {rows, kKvHeads * key_dim_}),
                        .v = view_of(v.data(), {rows, kKvHeads * value_dim_}),
                        .table = view_of(table.data(), {rows, 2 * pairs}),
                        .heads = kHeads,
                        .kv_heads = kKvHeads,
                        .key_dim = key_dim_,
                        .value_dim = value_dim_,
                        .batch = step_.batch,
                        .state = step_.states[0]});
  }

  std::int64_t key_dim_, value_dim_;
  StatePool pool_;
  StepBuilder builder_;
  Sequence sequences_[3];
  std::vector<std::int32_t> ids_;
  Step step_;

 public:
  std::vector<float> q, k, v, table, turned_q, turned_k;
};

// Head `head` of row r of x, turned by the row's table.
std::vector<float> turned(const Stored& s, const std::vector<float>& x, std::int64_t row_width, std::int64_t r,
                          std::int64_t head, std::int64_t dim, std::int64_t pairs, bool interleaved) {
  const auto begin = x.begin() + r * row_width + head * dim;
  std::vector<float> y(begin, begin + dim);
  for (std::int64_t i = 0; i < pairs; ++i) {
    const std::size_t a = static_cast<std::size_t>(interleaved ? 2 * i : i);
    const std::size_t b = static_cast<std::size_t>(interleaved ? 2 * i + 1 : i + pairs);
    const float c = s.table[static_cast<std::size_t>(r * 2 * pairs + i)];
    const float sine = s.table[static_cast<std::size_t>(r * 2 * pairs + pairs + i)];
    const float first = y[a], second = y[b];
    y[a] = first * c - second * sine;
    y[b] = second * c + first * sine;
  }
  return y;
}

TEST(StoreRows, TurnsAndStoresEveryRow) {
  for (const IsaLevel level : levels()) {
    for (const bool interleaved : {false, true}) {
      for (const std::int64_t dim : {2, 9, 16, 33, 64}) {
        for (const std::int64_t pairs : {std::int64_t{0}, std::int64_t{1}, dim / 4, dim / 2}) {
          const Stored s(Format::kF32, level, interleaved, dim, dim + 1, pairs);
          for (std::int64_t r = 0; r < Stored::kRows; ++r) {
            for (std::int64_t h = 0; h < Stored::kHeads; ++h) {
              const std::int64_t width = Stored::kHeads * dim;
              const std::vector<float> q = turned(s, s.q, width, r, h, dim, pairs, interleaved);
              for (std::int64_t d = 0; d < dim; ++d) {
                ASSERT_FLOAT_EQ(s.turned_q[static_cast<std::size_t>(r * width + h * dim + d)],
                                q[static_cast<std::size_t>(d)]);
              }
            }
            for (std::int64_t h = 0; h < Stored::kKvHeads; ++h) {
              const std::vector<float> k = turned(s, s.k, Stored::kKvHeads * dim, r, h, dim, pairs, interleaved);
              for (std::int64_t d = 0; d < dim; ++d) ASSERT_FLOAT_EQ(s.key(r, h, d), k[static_cast<std::size_t>(d)]);
              for (std::int64_t d = 0; d <= dim; ++d) {
                ASSERT_EQ(s.stored_value(r, h, d),
                          s.v[static_cast<std::size_t>((r * Stored::kKvHeads + h) * (dim + 1) + d)]);
              }
            }
          }
        }
      }
    }
  }
}

TEST(StoreRows, QuantisedRowsLoseAtMostHalfAStep) {
  for (const IsaLevel level : levels()) {
    for (const Format format : {Format::kBF16, Format::kInt8}) {
      for (const std::int64_t dim : {1, 7, 31, 32, 33, 64, 80}) {
        const Stored s(format, level, false, dim, dim, 0);
        for (std::int64_t r = 0; r < Stored::kRows; ++r) {
          for (std::int64_t h = 0; h < Stored::kKvHeads; ++h) {
            const float* row = s.v.data() + (r * Stored::kKvHeads + h) * dim;
            for (std::int64_t d = 0; d < dim; ++d) {
              float largest = 0;
              for (std::int64_t i = d / 32 * 32; i < std::min(dim, d / 32 * 32 + 32); ++i) {
                largest = std::max(largest, std::abs(row[i]));
              }
              const float step = format == Format::kBF16 ? std::abs(row[d]) / 128 : largest / 127;
              ASSERT_NEAR(s.stored_value(r, h, d), row[d], 0.5001f * step) << name_of(format) << " width " << dim;
            }
          }
        }
      }
    }
  }
}

TEST(StoreRows, RefusesOtherFormats) {
  try {
    kernels::select_store_rows({}, Format::kQ4_0, false);
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "state format wanted one of f32, bf16, int8, bfp8_b, got q4_0");
  }
}

}  // namespace
}  // namespace ttt
