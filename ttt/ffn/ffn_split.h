#pragma once

#include <cstdint>

#include "base/context.h"
#include "base/partition.h"
#include "linear/reduced_linear.h"

// How feed-forward blocks are cut over ranks: ffn_dim in units of 32, the widest group of any weight format but
// kInt8's, which is the row.
namespace ttt {

// This rank's part of ffn_dim.
Part ffn_part(std::int64_t ffn_dim, const Context& context);
// How the last projection, [hidden_dim, ffn_dim], is cut.
ProjectionSplit ffn_down_split(std::int64_t ffn_dim, std::int64_t hidden_dim, const LinearImplConfig& impl,
                               const Context& context);

}  // namespace ttt
