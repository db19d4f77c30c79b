#pragma once

#include <vector>

#include "checkpoint/stored_tensor.h"

namespace ttt {

// Directories of quant_method "mxfp4" hold a matrix X of 4-bit floating-point numbers as two tensors of bytes: X_blocks
// [.., rows, blocks, 16] (or [.., rows, blocks * 16]) and X_scales [.., rows, blocks]. Puts one tensor X [.., rows,
// blocks * 32] in the place of both. Error{kBadData} for blocks whose scales are missing or have other extents.
void join_mxfp4(std::vector<StoredTensor>& tensors);

}  // namespace ttt
