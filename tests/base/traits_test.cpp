#include "base/traits.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace ttt {
namespace {

TEST(Traits, ThisMachineIsPlausible) {
  const DeviceTraits t = query_device_traits();
  EXPECT_GE(t.cores, 1);
  EXPECT_GE(t.l1d_bytes, 8 << 10);
  EXPECT_GE(t.l2_bytes, t.l1d_bytes);
  EXPECT_GE(t.l3_bytes, 0);
  EXPECT_GT(t.available_bytes, 1 << 20);
}

TEST(Traits, AreTheSameOnEveryCall) {
  DeviceTraits a = query_device_traits(), b = query_device_traits();
  a.available_bytes = b.available_bytes = 0;
  EXPECT_EQ(a, b);
}

TEST(Traits, ALowerLevelIsGranted) {
  const DeviceTraits t{.features = features_of(IsaLevel::kAvx512), .cores = 3};
  EXPECT_EQ(with_isa(t, IsaLevel::kAvx2).isa(), IsaLevel::kAvx2);
  EXPECT_EQ(with_isa(t, IsaLevel::kAvx512), t);
  EXPECT_EQ(with_isa(t, IsaLevel::kSse2).cores, 3);
}

TEST(Traits, AForcedLevelHasExactlyItsFeatures) {
  DeviceTraits more{.features = features_of(IsaLevel::kAvx512Bf16)};
  more.features.add(CpuFeature::kAvxVnni);
  more.features.add(CpuFeature::kAmxTile);
  EXPECT_EQ(more.isa(), IsaLevel::kAvx512Bf16);
  EXPECT_EQ(with_isa(more, IsaLevel::kAvx512Bf16).features, features_of(IsaLevel::kAvx512Bf16));
  EXPECT_EQ(with_isa(more, IsaLevel::kAvx2).features, features_of(IsaLevel::kAvx2));
}

TEST(Traits, ALevelOfOtherMachinesIsRefused) {
  const auto refusal = [](IsaLevel machine, IsaLevel wanted) -> std::string {
    try {
      with_isa({.features = features_of(machine)}, wanted);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kUsage);
      return e.what();
    }
    return "accepted";
  };
  EXPECT_EQ(refusal(IsaLevel::kAvx2, IsaLevel::kAvx512Bf16),
            "--isa wanted one of sse2, avx2 (the levels of this machine), got avx512_bf16");
  // A wider machine need not have every level below its own.
  EXPECT_EQ(refusal(IsaLevel::kAvx512, IsaLevel::kAvxVnni),
            "--isa wanted one of sse2, avx2, avx512 (the levels of this machine), got avx_vnni");
}

}  // namespace
}  // namespace ttt
