// Times the grouped products alone: grouped_bench [isa] [threads] [format ...].
//
// Prints for each format the bytes of weights per second with one row, as a share of the read bandwidth; the time of
// 192 MB of weights with 2 to 32 rows, and which share of it the roofline takes (reading or multiplying, whichever is
// longer); operations per second with 30 and 384 rows of weights in the cache, as a share of the int8 peak. Both
// yardsticks are measured in the same run. With one thread, more than 4 rows take 64 outputs only, which the cache
// holds.

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/error.h"
#include "base/threads.h"
#include "bench/machine_peak/machine_peak.h"
#include "kernels/formats/packed.h"
#include "kernels/matmul/matmul_grouped.h"

namespace ttt {
namespace {

using namespace kernels;

double wall_clock() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// With one thread the processor time, so that what other processes take does not count.
double processor_time() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// Seconds of one call: the best of those that fit into about `budget` seconds.
template <class F>
double seconds(ThreadPool& threads, double budget, const F& f) {
  double best = 1e9;
  const auto now = threads.size() == 1 ? processor_time : wall_clock;
  const double end = wall_clock() + budget;
  do {
    const double start = now();
    f();
    best = std::min(best, now() - start);
  } while (wall_clock() < end);
  return best;
}

// Bytes per second of summing a buffer with one thread, in the clock that its products are timed with.
double read_rate(ThreadPool& threads, std::int64_t bytes) {
  Buffer buffer(bytes);
  std::fill_n(buffer.data(), bytes, std::byte{1});
  const auto* words = reinterpret_cast<const std::uint64_t*>(buffer.data());
  std::uint64_t sum = 0;
  const double t = seconds(threads, 0.5, [&] {
    std::uint64_t s[8] = {};
    for (std::int64_t i = 0; i < bytes / 64; ++i) {
      for (std::int64_t j = 0; j < 8; ++j) s[j] += words[8 * i + j];
    }
    for (const std::uint64_t v : s) sum += v;
  });
  return sum == 0 ? 0 : static_cast<double>(bytes) / t;
}

struct Weights {
  Format format;
  std::int64_t out, in;
  Buffer memory;

  Weights(Format f, std::int64_t o, std::int64_t i, ThreadPool& threads)
      : format(f), out(o), in(i), memory(packed_bytes(f, o, i)) {
    // One panel's worth of channels, again and again: what the values are does not change the time.
    std::vector<float> x(static_cast<std::size_t>(64 * in));
    std::mt19937 random(1);
    for (float& v : x) v = static_cast<float>(random() % 2001) / 1000 - 1;
    const bool rounded = can_quantise_to(format) && format != Format::kQ8_0;
    std::vector<std::byte> blocks(static_cast<std::size_t>(64 * stored_bytes(format, in, "weight")));
    for (std::byte& b : blocks) b = static_cast<std::byte>(random() & 31u);
    std::vector<std::int64_t> index(static_cast<std::size_t>(out));
    for (std::int64_t r = 0; r < out; ++r) index[static_cast<std::size_t>(r)] = r % 64;
    const PackSource source{.rows = rounded ? view_of(x.data(), {64, in}) : view_of(blocks.data(), format, {64, in}),
                            .row_index = index.data()};
    threads.parallel_for(panels_of(out),
                         [&](std::int64_t p) { pack_panels(format, source, out, in, p, p + 1, memory.data()); });
  }
};

struct Timing {
  double seconds, operations;
};

// One product with `rows` rows, cut into tiles as the library does.
Timing time_rows(ThreadPool& threads, const DeviceTraits& traits, const Weights& w, ActivationForm form,
                 std::int64_t rows, double budget) {
  const std::int64_t padded = (w.in + 31) / 32 * 32, size = form == ActivationForm::kInt8 ? 1 : 4;
  Buffer memory(rows * padded * size + rows * padded);
  std::byte* scales = memory.data() + rows * padded * size;
  for (std::int64_t i = 0; i < rows * padded; ++i) {
    const auto code = static_cast<std::int8_t>(i % 251 - 125);
    const float value = static_cast<float>(code) / 100;
    if (size == 1) memory.data()[i] = static_cast<std::byte>(code);
    if (size == 4) std::memcpy(memory.data() + 4 * i, &value, 4);
  }
  float* s = reinterpret_cast<float*>(scales);
  std::int32_t* sums = reinterpret_cast<std::int32_t*>(s + rows * padded / 32);
  for (std::int64_t i = 0; i < rows * padded / 32; ++i) s[i] = 0.01f;
  for (std::int64_t i = 0; i < rows * padded / 16; ++i) sums[i] = static_cast<std::int32_t>(i % 401 - 200);
  const PreparedRows x{.form = form,
                       .rows = rows,
                       .in = w.in,
                       .padded_in = padded,
                       .values = memory.data(),
                       .row_bytes = padded * size,
                       .scales = s,
                       .sums = sums};
  std::vector<float> y(static_cast<std::size_t>(rows * w.out));
  const MatmulProblem problem{.w = packed_view(w.memory.data(), w.format, w.out, w.in),
                              .y = view_of(y.data(), {rows, w.out}),
                              .kernel = &select_grouped_matmul(traits, w.format, form)};
  const auto tile = [&](std::int64_t begin, std::int64_t outputs) {
    problem.kernel->tile(x, problem, begin, std::min(begin + outputs, w.out));
  };
  if (threads.size() == 1 && rows > 4) {
    // One thread and many rows: 64 outputs at a time, because on a shared core only short stretches are undisturbed.
    const double t = seconds(threads, budget, [&] { tile(0, 64); });
    return {t, 2.0 * static_cast<double>(rows) * 64 * static_cast<double>(w.in)};
  }
  const std::int64_t tiles = std::min<std::int64_t>(w.out / 64, threads.size() * 16), step = w.out / tiles / 32 * 32;
  const double t = seconds(threads, budget, [&] {
    threads.parallel_for((w.out + step - 1) / step, [&](std::int64_t i) { tile(i * step, step); });
  });
  return {t, 2.0 * static_cast<double>(rows) * static_cast<double>(w.out) * static_cast<double>(w.in)};
}

void run(const DeviceTraits& traits, ThreadPool& threads, Format format, double read, double peak) {
  const std::int64_t in = 4096, out = (std::int64_t{192} << 20) / (packed_bytes(format, 1600, in) / 1600) / 64 * 64;
  const Weights large(format, out, in, threads), small(format, 2048, 2048, threads);
  const double bytes = static_cast<double>(large.memory.size());
  const Timing one = time_rows(threads, traits, large, ActivationForm::kInt8, 1, 0.3);
  std::printf("%-8s 1 row %6.1f GB/s (%3.0f %%)", std::string(name_of(format)).c_str(), bytes / one.seconds * 1e-9,
              100 * bytes / one.seconds / read);
  for (const std::int64_t rows : {2, 4, 8, 16, 32}) {
    const Timing t = time_rows(threads, traits, large, ActivationForm::kInt8, rows, 0.4);
    std::printf("   %ld rows %5.1f ms (%3.0f %%)", static_cast<long>(rows), 1e3 * t.seconds,
                100 * std::max(bytes / read, t.operations / peak) / t.seconds);
  }
  for (const std::int64_t rows : {30, 384}) {
    const Timing t = time_rows(threads, traits, small, ActivationForm::kInt8, rows, 0.2);
    std::printf("   %ld rows %6.0f Gop/s (%3.0f %%)", static_cast<long>(rows), t.operations / t.seconds * 1e-9,
                100 * t.operations / t.seconds / peak);
  }
  const Timing f32 = time_rows(threads, traits, small, ActivationForm::kF32, 32, 0.1);
  std::printf("   f32 %5.0f Gop/s\n", f32.operations / f32.seconds * 1e-9);
}

int run_all(int argc, char** argv) {
  DeviceTraits traits = query_device_traits();
  if (argc > 1) {
    const auto isa = isa_named(argv[1]);
    require(isa.has_value(), ErrorKind::kUsage, "isa wanted a level, got ", argv[1]);
    traits = with_isa(traits, *isa);
  }
  ThreadPool threads(argc > 2 ? std::atoi(argv[2]) : traits.cores);
  const std::int64_t buffer = std::int64_t{192} << 20;
  const double read =
      threads.size() == 1 ? read_rate(threads, buffer) : bench::measure_read_bandwidth(threads, traits, buffer);
  const double peak = bench::measure_int8_peak(threads, traits);
  std::printf("%s, %ld threads: read %.1f GB/s, int8 %.0f Gop/s\n", std::string(name_of(traits.isa())).c_str(),
              static_cast<long>(threads.size()), read * 1e-9, peak * 1e-9);
  for (int f = static_cast<int>(Format::kQ4_0); f <= static_cast<int>(Format::kBfp4B); ++f) {
    const auto format = static_cast<Format>(f);
    bool wanted = argc <= 3;
    for (int a = 3; a < argc; ++a) wanted = wanted || format_named(argv[a]) == format;
    if (wanted) run(traits, threads, format, read, peak);
  }
  return 0;
}

}  // namespace
}  // namespace ttt

int main(int argc, char** argv) {
  try {
    return ttt::run_all(argc, argv);
  } catch (const ttt::Error& e) {
    std::fprintf(stderr, "grouped_bench: %s\n", e.what());
    return static_cast<int>(e.kind());
  }
}
