#pragma once

#include <cstdint>

#include "base/cpu_features.h"

namespace ttt {

// What this process may use, as queried from the processor, sysfs, the affinity mask and the cgroup. Never a product
// name. Which kernels are chosen depends on these values alone.
struct DeviceTraits {
  CpuFeatures features = {};
  // bf16 dot products of vectors run at half the rate of f32 (has_slow_bf16_dots); elsewhere at twice that rate.
  bool slow_bf16_dots = false;
  std::int64_t cores = 1;             // in the affinity mask, limited by the cgroup's quota, at least 1
  std::int64_t l1d_bytes = 32 << 10;  // per core
  std::int64_t l2_bytes = 512 << 10;  // per core
  std::int64_t l3_bytes = 0;          // shared; 0: none reported
  std::int64_t available_bytes = 0;   // memory that can still be taken: MemAvailable and the cgroup's limit
  bool operator==(const DeviceTraits&) const = default;

  IsaLevel isa() const { return isa_in(features); }
};

DeviceTraits query_device_traits();

// The same device with exactly the features of `level`, so that every machine that has them chooses among the same
// kernels. Throws Error{kUsage} naming `level` and those of the machine when it lacks that.
DeviceTraits with_isa(DeviceTraits traits, IsaLevel level);

}  // namespace ttt
