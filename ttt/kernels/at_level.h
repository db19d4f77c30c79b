#pragma once

#include <type_traits>

#include "base/traits.h"

// Tables of kernels are structs of pointers to functions, one struct for an op or for a few that belong together.
// Their bodies (the cpu folders) are compiled once for each instruction-set level, inside a namespace named after the
// level, and end with
//     TTT_KERNELS(GateKernels, .gate = gate, .clamped_gate = clamped_gate)
// which defines the table of that level. at_level<GateKernels>(traits) is the table to use on a device.
//
// A new level is one entry here, one list of bodies in cmake/compile_levels.cmake, and its name in base/cpu_features.h.
namespace ttt::kernels {

// What a level has: the features that its bodies are compiled with, and the tables that are compiled for it. A table
// that it does not have is taken from the level before it.
template <IsaLevel kIsa, class... Tables>
struct LevelEntry {
  static constexpr IsaLevel isa = kIsa;
  template <class Table>
  static constexpr bool has = (std::is_same_v<Table, Tables> || ...);
};
// Has every table, those of other projects included.
template <IsaLevel kIsa>
struct FullLevelEntry {
  static constexpr IsaLevel isa = kIsa;
  template <class Table>
  static constexpr bool has = true;
};

struct DenseKernels;         // kernels/matmul/matmul_dense.h
struct DensePrepareKernels;  // kernels/matmul/prepare.h
struct GroupedKernels;       // kernels/matmul/matmul_grouped.h
struct PeakLoops;            // bench/machine_peak

namespace sse2 {
struct Level : FullLevelEntry<IsaLevel::kSse2> {};
}  // namespace sse2
namespace avx2 {
struct Level : FullLevelEntry<IsaLevel::kAvx2> {};
}  // namespace avx2
namespace avx_vnni {
struct Level : LevelEntry<IsaLevel::kAvxVnni, GroupedKernels, PeakLoops> {};
}  // namespace avx_vnni
namespace avx512 {
struct Level : FullLevelEntry<IsaLevel::kAvx512> {};
}  // namespace avx512
namespace avx512_vnni {
struct Level : LevelEntry<IsaLevel::kAvx512Vnni, GroupedKernels, PeakLoops> {};
}  // namespace avx512_vnni
namespace avx512_bf16 {
struct Level : LevelEntry<IsaLevel::kAvx512Bf16, DenseKernels, DensePrepareKernels, PeakLoops> {};
}  // namespace avx512_bf16

namespace amx {
struct Level : LevelEntry<IsaLevel::kAmx, DenseKernels, GroupedKernels, PeakLoops> {};
}  // namespace amx

// Not instruction-set levels but the bodies of amx with a plain emulation of its tiles (kernels/cpu/tiles.h), compiled
// for tests: once for any machine, and once with the vectors that amx has.
namespace amx_emulated {
struct Level {};
}  // namespace amx_emulated
namespace amx_emulated_avx512 {
struct Level {};
}  // namespace amx_emulated_avx512

// Not an instruction-set level: plain code in double precision, compiled with everything else.
namespace reference {
struct Level {};
}  // namespace reference

template <class... Each>
struct LevelList {};
// In ascending order: the last one that a device has is used.
using Levels = LevelList<sse2::Level, avx2::Level, avx_vnni::Level, avx512::Level, avx512_vnni::Level,
                         avx512_bf16::Level, amx::Level>;

// The table of one level, as TTT_KERNELS defines it.
template <class Table, class Level>
const Table& kernels_of() noexcept;

#define TTT_KERNELS_OF(level, Table, ...)                             \
  template <>                                                         \
  const Table& kernels_of<Table, level::Level>() noexcept {           \
    using namespace level; /* NOLINT(google-build-using-namespace) */ \
    static constexpr Table table{__VA_ARGS__};                        \
    return table;                                                     \
  }
#define TTT_KERNELS(Table, ...) TTT_KERNELS_OF(TTT_LEVEL, Table, __VA_ARGS__)

template <class Table, class... Each>
const Table& preferred_of(LevelList<Each...>, CpuFeatures features) {
  const Table* found = nullptr;
  const auto consider = [&]<class Level>(Level) {
    if constexpr (Level::template has<Table>) {
      if (features.contains(features_of(Level::isa))) found = &kernels_of<Table, Level>();
    }
  };
  (consider(Each{}), ...);
  return *found;  // the first level needs no feature and has every table
}

// The kernels for a device, chosen only by the features that it reports; with `reference`, those in double precision.
template <class Table>
const Table& at_level(const DeviceTraits& traits) {
  return preferred_of<Table>(Levels{}, traits.features);
}
template <class Table>
const Table& at_level(const DeviceTraits& traits, bool reference) {
  return reference ? kernels_of<Table, reference::Level>() : at_level<Table>(traits);
}

}  // namespace ttt::kernels
