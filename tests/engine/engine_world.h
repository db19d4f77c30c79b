#pragma once

// A tiny model, a tokenizer of bytes for it, and an engine on both, with what generate alone returns beside it.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/engine/engine.h"
#include "runtime/generate.h"
#include "support/model.h"
#include "support/tiny_model.h"

namespace ttt::engine_tests {

using Ids = std::vector<std::int32_t>;

// Ids 0 to 255 are bytes, of GPT-2's alphabet; 256 is the special token <|end|>; others are no tokens.
Tokenizer byte_tokenizer();

inline constexpr std::int32_t kEnd = 256;

// What a continuation became.
struct Outcome {
  Ids ids = {};
  std::vector<SampleResult> tokens = {}, prompt_tokens = {};
  std::string text = {}, stopped_by = {};
  std::optional<FinishReason> finish = {};
  std::optional<Error> error = {};
  int events = 0;
};

std::vector<Outcome> collect(EngineStream& stream, std::int64_t n = 1);

class World {
 public:
  World(const std::filesystem::path& directory, const LoadOptions& load, std::int64_t context, std::int64_t threads = 2)
      : model_(directory, load, context, threads), tokenizer_(byte_tokenizer()) {}

  std::unique_ptr<Engine> engine(const EngineOptions& options) {
    return std::make_unique<Engine>(model_.loaded(), tokenizer_, model_.threads(), self_communicator(), options);
  }
  // The continuations of a request by generate_many, one after the other and with no other beside it. While no engine
  // runs: both use the threads.
  std::vector<Generated> alone(const EngineRequest& request);

  support::TestModel& model() { return model_; }
  const Tokenizer& tokenizer() const { return tokenizer_; }
  std::int64_t vocab() { return model_.loaded().model().vocab_size(); }

 private:
  support::TestModel model_;
  Tokenizer tokenizer_;
};

// Pseudo-random numbers, the same on every machine.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : seed_(seed) {}
  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(support::random_word(seed_, index_++) >> 33) % n;
  }

 private:
  std::uint64_t seed_;
  std::int64_t index_ = 0;
};

// Some request: a prompt of 1 to `longest` tokens, greedy or sampled, with or without penalties and log-probabilities.
EngineRequest some_request(Draws& draws, std::int64_t vocab, std::int64_t longest, std::int64_t most_new);

// Whether the engine's continuations are those of generate_many: the same tokens, log-probabilities and ends.
void expect_same(const std::vector<Generated>& alone, const std::vector<Outcome>& got, const std::string& what);

}  // namespace ttt::engine_tests
