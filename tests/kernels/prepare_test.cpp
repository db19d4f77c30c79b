#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "dense_cases.h"

namespace ttt {
namespace {

using kernels::ActivationForm;
using kernels::PreparedRows;
using testing::random_floats;

struct PrepareCase {
  IsaLevel isa;
  ActivationForm form;
  bool panels;
};

std::vector<PrepareCase> prepare_cases() {
  std::vector<PrepareCase> cases;
  for (const IsaLevel isa : testing::machine_levels()) {
    for (const bool panels : {false, true}) {
      cases.push_back({isa, ActivationForm::kF32, panels});
      if (isa >= IsaLevel::kAvx512Bf16) cases.push_back({isa, ActivationForm::kBF16, panels});
    }
  }
  return cases;
}

class PrepareDense : public ::testing::TestWithParam<PrepareCase> {
 protected:
  // The prepared value of one row and input.
  static double value(const PreparedRows& y, std::int64_t r, std::int64_t k);
  DeviceTraits traits_ = with_isa(query_device_traits(), GetParam().isa);
  testing::ExecParts parts_;
};

double PrepareDense::value(const PreparedRows& y, std::int64_t r, std::int64_t k) {
  const std::int64_t panel = r / 16 * y.padded_in * 16, lane = r % 16;
  if (y.form == ActivationForm::kF32) {
    const float* v = reinterpret_cast<const float*>(y.values);
    return static_cast<double>(y.panels ? v[panel + k * 16 + lane] : v[r * y.row_bytes / 4 + k]);
  }
  const std::uint16_t* v = reinterpret_cast<const std::uint16_t*>(y.values);
  return testing::from_bf16(y.panels ? v[panel + k / 2 * 32 + lane * 2 + k % 2] : v[r * y.row_bytes / 2 + k]);
}

TEST_P(PrepareDense, PlacesRoundsAndPads) {
  const auto [isa, form, panels] = GetParam();
  for (const std::int64_t in : {0, 1, 7, 8, 15, 16, 17, 31, 32, 33, 65, 576, 1100}) {
    for (const std::int64_t rows : {0, 1, 3, 15, 16, 17, 40}) {
      // The rows end where memory ends.
      const std::int64_t stride = in + 2, bytes = rows == 0 ? 0 : ((rows - 1) * stride + in) * 4;
      support::GuardedBytes x(bytes);
      const std::vector<float> values = random_floats(bytes / 4, 1);
      if (bytes > 0) std::memcpy(x.data(), values.data(), static_cast<std::size_t>(bytes));
      Buffer memory(kernels::prepared_bytes(form, panels, rows, in) + 64);
      std::memset(memory.data(), 0x7f, static_cast<std::size_t>(memory.size()));
      const PreparedRows y = kernels::prepared_rows(form, panels, rows, in, memory.data());
      EXPECT_EQ(y.padded_in % kernels::kActivationGroup, 0);
      const kernels::PrepareArgs args{{x.data(), Format::kF32, Layout::kRowMajor, {rows, in}, stride * 4}, y};
      parts_.exec.launch(kernels::select_prepare(traits_, form, panels), args);
      const std::int64_t stored = panels ? (rows + 15) / 16 * 16 : rows;
      for (std::int64_t r = 0; r < stored; ++r) {
        for (std::int64_t k = 0; k < y.padded_in; ++k) {
          const float v = r < rows && k < in ? values[static_cast<std::size_t>(r * stride + k)] : 0.0f;
          const double want =
              form == ActivationForm::kBF16 ? testing::from_bf16(testing::to_bf16(v)) : static_cast<double>(v);
          ASSERT_EQ(value(y, r, k), want) << "rows " << rows << " in " << in << " at " << r << ", " << k;
        }
      }
      EXPECT_EQ(memory.data()[memory.size() - 1], std::byte{0x7f});
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, PrepareDense, ::testing::ValuesIn(prepare_cases()), [](const auto& c) {
  return text(name_of(c.param.isa), "_", kernels::name_of(c.param.form), c.param.panels ? "_panels" : "_rows");
});

TEST(Prepare, LaysPartsOutAligned) {
  std::byte* const memory = reinterpret_cast<std::byte*>(std::uintptr_t{4096});
  const PreparedRows y = kernels::prepared_rows(ActivationForm::kInt8, false, 3, 70, memory);
  EXPECT_EQ(y.padded_in, 96);
  EXPECT_EQ(y.row_bytes, 96);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(y.scales), 4096u + 320u);      // 3 x 96 codes
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(y.sums), 4096u + 320u + 64u);  // 3 x 3 scales
  EXPECT_EQ(kernels::prepared_bytes(ActivationForm::kInt8, false, 3, 70), 320 + 64 + 128);
  EXPECT_EQ(kernels::prepared_bytes(ActivationForm::kF32, true, 17, 33), 32 * 64 * 4);
  EXPECT_EQ(kernels::prepared_bytes(ActivationForm::kBF16, false, 3, 33), 3 * 64 * 2);
}

TEST(Prepare, RefusesWhatIsNotBuilt) {
  DeviceTraits traits;
  const auto message = [&](ActivationForm form, bool panels) -> std::string {
    try {
      kernels::select_prepare(traits, form, panels);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  traits.features = features_of(IsaLevel::kAvx512Vnni);
  EXPECT_EQ(message(ActivationForm::kBF16, true), "activations in bf16 panels are not built for avx512_vnni");
  EXPECT_EQ(message(ActivationForm::kInt8, true), "activations in int8 panels are not built for avx512_vnni");
}

TEST(Prepare, FormsHaveNames) {
  EXPECT_EQ(kernels::name_of(ActivationForm::kF32), "f32");
  EXPECT_EQ(kernels::name_of(ActivationForm::kBF16), "bf16");
  EXPECT_EQ(kernels::name_of(ActivationForm::kInt8), "int8");
  EXPECT_TRUE(kernels::name_of(static_cast<ActivationForm>(3)).empty());
}

}  // namespace
}  // namespace ttt
