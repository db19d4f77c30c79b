#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

namespace ttt {

// Extensions of the x86-64 instruction set. Extensions that no kernel uses yet are included.
enum class CpuFeature : std::uint8_t {
  kAvx2,
  kFma,
  kF16c,
  kAvx512F,
  kAvx512Bw,
  kAvx512Dq,
  kAvx512Vl,
  kAvx512Vnni,
  kAvx512Bf16,
  kAvx512Fp16,
  kAvxVnni,  // the VNNI dot products in VEX encoding: also on processors without AVX-512
  kAmxTile,
  kAmxInt8,
  kAmxBf16,
};
inline constexpr int kCpuFeatures = static_cast<int>(CpuFeature::kAmxBf16) + 1;
std::string_view name_of(CpuFeature feature);  // "avx512_vnni", as Linux spells it in /proc/cpuinfo

// A set of extensions. Sets are only partly ordered: a processor may have kAvxVnni without kAvx512F, or the reverse.
class CpuFeatures {
 public:
  constexpr CpuFeatures() = default;
  constexpr CpuFeatures(std::initializer_list<CpuFeature> features) {
    for (const CpuFeature f : features) add(f);
  }

  constexpr void add(CpuFeature f) { bits_ |= bit(f); }
  constexpr bool has(CpuFeature f) const { return (bits_ & bit(f)) != 0; }
  constexpr bool contains(CpuFeatures other) const { return (bits_ & other.bits_) == other.bits_; }
  constexpr CpuFeatures operator|(CpuFeatures other) const { return CpuFeatures(bits_ | other.bits_); }
  constexpr bool operator==(const CpuFeatures&) const = default;

 private:
  explicit constexpr CpuFeatures(std::uint32_t bits) : bits_(bits) {}
  static constexpr std::uint32_t bit(CpuFeature f) { return std::uint32_t{1} << static_cast<int>(f); }
  std::uint32_t bits_ = 0;
};

// The named sets for which kernels are compiled, in order of preference: where a machine has several, the last is used.
// A set has a name only if kernels for it exist. Sets are not nested: kAvx512 does not contain kAvxVnni.
enum class IsaLevel : std::uint8_t {
  kSse2,        // the x86-64 baseline: the empty set
  kAvx2,        // AVX2, FMA, F16C
  kAvxVnni,     // kAvx2 and AVX_VNNI; not contained in the following levels
  kAvx512,      // kAvx2 and AVX-512 F, BW, DQ, VL
  kAvx512Vnni,  // kAvx512 and AVX512_VNNI
  kAvx512Bf16,  // kAvx512Vnni and AVX512_BF16
  kAmx,         // kAvx512Bf16 and AMX_TILE, AMX_INT8, AMX_BF16
};
inline constexpr int kIsaLevels = static_cast<int>(IsaLevel::kAmx) + 1;

std::string_view name_of(IsaLevel level);  // "avx512_vnni", as --isa spells it; empty beyond the last
std::optional<IsaLevel> isa_named(std::string_view name);

constexpr CpuFeatures features_of(IsaLevel level) {
  using enum CpuFeature;
  constexpr CpuFeatures avx2{kAvx2, kFma, kF16c},
      avx512 = avx2 | CpuFeatures{kAvx512F, kAvx512Bw, kAvx512Dq, kAvx512Vl};
  switch (level) {
    case IsaLevel::kSse2:
      return {};
    case IsaLevel::kAvx2:
      return avx2;
    case IsaLevel::kAvxVnni:
      return avx2 | CpuFeatures{CpuFeature::kAvxVnni};
    case IsaLevel::kAvx512:
      return avx512;
    case IsaLevel::kAvx512Vnni:
      return avx512 | CpuFeatures{kAvx512Vnni};
    case IsaLevel::kAvx512Bf16:
      return avx512 | CpuFeatures{kAvx512Vnni, CpuFeature::kAvx512Bf16};
    case IsaLevel::kAmx:
      return avx512 | CpuFeatures{kAvx512Vnni, CpuFeature::kAvx512Bf16, kAmxTile, kAmxInt8, kAmxBf16};
  }
  return {};
}
// The preferred level among those that `features` contain.
IsaLevel isa_in(CpuFeatures features);

// Reports of the processor and the operating system. Sources: Intel SDM volume 2, CPUID; volume 1, 13
// (XCR0); Linux, Documentation/arch/x86/xstate.rst (permission for AMX).
struct CpuReport {
  bool intel = false;  // the vendor of CPUID 0 is GenuineIntel
  std::uint32_t leaf1_ecx = 0;
  std::uint32_t leaf7_ebx = 0, leaf7_ecx = 0, leaf7_edx = 0;  // CPUID 7, subleaf 0
  std::uint32_t leaf7_1_eax = 0;                              // CPUID 7, subleaf 1
  std::uint64_t xcr0 = 0;                                     // register state that the system saves; 0 without OSXSAVE
  std::uint64_t permitted = 0;                                // register state that this process has permission for
};
// Asks the system once for the permission to use AMX where the processor has it (arch_prctl ARCH_REQ_XCOMP_PERM). A
// refusal is not an error: the report then lacks the permission.
CpuReport query_cpu();

// The extensions that this process may use: the processor has them, the system saves its registers and, for AMX, the
// process was granted permission.
CpuFeatures usable_features(const CpuReport& report);

// Whether the processor's vectors multiply pairs of bf16 at half the rate of f32, as Intel's cores with AMX do, which
// leave bf16 to their tiles: 108 against 216 Gop/s (Sapphire Rapids class core). AMD's cores take pairs at twice the
// rate. The vendor decides, since a hypervisor may hide the tiles.
bool has_slow_bf16_dots(const CpuReport& report);

}  // namespace ttt
