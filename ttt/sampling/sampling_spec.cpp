#include "sampling/sampling_spec.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "base/error.h"

namespace ttt {
namespace {

// Scores are divided by the temperature in f32; below this, logits of ordinary size could overflow.
constexpr double kLeastTemperature = 1e-6;

template <class Got>
void check(bool ok, std::string_view field, std::string_view wanted, const Got& got) {
  require(ok, ErrorKind::kUsage, "sampling: ", field, " wanted ", wanted, ", got ", got);
}

// As the f32 that is computed with.
bool finite(double v) { return std::isfinite(static_cast<float>(v)); }

void validate_numbers(const SamplingSpec& s) {
  check(s.temperature == 0 || (s.temperature >= kLeastTemperature && finite(s.temperature)), "temperature",
        "0 (greedy) or at least 1e-06", s.temperature);
  check(s.top_k >= 0, "top_k", "0 (off) or more", s.top_k);
  check(s.top_p >= 0 && s.top_p <= 1, "top_p", "0 to 1", s.top_p);
  check(s.min_p >= 0 && s.min_p <= 1, "min_p", "0 to 1", s.min_p);
  check(s.typical_p > 0 && s.typical_p <= 1, "typical_p", "more than 0 and at most 1", s.typical_p);
  check(s.repetition_penalty >= std::numeric_limits<float>::min() && finite(s.repetition_penalty), "repetition_penalty",
        "a positive number", s.repetition_penalty);
  check(finite(s.presence_penalty), "presence_penalty", "a finite number", s.presence_penalty);
  check(finite(s.frequency_penalty), "frequency_penalty", "a finite number", s.frequency_penalty);
  check(!s.log_probs || *s.log_probs >= 0, "log_probs", "0 or more", s.log_probs.value_or(0));
}

void validate_bias(const std::vector<LogitBias>& biases) {
  std::vector<std::int32_t> ids;
  for (const LogitBias& b : biases) {
    check(b.id >= 0, "logit_bias.id", "0 or more", b.id);
    const bool excludes = std::isinf(b.bias) && b.bias < 0;
    check(excludes || finite(b.bias), "logit_bias.bias", "a finite number or -inf", b.bias);
    ids.push_back(b.id);
  }
  std::sort(ids.begin(), ids.end());
  const auto twice = std::adjacent_find(ids.begin(), ids.end());
  if (twice != ids.end()) check(false, "logit_bias.id", "different ids", text(*twice, " twice"));
}

void validate_bad_words(const std::vector<std::vector<std::int32_t>>& words) {
  for (const auto& word : words) {
    check(!word.empty(), "bad_words", "sequences of at least one id", "an empty one");
    for (const std::int32_t id : word) check(id >= 0, "bad_words", "ids of at least 0", id);
  }
}

}  // namespace

void validate(const SamplingSpec& spec) {
  validate_numbers(spec);
  validate_bias(spec.logit_bias);
  validate_bad_words(spec.bad_words);
}

void validate(const SamplingSpec& spec, std::int64_t vocab) {
  validate(spec);
  for (const LogitBias& b : spec.logit_bias) {
    check(b.id < vocab, "logit_bias.id", text("less than the vocabulary's ", vocab), b.id);
  }
  for (const auto& word : spec.bad_words) {
    for (const std::int32_t id : word)
      check(id < vocab, "bad_words", text("ids less than the vocabulary's ", vocab), id);
  }
  check(spec.log_probs.value_or(0) <= vocab, "log_probs", text("at most the vocabulary's ", vocab),
        spec.log_probs.value_or(0));
}

}  // namespace ttt
