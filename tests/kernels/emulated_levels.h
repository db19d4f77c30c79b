#pragma once

#include <vector>

#include "base/traits.h"
#include "bench/machine_peak/peak_loops.h"
#include "kernels/at_level.h"
#include "kernels/matmul/matmul_dense.h"
#include "kernels/matmul/matmul_grouped.h"

// The kernels of amx with emulated tiles, which run where no processor has tiles.
namespace ttt::kernels {

template <>
const DenseKernels& kernels_of<DenseKernels, amx_emulated::Level>() noexcept;
template <>
const DenseKernels& kernels_of<DenseKernels, amx_emulated_avx512::Level>() noexcept;
template <>
const PeakLoops& kernels_of<PeakLoops, amx_emulated::Level>() noexcept;
template <>
const GroupedKernels& kernels_of<GroupedKernels, amx_emulated::Level>() noexcept;
template <>
const GroupedKernels& kernels_of<GroupedKernels, amx_emulated_avx512::Level>() noexcept;

}  // namespace ttt::kernels

namespace ttt::support {

struct EmulatedLevel {
  std::string_view name;
  IsaLevel vectors;  // the level whose vectors it is compiled with
  const kernels::DenseKernels& dense;
  const kernels::GroupedKernels& grouped;
};

// Those that this machine can run.
std::vector<EmulatedLevel> emulated_levels();

}  // namespace ttt::support
