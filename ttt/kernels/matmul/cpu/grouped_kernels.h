#pragma once

#include <cstdint>

#include "kernels/cpu/level.h"
#include "kernels/formats/packed_layout.h"
#include "kernels/matmul/matmul_grouped.h"

namespace ttt::kernels {

// A task's outputs are whole pairs of panels, at every level.
inline constexpr std::int64_t kGroupedUnit = 2 * kPanelWidth;

}  // namespace ttt::kernels

// The entries of a table of kGroupedFormats kernels, in the order of Format: grouped::kernel<format>(name) makes one.
// The names end with `suffix`, a literal.
#define TTT_GROUPED_KERNELS(suffix)                                                 \
  {                                                                                 \
    grouped::kernel<Format::kQ4_0>(TTT_KERNEL_NAME("grouped_q4_0" suffix)),         \
        grouped::kernel<Format::kQ4_1>(TTT_KERNEL_NAME("grouped_q4_1" suffix)),     \
        grouped::kernel<Format::kQ5_0>(TTT_KERNEL_NAME("grouped_q5_0" suffix)),     \
        grouped::kernel<Format::kQ5_1>(TTT_KERNEL_NAME("grouped_q5_1" suffix)),     \
        grouped::kernel<Format::kQ8_0>(TTT_KERNEL_NAME("grouped_q8_0" suffix)),     \
        grouped::kernel<Format::kQ4_K>(TTT_KERNEL_NAME("grouped_q4_k" suffix)),     \
        grouped::kernel<Format::kQ5_K>(TTT_KERNEL_NAME("grouped_q5_k" suffix)),     \
        grouped::kernel<Format::kQ6_K>(TTT_KERNEL_NAME("grouped_q6_k" suffix)),     \
        grouped::kernel<Format::kInt8>(TTT_KERNEL_NAME("grouped_int8" suffix)),     \
        grouped::kernel<Format::kInt4>(TTT_KERNEL_NAME("grouped_int4" suffix)),     \
        grouped::kernel<Format::kBfp8B>(TTT_KERNEL_NAME("grouped_bfp8_b" suffix)),  \
        grouped::kernel<Format::kBfp4B>(TTT_KERNEL_NAME("grouped_bfp4_b" suffix)),  \
        grouped::kernel<Format::kMXFP4>(TTT_KERNEL_NAME("grouped_mxfp4" suffix)),   \
        grouped::kernel<Format::kQ2_K>(TTT_KERNEL_NAME("grouped_q2_k" suffix)),     \
        grouped::kernel<Format::kQ3_K>(TTT_KERNEL_NAME("grouped_q3_k" suffix)),     \
        grouped::kernel<Format::kIQ4_NL>(TTT_KERNEL_NAME("grouped_iq4_nl" suffix)), \
        grouped::kernel<Format::kIQ4_XS>(TTT_KERNEL_NAME("grouped_iq4_xs" suffix)), \
        grouped::kernel<Format::kTQ1_0>(TTT_KERNEL_NAME("grouped_tq1_0" suffix)),   \
        grouped::kernel<Format::kTQ2_0>(TTT_KERNEL_NAME("grouped_tq2_0" suffix))    \
  }
