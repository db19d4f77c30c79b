#pragma once

#include <cstdint>

#include "base/threads.h"
#include "base/traits.h"

namespace ttt::bench {

// What the machine can do at most with all threads of a pool, measured now. The yardstick of benchmarks.
struct MachinePeak {
  // Operations (a multiply and an add are two) per second of loops that touch registers only, in the arithmetic that
  // the kernels of this level use for the form.
  double f32 = 0, bf16 = 0, int8 = 0;
  double read_bandwidth = 0;  // bytes per second, summing a buffer that no cache holds
};

// The best of several repetitions of about 20 ms each. Throws Error{kResources} when the buffer cannot be had.
MachinePeak measure_machine_peak(ThreadPool& threads, const DeviceTraits& traits);

// The parts of it.
double measure_f32_peak(ThreadPool& threads, const DeviceTraits& traits);
double measure_bf16_peak(ThreadPool& threads, const DeviceTraits& traits);
double measure_int8_peak(ThreadPool& threads, const DeviceTraits& traits);
double measure_read_bandwidth(ThreadPool& threads, const DeviceTraits& traits, std::int64_t buffer_bytes);

}  // namespace ttt::bench
