#pragma once

#include <cstdint>
#include <span>

#include "base/tensor.h"

namespace ttt {

// How unevenly a router distributes rows over experts, as a training loss:
//
//     loss = experts * sum over e of f_e * P_e
//
// f_e: choices of expert e per row, P_e: mean of its softmax probability, both over the rows of all layers. 1 for top_k
// = 1 and an even spread, larger otherwise. Fedus, Zoph and Shazeer, "Switch Transformers", 2021, equations 4 to 6,
// with top_k choices counted, as Hugging Face's load_balancing_loss_func does.
//
// logits: of each layer [rows, experts], f32 (MoECall::logits). row_weights: [rows], the same for all layers, 0 for
// rows that do not count; empty: ones. Among equal logits the lower index is chosen. Error{kUsage} for shapes that
// differ.
double load_balancing_loss(std::span<const ConstTensorView> logits, std::int64_t top_k,
                           std::span<const float> row_weights = {});

}  // namespace ttt
