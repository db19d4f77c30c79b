#pragma once

#include <cstdint>
#include <vector>

#include "sampling/sampling_spec.h"

namespace ttt {

// One token of a distribution.
struct Candidate {
  std::int32_t id = 0;
  float score = 0;
  float probability = 0;
};

// top_p, min_p and typical_p (sampling_spec.h) over tokens in ascending order of id.
//
// Probabilities are f32 and sums are rounded to f32 before they are compared, as the reference does, so that round
// fractions (ten equal tokens, top_p 0.9) fall on the same side. Within a rounding of a bound the two may still differ.
class Truncation {
 public:
  Truncation() = default;
  explicit Truncation(const SamplingSpec& spec);

  std::int64_t top_k() const { return top_k_; }  // 0: off

  // `candidates`: ids ascending, finite scores, not empty. On return the remaining ones, with the softmax of their
  // scores as probabilities. `order` is scratch.
  void apply(std::vector<Candidate>& candidates, std::vector<Candidate>& order) const;

 private:
  void keep_top_p(std::vector<Candidate>& candidates, std::vector<Candidate>& order) const;
  void keep_min_p(std::vector<Candidate>& candidates) const;
  void keep_typical(std::vector<Candidate>& candidates, std::vector<Candidate>& order) const;

  std::int64_t top_k_ = 0;
  double top_p_ = 1, typical_p_ = 1;
  float min_p_ = 0;
};

}  // namespace ttt
