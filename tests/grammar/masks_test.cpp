// Masks of tokens against the slow way: every token of the vocabulary, byte by byte.

#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "runtime/gguf_vocabulary.h"
#include "runtime/load_tokenizer.h"
#include "support/real_model.h"
#include "text/grammar/grammar.h"
#include "text/grammar/matcher.h"

namespace ttt {
namespace {

constexpr std::string_view kPerson = R"({"type":"object","properties":{
  "name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150},
  "email":{"type":"string","format":"email"},"tags":{"type":"array","items":{"type":"string","maxLength":12}},
  "kind":{"enum":["user","admin","guest"]},"score":{"type":["number","null"]},"extra":{}},
  "required":["name","tags","kind"]})";

std::vector<Grammar> grammars() {
  return {json_object_grammar(), json_object_grammar({.space = JsonSpace::kIndented}),
          json_schema_grammar(Json::parse(kPerson, "")),
          regex_grammar("(?:[A-Z][a-z]+ ){2,5}\\d{3}-\\d{4}|\\w+@\\w+\\.(?:com|org)"), regex_grammar("(?:[^x]|xy)*"),
          gbnf_grammar(
              "root ::= expr\nexpr ::= term (\" \"? [-+*/] \" \"? term)*\nterm ::= [0-9]+ | \"(\" expr \")\" | name\n"
              "name ::= [a-z]+ (\"(\" (expr (\", \" expr)*)? \")\")?"),
          // Ambiguous: two ways to read each bracket.
          gbnf_grammar(
              "root ::= x | y\nx ::= \"a\" x \"b\" | \"a\" y \"c\" | \"\"\ny ::= \"a\" y \"b\" | \"a\" x \"c\" | \"\""),
          tool_call_grammar({{"search", Json::parse(kPerson, "")}, {"now", Json()}},
                            {.call_begin = "<tool_call>\n{\"name\": \"",
                             .name_end = "\", \"arguments\": ",
                             .call_end = "}\n</tool_call>"},
                            {.trigger = "<tool_call>"})};
}

// Every token against the automaton, one byte after the other.
std::vector<std::uint32_t> slow_mask(const GrammarMatcher& at, const GrammarVocabulary& vocabulary) {
  std::vector<std::uint32_t> mask(vocabulary.words());
  for (std::int32_t id = 0; id < vocabulary.vocab(); ++id) {
    const std::string_view bytes = vocabulary.bytes_of(id);
    if (bytes.empty()) continue;
    GrammarMatcher copy = at;
    if (copy.accept(bytes)) mask[static_cast<std::size_t>(id) / 32] |= 1u << (id % 32);
  }
  return mask;
}

std::vector<std::int32_t> ids_of(const std::vector<std::uint32_t>& mask) {
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < 32 * mask.size(); ++i) {
    if (((mask[i / 32] >> (i % 32)) & 1) != 0) ids.push_back(static_cast<std::int32_t>(i));
  }
  return ids;
}

void expect_masks(const std::shared_ptr<const GrammarVocabulary>& vocabulary, int walks, int steps) {
  std::mt19937 random(7);
  int number = 0;
  for (const Grammar& grammar : grammars()) {
    SCOPED_TRACE(number++);
    // So small that it is emptied again and again; and large.
    for (const std::int64_t cache : {std::int64_t{1} << 16, kGrammarCacheBytes}) {
      const auto constraint = make_constraint(grammar, vocabulary, cache);
      for (int walk = 0; walk < walks; ++walk) {
        const auto state = constraint->begin();
        GrammarMatcher matcher(*grammar.automaton());
        std::vector<std::uint32_t> mask(vocabulary->words());
        for (int step = 0; step < steps; ++step) {
          state->allowed(mask);
          ASSERT_EQ(state->can_end(), matcher.can_end());
          ASSERT_EQ(ids_of(mask), ids_of(slow_mask(matcher, *vocabulary))) << "step " << step;
          const std::vector<std::int32_t> ids = ids_of(mask);
          if (ids.empty()) {
            ASSERT_TRUE(matcher.can_end());
            break;
          }
          // Rare tokens take a walk out of strings.
          std::vector<std::int32_t> some;
          for (int i = 0; i < 8; ++i) some.push_back(ids[random() % ids.size()]);
          const auto closes = std::find_if(some.begin(), some.end(), [&](std::int32_t id) {
            return vocabulary->bytes_of(id).find_first_of("\"}])>") != std::string_view::npos;
          });
          const std::int32_t id = closes != some.end() ? *closes : some[0];
          state->accept(id);
          ASSERT_TRUE(matcher.accept(vocabulary->bytes_of(id)));
        }
      }
    }
  }
}

TEST(TokenMasks, EqualTheSlowOnes) {
  const Tokenizer tokenizer = load_tokenizer(std::string(TTT_SOURCE_DIR) + "/tests/golden/tokenizers/llama3");
  expect_masks(std::make_shared<const GrammarVocabulary>(tokenizer, tokenizer.vocab_size()), 4, 60);
}

TEST(TokenMasks, EqualTheSlowOnesForSmolLM2) {
  TTT_REQUIRE_MODEL(path, "TTT_SMOLLM2_GGUF");
  const Tokenizer tokenizer = Tokenizer::from_gguf(gguf_vocabulary(GgufFile::open(path)), path);
  expect_masks(std::make_shared<const GrammarVocabulary>(tokenizer, tokenizer.vocab_size()), 1, 12);
}

}  // namespace
}  // namespace ttt
