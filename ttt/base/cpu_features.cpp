#include "base/cpu_features.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/enum_names.h"

namespace ttt {
namespace {

constexpr EnumNames<kIsaLevels> kIsaNames{"sse2", "avx2", "avx_vnni", "avx512", "avx512_vnni", "avx512_bf16", "amx"};
constexpr EnumNames<kCpuFeatures> kFeatureNames{"avx2",     "fma",      "f16c",        "avx512f",     "avx512bw",
                                                "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16",
                                                "avx_vnni", "amx_tile", "amx_int8",    "amx_bf16"};

// Registers of XCR0: the upper halves of ymm; mask registers and the rest of zmm; tile configuration and tiles.
constexpr std::uint64_t kYmmState = 0x6, kZmmState = 0xE6, kTileState = 0x60000, kTileData = 0x40000;

// Where a feature is reported, and the registers that it needs.
struct Source {
  CpuFeature feature;
  std::uint32_t CpuReport::*word;
  int bit;
  std::uint64_t state;
};
constexpr std::array<Source, kCpuFeatures> kSources{{
    {CpuFeature::kAvx2, &CpuReport::leaf7_ebx, 5, kYmmState},
    {CpuFeature::kFma, &CpuReport::leaf1_ecx, 12, kYmmState},
    {CpuFeature::kF16c, &CpuReport::leaf1_ecx, 29, kYmmState},
    {CpuFeature::kAvx512F, &CpuReport::leaf7_ebx, 16, kZmmState},
    {CpuFeature::kAvx512Bw, &CpuReport::leaf7_ebx, 30, kZmmState},
    {CpuFeature::kAvx512Dq, &CpuReport::leaf7_ebx, 17, kZmmState},
    {CpuFeature::kAvx512Vl, &CpuReport::leaf7_ebx, 31, kZmmState},
    {CpuFeature::kAvx512Vnni, &CpuReport::leaf7_ecx, 11, kZmmState},
    {CpuFeature::kAvx512Bf16, &CpuReport::leaf7_1_eax, 5, kZmmState},
    {CpuFeature::kAvx512Fp16, &CpuReport::leaf7_edx, 23, kZmmState},
    {CpuFeature::kAvxVnni, &CpuReport::leaf7_1_eax, 4, kYmmState},
    {CpuFeature::kAmxTile, &CpuReport::leaf7_edx, 24, kTileState},
    {CpuFeature::kAmxInt8, &CpuReport::leaf7_edx, 25, kTileState},
    {CpuFeature::kAmxBf16, &CpuReport::leaf7_edx, 22, kTileState},
}};

constexpr std::uint32_t kOsxsave = 1u << 27;

std::uint64_t read_xcr0() {
  std::uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32 | low;
}

// 0 from kernels that do not know the question: those grant no AMX either.
std::uint64_t read_permission() {
  constexpr long kGetPermission = 0x1022;  // ARCH_GET_XCOMP_PERM; glibc 2.36 has no name for it
  std::uint64_t granted = 0;
  return syscall(SYS_arch_prctl, kGetPermission, &granted) == 0 ? granted : 0;
}

// Whether CPUID reports the feature, usable by this process or not.
bool reports(const CpuReport& report, CpuFeature feature) {
  return std::ranges::any_of(
      kSources, [&](const Source& s) { return s.feature == feature && (report.*s.word >> s.bit & 1u) != 0; });
}

// For the whole process, threads that run already included. To ask again is harmless.
void request_tile_permission() {
  constexpr long kRequestPermission = 0x1023, kTileDataComponent = 18;  // ARCH_REQ_XCOMP_PERM, bit number in XCR0
  (void)syscall(SYS_arch_prctl, kRequestPermission, kTileDataComponent);
}

}  // namespace

std::string_view name_of(CpuFeature feature) { return name_in(kFeatureNames, feature); }

std::string_view name_of(IsaLevel level) { return name_in(kIsaNames, level); }

std::optional<IsaLevel> isa_named(std::string_view name) { return value_in<IsaLevel>(kIsaNames, name); }

IsaLevel isa_in(CpuFeatures features) {
  IsaLevel best = IsaLevel::kSse2;
  for (int i = 0; i < kIsaLevels; ++i) {
    const auto level = static_cast<IsaLevel>(i);
    if (features.contains(features_of(level))) best = level;
  }
  return best;
}

CpuReport query_cpu() {
  CpuReport r;
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  // The vendor's name stands in ebx, edx and ecx.
  if (__get_cpuid(0, &eax, &ebx, &ecx, &edx)) {
    r.intel = ebx == signature_INTEL_ebx && edx == signature_INTEL_edx && ecx == signature_INTEL_ecx;
  }
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx)) r.leaf1_ecx = ecx;
  // Without a leaf 7 nothing is written. Its eax says how many subleaves follow; those beyond answer with something
  // else.
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
    r.leaf7_ebx = ebx, r.leaf7_ecx = ecx, r.leaf7_edx = edx;
    if (eax >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx)) r.leaf7_1_eax = eax;
  }
  if (r.leaf1_ecx & kOsxsave) r.xcr0 = read_xcr0();
  r.permitted = read_permission();
  const bool tiles = reports(r, CpuFeature::kAmxTile) && (r.xcr0 & kTileState) == kTileState;
  if (tiles && (r.permitted & kTileData) == 0) {
    request_tile_permission();
    r.permitted = read_permission();
  }
  return r;
}

CpuFeatures usable_features(const CpuReport& report) {
  CpuFeatures found;
  for (const Source& s : kSources) {
    const bool reported = (report.*s.word >> s.bit & 1u) != 0, saved = (report.xcr0 & s.state) == s.state;
    const bool allowed = s.state != kTileState || (report.permitted & kTileData) != 0;
    if (reported && saved && allowed) found.add(s.feature);
  }
  return found;
}

bool has_slow_bf16_dots(const CpuReport& report) { return report.intel && reports(report, CpuFeature::kAvx512Bf16); }

}  // namespace ttt
