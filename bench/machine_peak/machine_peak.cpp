#include "bench/machine_peak/machine_peak.h"

#include <algorithm>
#include <chrono>

#include "base/buffer.h"
#include "bench/machine_peak/peak_loops.h"
#include "kernels/at_level.h"

namespace ttt::bench {
namespace {

using kernels::PeakLoops;

// Many and short, because only a repetition that no other process interrupts shows the limit.
constexpr int kRepetitions = 16;
constexpr double kSecondsEach = 0.02;
constexpr std::int64_t kReadBufferBytes = std::int64_t{512} << 20;
constexpr std::int64_t kReadPart = 1 << 20;

const PeakLoops& loops_for(const DeviceTraits& traits) { return kernels::at_level<PeakLoops>(traits); }

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Each thread runs the same number of rounds; the first, short repetition says how many make up the time wanted.
double peak_of(ThreadPool& threads, PeakLoops::Loop loop) {
  std::int64_t rounds = 20000;
  double best = 0;
  for (int i = 0; i < kRepetitions; ++i) {
    double operations = 0;
    const double start = now();
    threads.parallel_for(threads.size(), [&](std::int64_t index) {
      alignas(64) float sink[16] = {};
      const double n = loop(rounds, sink);
      if (index == 0) operations = n;
    });
    const double seconds = now() - start;
    best = std::max(best, operations * static_cast<double>(threads.size()) / seconds);
    const double scale = kSecondsEach / std::max(seconds, 1e-6);
    if (i == 0) rounds = std::max<std::int64_t>(static_cast<std::int64_t>(static_cast<double>(rounds) * scale), 1);
  }
  return best;
}

}  // namespace

double measure_f32_peak(ThreadPool& threads, const DeviceTraits& traits) {
  return peak_of(threads, loops_for(traits).f32);
}
double measure_bf16_peak(ThreadPool& threads, const DeviceTraits& traits) {
  return peak_of(threads, loops_for(traits).bf16);
}
double measure_int8_peak(ThreadPool& threads, const DeviceTraits& traits) {
  return peak_of(threads, loops_for(traits).int8);
}

double measure_read_bandwidth(ThreadPool& threads, const DeviceTraits& traits, std::int64_t buffer_bytes) {
  const std::int64_t parts = std::max<std::int64_t>(buffer_bytes / kReadPart, 1);
  Buffer buffer(parts * kReadPart);
  // Written once: pages that were never written are all the same page of zeros, which caches hold.
  threads.parallel_for(parts,
                       [&](std::int64_t i) { std::fill_n(buffer.data() + i * kReadPart, kReadPart, std::byte{0}); });
  double best = 0;
  for (int i = 0; i < kRepetitions; ++i) {
    const double start = now();
    threads.parallel_for(parts, [&](std::int64_t part) {
      volatile float sink = loops_for(traits).read(buffer.data() + part * kReadPart, kReadPart);
      (void)sink;
    });
    best = std::max(best, static_cast<double>(parts * kReadPart) / (now() - start));
  }
  return best;
}

MachinePeak measure_machine_peak(ThreadPool& threads, const DeviceTraits& traits) {
  return {measure_f32_peak(threads, traits), measure_bf16_peak(threads, traits), measure_int8_peak(threads, traits),
          measure_read_bandwidth(threads, traits, kReadBufferBytes)};
}

}  // namespace ttt::bench
