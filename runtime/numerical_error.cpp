#include "runtime/numerical_error.h"

#include <algorithm>
#include <limits>

#include "base/numerical_error.h"

namespace ttt {

void require_numbers(std::span<const float> logits, std::int64_t vocab) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  // One pass without a branch in the usual case: vocabularies are large, and this is read for every token.
  bool numbers = true;
  for (const float v : logits) numbers &= v < kInfinity;
  if (numbers) return;
  const auto bad = std::ranges::find_if(logits, [](float v) { return !(v < kInfinity); });
  const std::int64_t at = bad - logits.begin();
  fail_numerically(
      text("the logit of id ", at % vocab, " in row ", at / vocab, " of this step is ", *bad,
           "; --check-weights finds NaN and infinite weights, --format f32 --kv-format f32 rules out what other "
           "formats cannot hold"));
}

}  // namespace ttt
