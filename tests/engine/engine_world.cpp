#include "engine/engine_world.h"

#include <gtest/gtest.h>

namespace ttt::engine_tests {
namespace {

// The code point that GPT-2's byte-level vocabularies write for a byte.
std::int32_t code_point(int byte) {
  const auto plain = [](int b) { return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174; };
  if (plain(byte)) return byte;
  std::int32_t code = 256;
  for (int b = 0; b < byte; ++b) code += plain(b) ? 0 : 1;
  return code;
}

std::string utf8(std::int32_t c) {
  if (c < 0x80) return {static_cast<char>(c)};
  return {static_cast<char>(0xC0 | (c >> 6)), static_cast<char>(0x80 | (c & 0x3F))};
}

FinishReason reason_of(StopReason reason) {
  return reason == StopReason::kEnd      ? FinishReason::kEnd
         : reason == StopReason::kLength ? FinishReason::kLength
                                         : FinishReason::kContext;
}

}  // namespace

Tokenizer byte_tokenizer() {
  Json vocab(Json::Object{});
  for (int b = 0; b < 256; ++b) vocab.set(utf8(code_point(b)), b);
  const Json::Object end{{"id", kEnd},      {"content", "<|end|>"}, {"single_word", false}, {"lstrip", false},
                         {"rstrip", false}, {"normalized", false},  {"special", true}};
  const Json::Object level{
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
  const Json file(Json::Object{{"version", "1.0"},
                               {"added_tokens", Json::Array{end}},
                               {"normalizer", nullptr},
                               {"pre_tokenizer", level},
                               {"post_processor", nullptr},
                               {"decoder", level},
                               {"model", Json::Object{{"type", "BPE"}, {"vocab", vocab}, {"merges", Json::Array{}}}}});
  return Tokenizer::from_json(file, {}, "bytes");
}

std::vector<Outcome> collect(EngineStream& stream, std::int64_t n) {
  std::vector<Outcome> all(static_cast<std::size_t>(n));
  while (std::optional<EngineEvent> e = stream.next()) {
    Outcome& o = all.at(static_cast<std::size_t>(e->index));
    EXPECT_FALSE(o.finish.has_value()) << "an event after the last";
    o.ids.insert(o.ids.end(), e->ids.begin(), e->ids.end());
    o.tokens.insert(o.tokens.end(), e->tokens.begin(), e->tokens.end());
    o.prompt_tokens.insert(o.prompt_tokens.end(), e->prompt_tokens.begin(), e->prompt_tokens.end());
    o.text += e->text;
    o.finish = e->finish;
    o.stopped_by = e->stopped_by;
    o.error = e->error;
    ++o.events;
  }
  return all;
}

std::vector<Generated> World::alone(const EngineRequest& r) {
  Runner runner = model_.runner(512, 1, 2, 16);
  GenerateOptions options{.max_new_tokens = r.max_new_tokens, .sampling = r.sampling};
  if (!r.ignore_end) options.end_ids.assign(r.end_ids.begin(), r.end_ids.end());
  return generate_many(runner, r.prompt, options, r.n);
}

EngineRequest some_request(Draws& draws, std::int64_t vocab, std::int64_t longest, std::int64_t most_new) {
  EngineRequest r{.max_new_tokens = 1 + draws.below(most_new)};
  const std::int64_t length = 1 + draws.below(longest);
  // Prompts have beginnings in common, of any length.
  const std::uint64_t theme = static_cast<std::uint64_t>(draws.below(3));
  const std::int64_t common = draws.below(length + 1);
  for (std::int64_t i = 0; i < length; ++i) {
    const bool shared = i < common;
    r.prompt.push_back(static_cast<std::int32_t>(
        shared ? static_cast<std::int64_t>(support::random_word(theme, i) >> 33) % vocab : draws.below(vocab)));
  }
  if (draws.below(2) == 0) {
    r.sampling = {.temperature = 0.8, .top_k = 20, .top_p = 0.95, .seed = draws.below(1000)};
    r.n = 1 + draws.below(3);
  }
  if (draws.below(3) == 0) {
    r.sampling.repetition_penalty = 1.2;
    r.sampling.frequency_penalty = 0.3;
    r.sampling.logit_bias = {{.id = 3, .bias = 2}};
  }
  if (draws.below(3) == 0) r.sampling.log_probs = 2;
  if (draws.below(2) == 0) r.end_ids = {static_cast<std::int32_t>(draws.below(vocab))};
  return r;
}

void expect_same(const std::vector<Generated>& alone, const std::vector<Outcome>& got, const std::string& what) {
  ASSERT_EQ(alone.size(), got.size()) << what;
  for (std::size_t i = 0; i < alone.size(); ++i) {
    const std::string where = text(what, ", continuation ", i);
    ASSERT_TRUE(got[i].finish.has_value()) << where;
    EXPECT_FALSE(got[i].error.has_value()) << where << ": " << got[i].error->what();
    EXPECT_EQ(got[i].ids, alone[i].ids) << where;
    EXPECT_EQ(*got[i].finish, reason_of(alone[i].reason)) << where;
    ASSERT_EQ(got[i].tokens.size(), alone[i].tokens.size()) << where;
    for (std::size_t t = 0; t < got[i].tokens.size(); ++t) {
      EXPECT_EQ(got[i].tokens[t].id, alone[i].tokens[t].id) << where;
      EXPECT_EQ(got[i].tokens[t].log_prob, alone[i].tokens[t].log_prob) << where << ", token " << t;
      ASSERT_EQ(got[i].tokens[t].top.size(), alone[i].tokens[t].top.size()) << where;
      for (std::size_t k = 0; k < got[i].tokens[t].top.size(); ++k) {
        EXPECT_EQ(got[i].tokens[t].top[k].id, alone[i].tokens[t].top[k].id) << where;
        EXPECT_EQ(got[i].tokens[t].top[k].log_prob, alone[i].tokens[t].top[k].log_prob) << where;
      }
    }
  }
}

}  // namespace ttt::engine_tests
