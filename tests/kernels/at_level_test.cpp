#include "kernels/at_level.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "kernels/matmul/matmul_dense.h"
#include "kernels/matmul/matmul_grouped.h"
#include "kernels/norm/rms_norm.h"

namespace ttt::kernels {
namespace {

// What a device with these features multiplies with: grouped weights by int8, dense ones by f32.
struct Chosen {
  std::string grouped, dense;
  bool operator==(const Chosen&) const = default;
};
void PrintTo(const Chosen& c, std::ostream* out) { *out << c.grouped << " and " << c.dense; }

Chosen chosen(CpuFeatures features) {
  const DeviceTraits traits{.features = features};
  return {std::string(select_grouped_matmul(traits, Format::kQ4_0, ActivationForm::kInt8).name),
          std::string(select_dense_matmul(traits, Format::kF32, ActivationForm::kF32, RowClass::kFew).name)};
}

TEST(AtLevel, EveryLevelHasItsStatedKernels) {
  const std::vector<Chosen> wanted{{"sse2.grouped_q4_0", "sse2.dense_f32_few"},
                                   {"avx2.grouped_q4_0", "avx2.dense_f32_few"},
                                   {"avx_vnni.grouped_q4_0", "avx2.dense_f32_few"},
                                   {"avx512.grouped_q4_0", "avx512.dense_f32_few"},
                                   {"avx512_vnni.grouped_q4_0", "avx512.dense_f32_few"},
                                   {"avx512_vnni.grouped_q4_0", "avx512_bf16.dense_f32_few"},
                                   {"amx.grouped_q4_0", "amx.dense_f32_few"}};
  ASSERT_EQ(wanted.size(), static_cast<std::size_t>(kIsaLevels));
  for (int i = 0; i < kIsaLevels; ++i) {
    EXPECT_EQ(chosen(features_of(static_cast<IsaLevel>(i))), wanted[static_cast<std::size_t>(i)]);
  }
}

TEST(AtLevel, FeaturesWithoutKernelsChangeNothing) {
  using enum CpuFeature;
  EXPECT_EQ(chosen({kAvxVnni, kAmxTile, kAmxInt8}), chosen({}));
  EXPECT_EQ(chosen(features_of(IsaLevel::kAvx512Bf16) | CpuFeatures{kAvx512Fp16, kAvxVnni, kAmxTile, kAmxBf16}),
            chosen(features_of(IsaLevel::kAvx512Bf16)));
  EXPECT_EQ(chosen(features_of(IsaLevel::kAmx) | CpuFeatures{kAvx512Fp16, kAvxVnni}),
            chosen(features_of(IsaLevel::kAmx)));
}

// A set that lies between levels takes the kernels of the highest one that it contains.
TEST(AtLevel, AnIncompleteLevelIsNotUsed) {
  using enum CpuFeature;
  const CpuFeatures avx512 = features_of(IsaLevel::kAvx512);
  EXPECT_EQ(chosen({kAvx2, kF16c}), chosen({}));
  EXPECT_EQ(chosen(avx512 | CpuFeatures{kAvx512Bf16}), chosen(avx512));
}

TEST(AtLevel, TablesOfLevelsDiffer) {
  std::set<const RmsNormKernels*> tables;
  std::set<RmsNormFn> functions;
  for (int i = 0; i < kIsaLevels; ++i) {
    const DeviceTraits traits{.features = features_of(static_cast<IsaLevel>(i))};
    tables.insert(&at_level<RmsNormKernels>(traits));
    functions.insert(at_level<RmsNormKernels>(traits).norm);
  }
  functions.insert(at_level<RmsNormKernels>({}, true).norm);
  EXPECT_EQ(tables.size(), 3u);  // sse2, avx2, avx512: the others have none of their own
  EXPECT_EQ(functions.size(), 4u);
}

}  // namespace
}  // namespace ttt::kernels
