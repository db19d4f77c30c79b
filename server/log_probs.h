#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "sampling/sampler.h"
#include "text/tokenizer.h"

namespace ttt::server {

// The text that a token adds within a text. Bytes that are no character are U+FFFD.
std::string text_of_token(const Tokenizer& tokenizer, std::int32_t id);

// {"token", "logprob", "bytes", "top_logprobs"} of the chat API; `top` entries of the most likely at most.
Json chat_log_prob(const Tokenizer& tokenizer, const SampleResult& token, std::int64_t top);

// The "logprobs" of the completions API, gathered token by token.
class CompletionLogProbs {
 public:
  explicit CompletionLogProbs(const Tokenizer& tokenizer, std::int64_t top) : tokenizer_(tokenizer), top_(top) {}
  void add(const SampleResult& token);
  void add_unknown(std::int32_t id);  // a token without a probability: the first of a prompt
  bool empty() const { return tokens_.empty(); }
  Json take();  // what was added since the last time

 private:
  void add_token(std::int32_t id);
  const Tokenizer& tokenizer_;
  std::int64_t top_;
  std::int64_t offset_ = 0;  // characters of the text
  Json::Array tokens_, log_probs_, top_log_probs_, offsets_;
};

}  // namespace ttt::server
