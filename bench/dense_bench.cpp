// Dense products and the share of the machine's limits that they reach, measured in the same run.
//   dense_bench [threads] [isa]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/exec.h"
#include "bench/machine_peak/machine_peak.h"
#include "collectives/self.h"
#include "kernels/matmul/matmul_dense.h"

namespace ttt {
namespace {

struct Shape3 {
  std::int64_t rows, in, out;
};

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void fill(std::byte* data, std::int64_t count, Format format) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float x = static_cast<float>(i % 251 - 125) / 256;
    std::uint32_t u = 0;
    std::memcpy(&u, &x, 4);
    // For f16 these bits are some small number, which is all that timing needs.
    const std::uint16_t h = static_cast<std::uint16_t>(format == Format::kF16 ? 0x2000 + i % 4096 : u >> 16);
    if (format == Format::kF32) std::memcpy(data + 4 * i, &x, 4);
    if (format != Format::kF32) std::memcpy(data + 2 * i, &h, 2);
  }
}

// Copies of the weight are multiplied in turn, so that few rows find none of them in a cache, as in a model.
void measure(Exec& exec, const DeviceTraits& traits, const bench::MachinePeak& peak, Format format,
             kernels::ActivationForm form, const Shape3& s) {
  const std::int64_t bytes = stored_bytes(format, s.in * s.out, "weight");
  const std::int64_t copies = s.rows <= 16 ? std::max<std::int64_t>((std::int64_t{768} << 20) / bytes, 1) : 1;
  Buffer weight(bytes * copies), x(s.rows * s.in * 4), y(s.rows * s.out * 4);
  fill(weight.data(), s.in * s.out, format);
  for (std::int64_t c = 1; c < copies; ++c)
    std::memcpy(weight.data() + c * bytes, weight.data(), static_cast<std::size_t>(bytes));
  fill(x.data(), s.rows * s.in, Format::kF32);
  const kernels::MatmulKernel& kernel =
      kernels::select_dense_matmul(traits, format, form, kernels::row_class_of(s.rows));
  const kernels::PrepareFn prepare = kernels::select_prepare(traits, form, kernel.panels);
  Buffer memory(kernels::prepared_bytes(form, kernel.panels, s.rows, s.in));
  const kernels::PreparedRows rows = kernels::prepared_rows(form, kernel.panels, s.rows, s.in, memory.data());
  double best = 1e9, prepared = 1e9;
  const double end = now() + 0.6;
  for (std::int64_t i = 0; i < 4 * copies && (i < 3 || now() < end); ++i) {
    kernels::MatmulProblem problem{.w = view_of(weight.data() + i % copies * bytes, format, {s.out, s.in}),
                                   .y = view_of(y.data(), Format::kF32, {s.rows, s.out}),
                                   .kernel = &kernel};
    const double t0 = now();
    exec.launch(prepare, kernels::PrepareArgs{view_of(x.data(), Format::kF32, {s.rows, s.in}), rows});
    const double t1 = now();
    exec.launch(kernels::matmul, kernels::MatmulArgs{rows, {&problem, 1}});
    const double t2 = now();
    prepared = std::min(prepared, t1 - t0);
    best = std::min(best, t2 - t0);
  }
  const double operations = 2.0 * static_cast<double>(s.rows * s.in) * static_cast<double>(s.out);
  const double limit = form == kernels::ActivationForm::kBF16 ? peak.bf16 : peak.f32;
  std::printf("%-34s %4ld x %5ld x %6ld  %9.3f ms (prepare %6.3f)  %7.1f Gop/s %3.0f %%  %6.1f GB/s %3.0f %%\n",
              std::string(kernel.name).c_str(), static_cast<long>(s.rows), static_cast<long>(s.in),
              static_cast<long>(s.out), best * 1e3, prepared * 1e3, operations / best * 1e-9,
              100 * operations / best / limit, static_cast<double>(bytes) / best * 1e-9,
              100 * static_cast<double>(bytes) / best / peak.read_bandwidth);
}

int run(int argc, char** argv) {
  DeviceTraits traits = query_device_traits();
  const std::int64_t threads_wanted = argc > 1 ? std::atoll(argv[1]) : traits.cores;
  if (argc > 2) traits = with_isa(traits, isa_named(argv[2]).value());
  ThreadPool threads(threads_wanted);
  Scratch scratch(0);
  NoObserver observer;
  Exec exec(threads, scratch, self_communicator(), observer);
  const bench::MachinePeak peak = bench::measure_machine_peak(threads, traits);
  std::printf("%s, %ld threads: f32 %.0f, bf16 %.0f, int8 %.0f Gop/s; read %.1f GB/s\n",
              std::string(name_of(traits.isa())).c_str(), static_cast<long>(threads_wanted), peak.f32 * 1e-9,
              peak.bf16 * 1e-9, peak.int8 * 1e-9, peak.read_bandwidth * 1e-9);
  std::vector<std::pair<Format, kernels::ActivationForm>> kinds{{Format::kF32, kernels::ActivationForm::kF32},
                                                                {Format::kBF16, kernels::ActivationForm::kF32},
                                                                {Format::kF16, kernels::ActivationForm::kF32}};
  if (traits.features.has(CpuFeature::kAvx512Bf16)) kinds.emplace_back(Format::kBF16, kernels::ActivationForm::kBF16);
  for (const auto& [format, form] : kinds) {
    for (const std::int64_t rows : {1, 2, 4, 6, 7, 8, 16, 32, 64, 512})
      measure(exec, traits, peak, format, form, {rows, 2048, 8192});
    measure(exec, traits, peak, format, form, {1, 8192, 2048});
    measure(exec, traits, peak, format, form, {1, 576, 1536});
    measure(exec, traits, peak, format, form, {512, 8192, 2048});
    measure(exec, traits, peak, format, form, {512, 576, 1536});
  }
  return 0;
}

}  // namespace
}  // namespace ttt

int main(int argc, char** argv) {
  try {
    return ttt::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
