#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sampling/history.h"
#include "sampling/sampling_spec.h"

namespace ttt {

// Changes of scores before temperature: bias, repetition, frequency, presence, bad words (sampling_spec.h).
class Penalties {
 public:
  explicit Penalties(const SamplingSpec& spec);

  bool none() const { return none_; }
  // Ids of the history beyond scores.size() (tokens that the model reads but cannot write) are skipped.
  void apply(std::span<float> scores, const SequenceHistory& history) const;

 private:
  std::vector<LogitBias> bias_;
  std::vector<std::vector<std::int32_t>> bad_words_;
  float repetition_, frequency_, presence_;
  bool none_;
};

}  // namespace ttt
