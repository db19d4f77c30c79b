#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/seeded_hash.h"

namespace ttt {

// Guesses what follows a sequence from the sequence itself: what followed its last tokens where they stood before. As
// "prompt lookup decoding" of Hugging Face transformers (generation/candidate_generator.py), with an index instead of a
// search, and the latest place instead of the first.
class PromptLookup {
 public:
  static constexpr std::int64_t kLongest = 4, kShortest = 2;  // tokens that are compared

  // Up to `most` tokens; none where the last tokens are new. ids: what it was called with before, and more.
  std::span<const std::int32_t> guess(std::span<const std::int32_t> ids, std::int64_t most);

 private:
  void index(std::span<const std::int32_t> ids);
  std::uint64_t hash_of(std::span<const std::int32_t> ids) const;

  SeededHash hash_;  // clients choose the tokens
  // By the number of tokens: the index of the token after the latest place of these tokens, by a hash of them.
  std::array<std::unordered_map<std::uint64_t, std::int64_t>, kLongest + 1> after_;
  std::int64_t indexed_ = 0;  // tokens that have been the next one of a place
};

// Whether guesses pay, from what the steps of an engine cost: a step of r rows takes about a + b r seconds, of which
// the latest steps tell a and b.
class StepCost {
 public:
  void add(std::int64_t rows, double seconds);
  // The probability of being right from which a guess saves time in a step of so many rows, each of which yields a
  // token: then its row costs less than the token costs now.
  double break_even(std::int64_t rows) const;

 private:
  // Sums over steps, where older ones count less.
  double weight_ = 0, rows_ = 0, squares_ = 0, seconds_ = 0, products_ = 0;
};

// How many tokens to guess for one sequence, by how its guesses have fared.
class GuessLength {
 public:
  // At most `most`; 0 where it does not pay, but for a try every now and then.
  std::int64_t next(std::int64_t most, double break_even);
  void add(std::int64_t guessed, std::int64_t right);

 private:
  double right_ = 0.5;  // of its guesses, the latest count most
  std::int64_t length_ = 4, skipped_ = 0;
};

}  // namespace ttt
