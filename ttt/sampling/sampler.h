#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sampling/history.h"
#include "sampling/penalties.h"
#include "sampling/random.h"
#include "sampling/sampling_spec.h"
#include "sampling/truncation.h"

namespace ttt {

struct TokenLogProb {
  std::int32_t id = 0;
  double log_prob = 0;
};

struct SampleResult {
  std::int32_t id = 0;
  // Natural logarithms of the model's own probabilities: log softmax of the logits as given, before bias, penalties and
  // temperature (as vLLM's raw_logprobs). Set if the Spec has log_probs.
  double log_prob = 0;
  std::vector<TokenLogProb> top = {};  // most likely first, then lowest id
};

// Which tokens may be chosen, whatever their scores.
struct TokenFilter {
  std::span<const std::uint32_t> allowed = {};  // bit id % 32 of word id / 32; empty: all
  std::span<const std::int32_t> excluded = {};  // of those that are allowed
};

// Memory that sampling reuses from token to token; one for any number of samplers, used by one at a time.
struct SamplerWorkspace {
  std::vector<float> scores;
  std::vector<float> selection;
  std::vector<Candidate> candidates;
  std::vector<Candidate> order;
};

// Chooses tokens by a SamplingSpec (sampling_spec.h has the formulae).
class Sampler {
 public:
  // Error{kUsage} naming the field when the Spec is out of range or names an id beyond `vocab`.
  Sampler(const SamplingSpec& spec, std::int64_t vocab);

  std::int64_t vocab() const { return vocab_; }

  // The token that follows `history`. The draw is random.uniform(history.generated()): the same for the same seed,
  // sequence number, history and logits. Does not append to the history.
  //
  // Error{kInternal}: logits of another size than the vocabulary. Error{kBadData} "numerical error: at step N ...": a
  // logit is NaN or +infinity, or all are -infinity. Error{kUsage}: bias, penalties, bad words and the filter exclude
  // every token. The filter applies after these, before temperature; log-probabilities do not depend on it.
  SampleResult sample(std::span<const float> logits, const SequenceHistory& history, const RandomStream& random,
                      SamplerWorkspace& workspace, const TokenFilter& filter = {}) const;

  // The distribution from which sample draws: the remaining tokens with their probabilities, ids ascending. Tokens
  // whose probability is 0 in f32 may be missing. Greedy: one token. Valid until the workspace is used again; the same
  // errors.
  std::span<const Candidate> distribution(std::span<const float> logits, const SequenceHistory& history,
                                          SamplerWorkspace& workspace, const TokenFilter& filter = {}) const;

 private:
  struct Plan {
    Truncation truncation;
    float temperature = 0;
    bool greedy = true;
    std::int64_t log_probs = -1;  // -1: none
  };

  std::int64_t vocab_;
  Penalties penalties_;
  Plan plan_;
};

// Token `id` with its log-probability and those of the `count` most likely, as SampleResult has them. Error{kBadData}
// when a logit is NaN or +infinity, or all are -infinity.
SampleResult log_probs_of(std::span<const float> logits, std::int32_t id, std::int64_t count,
                          SamplerWorkspace& workspace);

// The k-th largest value (1 <= k <= values.size(), no NaN), without sorting: expected time linear in the number of
// values, `scratch` grows to about 2 k.
float kth_largest(std::span<const float> values, std::int64_t k, std::vector<float>& scratch);

}  // namespace ttt
