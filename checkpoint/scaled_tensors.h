#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/stored_tensor.h"

namespace ttt {

// Directories whose matrices X have 8 bits a value and scales beside them: value = scale * code.
//
//   fp8                 X in F8_E4M3, X_scale_inv [ceil(out / rows), ceil(in / columns)] for blocks of
//   weight_block_size;
//                       without that key X_scale_inv or X_scale has one number, or one for each output
//   fbgemm_fp8          X in F8_E4M3, X_scale [out, 1]
//   compressed-tensors  X in F8_E4M3 or I8, X_scale [out, 1] or [1], or [blocks, blocks] with block_structure
//
// Gives X the rows that this means: F8_E4M3 as f32, of which blocks get bf16 by default, and I8 as int8. Scales and
// input_scale, which is for activations that are rounded in advance, are left out. Error{kUnsupported} naming the key
// for other methods, and the tensor for other scales. Error{kBadData} for scales of other extents.
void join_scaled(std::vector<StoredTensor>& tensors, const Json& quantisation, const std::string& where);

}  // namespace ttt
