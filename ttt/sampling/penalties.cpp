#include "sampling/penalties.h"

#include <algorithm>
#include <limits>

namespace ttt {

Penalties::Penalties(const SamplingSpec& spec)
    : bias_(spec.logit_bias),
      bad_words_(spec.bad_words),
      repetition_(static_cast<float>(spec.repetition_penalty)),
      frequency_(static_cast<float>(spec.frequency_penalty)),
      presence_(static_cast<float>(spec.presence_penalty)),
      none_(bias_.empty() && bad_words_.empty() && repetition_ == 1 && frequency_ == 0 && presence_ == 0) {}

void Penalties::apply(std::span<float> scores, const SequenceHistory& history) const {
  for (const LogitBias& b : bias_) scores[static_cast<std::size_t>(b.id)] += static_cast<float>(b.bias);

  for (const SequenceHistory::Seen& seen : history.seen()) {
    const auto id = static_cast<std::size_t>(seen.id);
    if (id >= scores.size()) break;
    float x = scores[id];
    x = x < 0 ? x * repetition_ : x / repetition_;
    x -= frequency_ * static_cast<float>(seen.generated);
    x -= seen.generated > 0 ? presence_ : 0;
    scores[id] = x;
  }

  const std::span<const std::int32_t> ids = history.ids();
  for (const auto& word : bad_words_) {
    const std::size_t rest = word.size() - 1;
    if (rest > ids.size() || !std::equal(word.begin(), word.end() - 1, ids.end() - static_cast<std::ptrdiff_t>(rest))) {
      continue;
    }
    scores[static_cast<std::size_t>(word.back())] = -std::numeric_limits<float>::infinity();
  }
}

}  // namespace ttt
