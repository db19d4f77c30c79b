#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/grouped_data.h"
#include "kernels/matmul/prepare.h"
#include "support/exec.h"

namespace ttt::kernels {
namespace {

using namespace grouped_tests;
using support::levels;

// Rows prepared by the kernel of one level. Memory around them is watched.
struct Prepared {
  std::vector<std::byte> memory;
  PreparedRows rows;

  Prepared(const DeviceTraits& traits, const std::vector<float>& x, std::int64_t n, std::int64_t in,
           std::int64_t stride) {
    const std::int64_t bytes = prepared_bytes(ActivationForm::kInt8, false, n, in);
    memory.assign(static_cast<std::size_t>(bytes + 128), std::byte{0x5A});
    rows = prepared_rows(ActivationForm::kInt8, false, n, in, memory.data() + 64);
    support::TestExec exec;
    ConstTensorView view = view_of(x.data() + 1, {n, in});  // off the alignment of vectors
    view.row_bytes = stride * 4;
    (*exec).launch(select_prepare(traits, ActivationForm::kInt8, false), PrepareArgs{view, rows});
    for (std::size_t i = 0; i < 64; ++i) {
      EXPECT_EQ(memory[i], std::byte{0x5A});
      EXPECT_EQ(memory[memory.size() - 1 - i], std::byte{0x5A});
    }
  }
  int code(std::int64_t r, std::int64_t i) const {
    return static_cast<std::int8_t>(std::to_integer<std::uint8_t>(rows.values[r * rows.row_bytes + i]));
  }
};

TEST(PrepareInt8, RoundsEachGroupToItsLargest) {
  for (const std::int64_t in : {1, 7, 31, 32, 33, 64, 65, 257}) {
    for (const std::int64_t n : {0, 1, 3, 300}) {
      const std::int64_t stride = in + 3;
      auto x = random_floats(n * stride + 1, static_cast<unsigned>(in + n));
      for (std::size_t i = 0; i < x.size() && i < 40; i += 7) x[i] *= 100;
      for (const DeviceTraits& traits : levels()) {
        const Prepared p(traits, x, n, in, stride);
        for (std::int64_t r = 0; r < n; ++r) {
          const float* row = x.data() + 1 + r * stride;
          for (std::int64_t g = 0; g < p.rows.padded_in / 32; ++g) {
            float most = 0;
            for (std::int64_t i = 32 * g; i < std::min(32 * g + 32, in); ++i) most = std::max(most, std::fabs(row[i]));
            const float scale = most / 127, inverse = 127 / most;
            ASSERT_EQ(p.rows.scales[r * p.rows.padded_in / 32 + g], scale);
            int sums[2] = {};
            for (std::int64_t i = 32 * g; i < 32 * g + 32; ++i) {
              const int wanted = i < in ? static_cast<int>(std::nearbyint(row[i] * inverse)) : 0;
              ASSERT_EQ(p.code(r, i), wanted)
                  << name_of(traits.isa()) << " row " << r << " input " << i << " of " << in;
              sums[i % 32 / 16] += wanted;
            }
            for (int half = 0; half < 2; ++half) {
              ASSERT_EQ(p.rows.sums[r * p.rows.padded_in / 16 + 2 * g + half], sums[half]);
            }
          }
        }
      }
    }
  }
}

TEST(PrepareInt8, TiesGoToEven) {
  std::vector<float> x(33, 0.0f);
  const float values[] = {127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 126.5f, -127};
  const int wanted[] = {127, 0, 2, 2, 0, -2, -2, 126, -127};
  std::copy(std::begin(values), std::end(values), x.begin() + 1);
  for (const DeviceTraits& traits : levels()) {
    const Prepared p(traits, x, 1, 32, 32);
    for (int i = 0; i < 9; ++i) EXPECT_EQ(p.code(0, i), wanted[i]) << name_of(traits.isa());
  }
}

TEST(PrepareInt8, ExtremeGroups) {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (const DeviceTraits& traits : levels()) {
    for (const float v : {0.0f, 1e-40f, -1e-36f, 2e-36f, std::numeric_limits<float>::max(), infinity, -infinity, nan}) {
      std::vector<float> x(65, 1.0f);
      std::fill_n(x.begin() + 1, 32, v);
      const Prepared p(traits, x, 1, 64, 64);
      const float scale = p.rows.scales[0];
      if (!std::isfinite(v)) {
        EXPECT_TRUE(std::isnan(scale) && p.rows.sums[0] == 0 && p.rows.sums[1] == 0) << v;
      } else if (std::fabs(v) < 2e-36f) {
        EXPECT_TRUE(scale == 0 && p.rows.sums[0] == 0 && p.code(0, 0) == 0) << v;
      } else {
        EXPECT_NEAR(double{scale} * p.code(0, 0) / double{v}, 1, 1e-6) << v;
      }
      EXPECT_EQ(p.code(0, 40), 127);  // the neighbour is untouched
    }
  }
}

}  // namespace
}  // namespace ttt::kernels
