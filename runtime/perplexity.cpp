#include "runtime/perplexity.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"

namespace ttt {

double Perplexity::value() const { return tokens == 0 ? 0.0 : std::exp(nll / static_cast<double>(tokens)); }

double negative_log_likelihood(std::span<const float> logits, std::int32_t id) {
  const double largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float v : logits) sum += std::exp(static_cast<double>(v) - largest);
  return std::log(sum) + largest - static_cast<double>(logits[static_cast<std::size_t>(id)]);
}

Perplexity perplexity(Runner& runner, std::span<const std::int32_t> ids, std::int64_t window, std::int32_t begin_id,
                      const std::function<bool(const Perplexity&)>& progress) {
  const std::int64_t begin_tokens = begin_id >= 0 ? 1 : 0, own = window - begin_tokens;
  require(own >= 1 && window >= 2 && window <= runner.config().context, ErrorKind::kUsage,
          "--ctx wanted a window of 2 to ", runner.config().context, " tokens, got ", window);
  const std::size_t vocab = static_cast<std::size_t>(runner.vocab());
  const std::int64_t count = static_cast<std::int64_t>(ids.size());
  Perplexity total;
  std::vector<std::int32_t> part;
  for (std::int64_t begin = 0; begin < count; begin += own) {
    const auto mine =
        ids.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(std::min(own, count - begin)));
    part.clear();
    if (begin_id >= 0) part.push_back(begin_id);
    part.insert(part.end(), mine.begin(), mine.end());
    if (part.size() < 2) break;
    Sequence sequence = runner.create();
    const std::span<const std::int32_t> input = std::span(part).first(part.size() - 1);
    // Step by step, so that it can be stopped within one.
    const auto step = static_cast<std::size_t>(runner.config().wanted);
    for (std::size_t at = 0; at < input.size(); at += step) {
      const auto rows = input.subspan(at, std::min(step, input.size() - at));
      runner.extend(sequence, rows, 0, [&](std::int64_t first, std::span<const float> logits) {
        for (std::size_t r = 0; r * vocab < logits.size(); ++r) {
          const std::int32_t next = part[at + static_cast<std::size_t>(first) + r + 1];
          total.nll += negative_log_likelihood(logits.subspan(r * vocab, vocab), next);
          ++total.tokens;
        }
      });
      if (progress && !progress(total)) return total;
    }
  }
  return total;
}

}  // namespace ttt
