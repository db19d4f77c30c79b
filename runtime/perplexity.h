#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "runtime/runner.h"

namespace ttt {

// exp of the mean negative log-likelihood of tokens given those before them in their window.
struct Perplexity {
  double nll = 0;           // sum of -log p, natural logarithm
  std::int64_t tokens = 0;  // predicted
  double value() const;
};

// `ids` in windows of `window` tokens that do not overlap; each is read from scratch and every token of it but the
// first is predicted. A window begins with `begin_id` when that is not negative (it takes a place of the window and is
// not predicted). A last window of fewer than two tokens predicts nothing. `progress` sees the running figure after
// each step and may return false to stop.
Perplexity perplexity(Runner& runner, std::span<const std::int32_t> ids, std::int64_t window, std::int32_t begin_id,
                      const std::function<bool(const Perplexity&)>& progress = {});

// -log softmax(logits)[id], in double precision.
double negative_log_likelihood(std::span<const float> logits, std::int32_t id);

}  // namespace ttt
