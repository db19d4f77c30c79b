#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ttt {

// Instruction sets in which kernels are built; each level includes the ones before it.
enum class IsaLevel : std::uint8_t {
  kSse2,        // the amd64 baseline
  kAvx2,        // AVX2, FMA, F16C
  kAvx512,      // F, BW, DQ, VL
  kAvx512Vnni,  // + VNNI
  kAvx512Bf16,  // + BF16
};

std::string_view name_of(IsaLevel level);  // "avx512_vnni", as --isa spells it
std::optional<IsaLevel> isa_named(std::string_view name);

// What this process may use, as queried from CPUID, sysfs, the affinity mask and the cgroup. Never a product name.
struct DeviceTraits {
  IsaLevel isa = IsaLevel::kSse2;
  std::int64_t cores = 1;             // in the affinity mask, limited by the cgroup's quota, at least 1
  std::int64_t l1d_bytes = 32 << 10;  // per core
  std::int64_t l2_bytes = 512 << 10;  // per core
  std::int64_t l3_bytes = 0;          // shared; 0: none reported
  std::int64_t available_bytes = 0;   // memory that can still be taken: MemAvailable and the cgroup's limit
  bool operator==(const DeviceTraits&) const = default;
};

DeviceTraits query_device_traits();

// The same device held to a lower level. Throws Error{kUsage} naming both when the machine lacks `level`.
DeviceTraits with_isa(DeviceTraits traits, IsaLevel level);

}  // namespace ttt
