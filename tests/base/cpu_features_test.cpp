#include "base/cpu_features.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

namespace ttt {
namespace {

constexpr std::uint64_t kAvxState = 0x7, kAvx512State = 0xE7, kAmxState = 0x600E7, kTileData = 0x40000;
constexpr std::uint32_t kAllBits = 0xFFFFFFFF;

// A processor that reports everything, under a system that saves `xcr0`.
CpuReport everything(std::uint64_t xcr0, std::uint64_t permitted = kTileData) {
  return {.leaf1_ecx = kAllBits,
          .leaf7_ebx = kAllBits,
          .leaf7_ecx = kAllBits,
          .leaf7_edx = kAllBits,
          .leaf7_1_eax = kAllBits,
          .xcr0 = xcr0,
          .permitted = permitted};
}

CpuFeatures all_features() {
  CpuFeatures all;
  for (int i = 0; i < kCpuFeatures; ++i) all.add(static_cast<CpuFeature>(i));
  return all;
}

TEST(CpuFeatures, LevelsReadBack) {
  for (int i = 0; i < kIsaLevels; ++i) {
    const auto level = static_cast<IsaLevel>(i);
    EXPECT_FALSE(name_of(level).empty());
    EXPECT_EQ(isa_named(name_of(level)), level);
  }
  EXPECT_EQ(isa_named("avx"), std::nullopt);
  EXPECT_TRUE(name_of(static_cast<IsaLevel>(kIsaLevels)).empty());
  EXPECT_TRUE(name_of(static_cast<CpuFeature>(kCpuFeatures)).empty());
}

TEST(CpuFeatures, LevelsAreFoundInTheirOwnSet) {
  for (int i = 0; i < kIsaLevels; ++i) {
    const auto level = static_cast<IsaLevel>(i);
    EXPECT_EQ(isa_in(features_of(level)), level);
    for (int lower = 0; lower < i; ++lower) {
      const CpuFeatures less = features_of(static_cast<IsaLevel>(lower));
      // AVX_VNNI is a level of machines without AVX-512, and no part of those with it.
      const bool beside = static_cast<IsaLevel>(lower) == IsaLevel::kAvxVnni;
      EXPECT_EQ(features_of(level).contains(less), !beside) << name_of(level);
      EXPECT_FALSE(less.contains(features_of(level))) << name_of(level);
    }
  }
}

TEST(CpuFeatures, ALevelNeedsAllOfItsFeatures) {
  using enum CpuFeature;
  // As a client processor without AVX-512.
  EXPECT_EQ(isa_in({kAvx2, kFma, kF16c, kAvxVnni}), IsaLevel::kAvxVnni);
  EXPECT_EQ(isa_in({kAvx2, kFma}), IsaLevel::kSse2);
  EXPECT_EQ(isa_in({kAvx2, kFma, kF16c, kAvx512F, kAvx512Bw, kAvx512Dq}), IsaLevel::kAvx2);
  // BF16 without VNNI: no level is made of it, and what is left over does no harm.
  EXPECT_EQ(isa_in({kAvx2, kFma, kF16c, kAvx512F, kAvx512Bw, kAvx512Dq, kAvx512Vl, kAvx512Bf16}), IsaLevel::kAvx512);
  EXPECT_EQ(isa_in({kAmxTile, kAmxInt8}), IsaLevel::kSse2);
  EXPECT_EQ(isa_in(features_of(IsaLevel::kAvx512Bf16) | CpuFeatures{kAmxTile, kAmxInt8}), IsaLevel::kAvx512Bf16);
  EXPECT_EQ(isa_in(features_of(IsaLevel::kAvx512) | CpuFeatures{kAvxVnni}), IsaLevel::kAvx512);
}

TEST(CpuFeatures, OnlyWhatTheSystemSavesIsUsable) {
  EXPECT_EQ(usable_features(everything(kAmxState)), all_features());
  EXPECT_EQ(usable_features(everything(0)), CpuFeatures());
  EXPECT_EQ(usable_features(everything(0x3)), CpuFeatures());
  const CpuFeatures avx = usable_features(everything(kAvxState));
  EXPECT_EQ(avx, features_of(IsaLevel::kAvx2) | CpuFeatures{CpuFeature::kAvxVnni});
  const CpuFeatures avx512 = usable_features(everything(kAvx512State));
  EXPECT_EQ(isa_in(avx512), IsaLevel::kAvx512Bf16);
  EXPECT_TRUE(avx512.has(CpuFeature::kAvx512Fp16));
  EXPECT_FALSE(avx512.has(CpuFeature::kAmxTile));
}

TEST(CpuFeatures, AmxNeedsPermissionToo) {
  const CpuReport without = everything(kAmxState, 0);
  for (const CpuFeature f : {CpuFeature::kAmxTile, CpuFeature::kAmxInt8, CpuFeature::kAmxBf16}) {
    EXPECT_TRUE(usable_features(everything(kAmxState)).has(f));
    EXPECT_FALSE(usable_features(without).has(f));
  }
  EXPECT_TRUE(usable_features(without).has(CpuFeature::kAvx512Bf16));
  // Refused permission means the next level down.
  EXPECT_EQ(isa_in(usable_features(everything(kAmxState))), IsaLevel::kAmx);
  EXPECT_EQ(isa_in(usable_features(without)), IsaLevel::kAvx512Bf16);
}

// A hypervisor may hide the tiles of a core, but not how fast its vectors are.
TEST(CpuFeatures, TheVendorSaysWhetherBf16DotsAreSlow) {
  constexpr std::uint32_t kBf16 = 1u << 5;
  EXPECT_TRUE(has_slow_bf16_dots({.intel = true, .leaf7_1_eax = kBf16}));
  EXPECT_FALSE(has_slow_bf16_dots({.intel = true, .leaf7_1_eax = ~kBf16}));
  EXPECT_FALSE(has_slow_bf16_dots({.intel = false, .leaf7_1_eax = kBf16}));
}

// Each feature alone is found where the processor reports it, and nowhere else.
TEST(CpuFeatures, EveryFeatureHasABitOfItsOwn) {
  std::uint32_t CpuReport::*const words[] = {&CpuReport::leaf1_ecx, &CpuReport::leaf7_ebx, &CpuReport::leaf7_ecx,
                                             &CpuReport::leaf7_edx, &CpuReport::leaf7_1_eax};
  CpuFeatures found;
  int count = 0;
  for (const auto word : words) {
    for (int bit = 0; bit < 32; ++bit) {
      CpuReport report{.xcr0 = kAmxState, .permitted = kTileData};
      report.*word = 1u << bit;
      const CpuFeatures one = usable_features(report);
      for (int i = 0; i < kCpuFeatures; ++i) count += one.has(static_cast<CpuFeature>(i)) ? 1 : 0;
      found = found | one;
    }
  }
  EXPECT_EQ(found, all_features());
  EXPECT_EQ(count, kCpuFeatures);
}

// Linux reads the same bits; what it lists (it lists AMX without asking for permission) must agree.
TEST(CpuFeatures, ThisMachineIsAsLinuxDescribesIt) {
  std::ifstream info("/proc/cpuinfo");
  std::set<std::string> flags;
  bool intel = false;
  for (std::string line; flags.empty() && std::getline(info, line);) {
    if (line.starts_with("vendor_id")) intel = line.ends_with("GenuineIntel");
    if (!line.starts_with("flags")) continue;
    std::istringstream words(line);
    for (std::string word; words >> word;) flags.insert(word);
  }
  if (flags.empty()) GTEST_SKIP() << "/proc/cpuinfo lists no flags";
  const CpuFeatures usable = usable_features(query_cpu());
  for (int i = 0; i <= static_cast<int>(CpuFeature::kAvxVnni); ++i) {
    const auto feature = static_cast<CpuFeature>(i);
    EXPECT_EQ(usable.has(feature), flags.contains(std::string(name_of(feature)))) << name_of(feature);
  }
  EXPECT_EQ(query_cpu().intel, intel);
}

}  // namespace
}  // namespace ttt
