#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace ttt {

// Added to the score of one id; -infinity excludes it.
struct LogitBias {
  std::int32_t id = 0;
  double bias = 0;

  bool operator==(const LogitBias&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("bias", self.bias);
  }
};

// How the next token is chosen from logits x: these steps in this order, all in f32.
//
//   bias        x[i] += bias                              for ids in logit_bias
//   repetition  x[i] = x[i] < 0 ? x[i] * r : x[i] / r     for ids of the prompt and of what was generated
//   frequency   x[i] -= f * (times i was generated)
//   presence    x[i] -= p                                 for ids that were generated
//   bad words   x[last] = -inf                            when the sequence ends with the rest of the word
//   temperature x /= t;  the following steps use p = softmax of the remaining x
//   top_k       keeps x >= the k-th largest               ties at the k-th are all kept
//   top_p       drops the smallest p while their sum <= 1 - top_p; of equal p, lower ids first; keeps one
//   min_p       keeps p >= min_p * max p
//   typical_p   by |-log p - entropy| ascending (then id), keeps up to the first where the sum of p >= typical_p, and
//               ties with it
//
// temperature 0 is greedy: the largest x after bad words, of equal ones the lowest id. The truncations cannot change
// it: in the limit of temperature 0 each keeps the largest.
//
// Order and rules are those of Hugging Face transformers 5.24 (generation/utils.py, _get_logits_processor;
// generation/logits_process.py) with a stable sort, because torch does not define the order of equal values; frequency
// and presence are those of the OpenAI API and vLLM (apply_penalties). Unlike in transformers, a bad word that is just
// the end-of-sequence id is not dropped.
struct SamplingSpec {
  double temperature = 0;         // 0: greedy
  std::int64_t top_k = 0;         // 0: off
  double top_p = 1;               // [0, 1]; 1: off
  double min_p = 0;               // [0, 1]; 0: off
  double typical_p = 1;           // (0, 1]; 1: off
  double repetition_penalty = 1;  // > 0; 1: off
  double presence_penalty = 0;
  double frequency_penalty = 0;
  std::vector<LogitBias> logit_bias = {};
  std::vector<std::vector<std::int32_t>> bad_words = {};
  std::int64_t seed = 0;
  // Absent: no log-probabilities. n >= 0: the chosen token's and those of the n most likely.
  std::optional<std::int64_t> log_probs = {};

  bool operator==(const SamplingSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("temperature", self.temperature);
    visit("top_k", self.top_k);
    visit("top_p", self.top_p);
    visit("min_p", self.min_p);
    visit("typical_p", self.typical_p);
    visit("repetition_penalty", self.repetition_penalty);
    visit("presence_penalty", self.presence_penalty);
    visit("frequency_penalty", self.frequency_penalty);
    visit("logit_bias", self.logit_bias);
    visit("bad_words", self.bad_words);
    visit("seed", self.seed);
    visit("log_probs", self.log_probs);
  }
};

// Error{kUsage} naming the first field that is out of range, for any vocabulary. Infinite and NaN numbers are out of
// every range, except a bias of -infinity.
void validate(const SamplingSpec& spec);
// Also checks that every id is below `vocab`.
void validate(const SamplingSpec& spec, std::int64_t vocab);

}  // namespace ttt
