#pragma once

// The vectors of the grouped kernels, the same names at every level:
//   Floats, Ints  one 32-bit number for each of the 16 channels of a panel
//   Bytes         64 codes: 16 channels x 4 inputs
//   Quad          4 activation codes, for all channels
//   Dot<bits>     16 sums of code x activation code over the steps of a group; `Operand` is a vector of codes
//                 prepared once for all rows. Where kCentred, codes of 8 bits have the zero 128, otherwise 0.
#include "kernels/cpu/level.h"

#if defined(__AVX512BW__)
#include "kernels/matmul/cpu/grouped_simd_avx512.h"
#elif defined(__AVX2__)
#include "kernels/matmul/cpu/grouped_simd_avx2.h"
#else
#include "kernels/matmul/cpu/grouped_simd_sse2.h"
#endif
