#pragma once

#include <vector>

#include "base/json.h"
#include "checkpoint/stored_tensor.h"

namespace ttt {

// Directories of quant_method "gptq" or "awq" hold a linear layer P as words of eight codes of 4 bits and, for groups
// of inputs, scales and zeros: value = scale * (code - zero). Puts one tensor P.weight [out, in] in the place of these,
// in q4_0 where every zero is 8, which is exact, else in int4, whose minimum -zero * scale is rounded to f16.
//
//   gptq  P.qweight i32 [in / 8, out], the first input in the lowest bits; P.qzeros i32 [groups, out / 8], one less
//   than
//         the zero unless checkpoint_format is gptq_v2; P.scales [groups, out]; P.g_idx i32 [in], the group of each
//         input
//   awq   P.qweight i32 [in, out / 8], outputs 0 2 4 6 1 3 5 7 of each eight from the lowest bits on (version gemm);
//         P.qzeros i32 [groups, out / 8] in the same order; P.scales [groups, out]
//
// Groups of 32, 64 or 128 inputs, or of all (-1). Error{kUnsupported} naming the key for other bits, groups and
// layouts, and for groups that are not in the order of the inputs (desc_act). Error{kBadData} naming the tensor for
// parts that are missing or have other extents.
void join_int4(std::vector<StoredTensor>& tensors, const Json& quantisation, const std::string& where);

}  // namespace ttt
