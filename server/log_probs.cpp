#include "server/log_probs.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace ttt::server {
namespace {

// JSON has no -infinity; clients of the OpenAI API know this number for "impossible".
double shown(double log_prob) { return std::max(log_prob, -9999.0); }

Json bytes_of(std::string_view text) {
  Json bytes{Json::Array{}};
  for (const char c : text) bytes.push(static_cast<std::int64_t>(static_cast<unsigned char>(c)));
  return bytes;
}

// A part of a character where the token is one.
std::string bytes_of_token(const Tokenizer& tokenizer, std::int32_t id, const std::string& text) {
  if (!tokenizer.is_token(id) || tokenizer.is_special(id)) return text;
  try {
    return tokenizer.token_bytes(id);
  } catch (const Error&) {
    return text;  // a tokenizer whose tokens have no bytes of their own
  }
}

Json entry(const Tokenizer& tokenizer, std::int32_t id, double log_prob) {
  const std::string text = text_of_token(tokenizer, id);
  const Json bytes = bytes_of(bytes_of_token(tokenizer, id, text));
  return Json::Object{{"token", Json(text)}, {"logprob", Json(shown(log_prob))}, {"bytes", bytes}};
}

}  // namespace

std::string text_of_token(const Tokenizer& tokenizer, std::int32_t id) {
  if (!tokenizer.is_token(id)) return {};  // a gap of the vocabulary
  if (tokenizer.is_special(id)) return tokenizer.token_text(id);
  StreamDecoder decoder(tokenizer);
  // After a letter, so that the space before a word is kept.
  const std::vector<std::int32_t> before = tokenizer.encode("a", {.add_special = false});
  decoder.continue_after(before);
  std::string text = decoder.push(id);
  return text + decoder.finish();
}

Json chat_log_prob(const Tokenizer& tokenizer, const SampleResult& token, std::int64_t top) {
  Json one = entry(tokenizer, token.id, token.log_prob);
  Json list{Json::Array{}};
  for (std::int64_t i = 0; i < std::min(top, std::ssize(token.top)); ++i) {
    const TokenLogProb& t = token.top[static_cast<std::size_t>(i)];
    list.push(entry(tokenizer, t.id, t.log_prob));
  }
  one.set("top_logprobs", std::move(list));
  return one;
}

void CompletionLogProbs::add_token(std::int32_t id) {
  const std::string text = text_of_token(tokenizer_, id);
  tokens_.emplace_back(text);
  offsets_.emplace_back(offset_);
  offset_ += std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

void CompletionLogProbs::add(const SampleResult& token) {
  add_token(token.id);
  log_probs_.emplace_back(shown(token.log_prob));
  Json top{Json::Object{}};
  for (std::int64_t i = 0; i < std::min(top_, std::ssize(token.top)); ++i) {
    const TokenLogProb& t = token.top[static_cast<std::size_t>(i)];
    top.set(text_of_token(tokenizer_, t.id), shown(t.log_prob));
  }
  top_log_probs_.push_back(std::move(top));
}

void CompletionLogProbs::add_unknown(std::int32_t id) {
  add_token(id);
  log_probs_.emplace_back(nullptr);
  top_log_probs_.emplace_back(nullptr);
}

Json CompletionLogProbs::take() {
  Json all{Json::Object{}};
  all.set("tokens", std::exchange(tokens_, {}));
  all.set("token_logprobs", std::exchange(log_probs_, {}));
  all.set("top_logprobs", std::exchange(top_log_probs_, {}));
  all.set("text_offset", std::exchange(offsets_, {}));
  return all;
}

}  // namespace ttt::server
