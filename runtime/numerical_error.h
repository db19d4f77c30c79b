#pragma once

#include <cstdint>
#include <span>

namespace ttt {

// Error{kBadData} "numerical error: ..." naming the first NaN or +infinity among logits [rows, vocab]. -infinity is a
// logit: a model may rule an id out.
void require_numbers(std::span<const float> logits, std::int64_t vocab);

}  // namespace ttt
