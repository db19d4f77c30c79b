#include <gtest/gtest.h>

#include <thread>

#include "base/error.h"
#include "runtime/load_tokenizer.h"
#include "text/grammar/constraint_cache.h"
#include "text/grammar/matcher.h"

namespace ttt {
namespace {

Tokenizer tokenizer_of(const std::string& name) {
  return load_tokenizer(std::string(TTT_SOURCE_DIR) + "/tests/golden/tokenizers/" + name);
}

std::vector<std::int32_t> allowed(ConstraintState& state, std::size_t words) {
  std::vector<std::uint32_t> mask(words, 0xFFFFFFFF);
  state.allowed(mask);
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < 32 * words; ++i) {
    if (((mask[i / 32] >> (i % 32)) & 1) != 0) ids.push_back(static_cast<std::int32_t>(i));
  }
  return ids;
}

// Of byte-level BPE, of SentencePiece with byte fallback, and of a vocabulary of words with spaces in front.
TEST(TokenBytes, OfATextAreThoseOfItsTokens) {
  const std::string text = "Hello, w\xC3\xB6rld \xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x98\x80\n\t{\"a\": [1, 2]}  end";
  for (const std::string name : {"llama3", "llama2", "gemma", "gpt2", "qwen2", "smollm", "spm_unigram"}) {
    SCOPED_TRACE(name);
    const Tokenizer tokenizer = tokenizer_of(name);
    std::string bytes;
    const std::vector<std::int32_t> ids = tokenizer.encode("x" + text, {.add_special = false});
    for (const std::int32_t id : ids) bytes += tokenizer.token_bytes(id);
    // The first token of a text may have a space that the text has not.
    if (bytes.starts_with(" ")) bytes.erase(0, 1);
    EXPECT_EQ(bytes, tokenizer.decode(ids));
  }
  EXPECT_THROW(tokenizer_of("llama3").token_bytes(1 << 20), Error);
  try {
    tokenizer_of("bert_uncased").token_bytes(3);
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kUnsupported);
  }
}

TEST(GrammarVocabulary, HasNoControlTokensUnlessAsked) {
  const Tokenizer tokenizer = tokenizer_of("llama3");
  const std::int32_t turn = *tokenizer.id_of("<|eot_id|>");
  const GrammarVocabulary plain(tokenizer, tokenizer.vocab_size());
  EXPECT_EQ(plain.bytes_of(turn), "");
  EXPECT_EQ(plain.bytes_of(-1), "");
  EXPECT_EQ(plain.bytes_of(1 << 20), "");
  for (std::int32_t id = 0; id < plain.vocab(); ++id) {
    if (tokenizer.is_token(id) && !tokenizer.is_special(id)) {
      EXPECT_EQ(plain.bytes_of(id), tokenizer.token_bytes(id));
    }
  }
  const GrammarVocabulary more(tokenizer, tokenizer.vocab_size(), std::vector<std::int32_t>{turn});
  EXPECT_EQ(more.bytes_of(turn), "<|eot_id|>");
  // A model may have fewer rows than the tokenizer has ids, or more.
  EXPECT_EQ(GrammarVocabulary(tokenizer, 100).bytes_of(100), "");
  EXPECT_EQ(GrammarVocabulary(tokenizer, 2000).words(), 63u);
}

TEST(GrammarConstraint, FollowsATextAndItsForks) {
  const Tokenizer tokenizer = tokenizer_of("llama3");
  const auto vocabulary = std::make_shared<const GrammarVocabulary>(tokenizer, tokenizer.vocab_size());
  const auto constraint = make_constraint(regex_grammar("[ab]{2}!?"), vocabulary);
  const std::int32_t a = *tokenizer.id_of("a"), b = *tokenizer.id_of("b"), mark = *tokenizer.id_of("!");
  const auto state = constraint->begin();
  EXPECT_FALSE(state->can_end());
  EXPECT_THROW(state->accept(mark), Error);
  EXPECT_THROW(state->accept(-1), Error);
  state->accept(a);
  const auto fork = state->fork();
  state->accept(b);
  EXPECT_TRUE(state->can_end());
  EXPECT_EQ(allowed(*state, vocabulary->words()), std::vector<std::int32_t>{mark});
  EXPECT_FALSE(fork->can_end());
  EXPECT_EQ(allowed(*fork, vocabulary->words()).size(), 2u);
  state->accept(mark);
  EXPECT_TRUE(allowed(*state, vocabulary->words()).empty());
  EXPECT_TRUE(state->can_end());
  // A mask of another size than the vocabulary's.
  EXPECT_EQ(allowed(*fork, vocabulary->words() + 7).size(), 2u);
  EXPECT_EQ(allowed(*fork, 1).size(), a < 32 && b < 32 ? 2u : 0u);
}

// RELIABILITY.md, 104: a vocabulary that lacks a byte.
TEST(GrammarConstraint, ADeadEndIsNoTokenAndNoEnd) {
  const Tokenizer tokenizer = tokenizer_of("llama3");
  const auto few = std::make_shared<const GrammarVocabulary>(tokenizer, 65);
  const auto none = make_constraint(regex_grammar("\\u{1F600}"), few)->begin();
  EXPECT_TRUE(allowed(*none, few->words()).empty());
  EXPECT_FALSE(none->can_end());
}

TEST(GrammarConstraint, LongTextsKeepLittle) {
  const Grammar grammar = gbnf_grammar("root ::= \"[\" root \"]\" | \"x\" root | \"y\"");
  GrammarMatcher deep(*grammar.automaton());
  ASSERT_TRUE(deep.accept(std::string(100000, '[')));
  EXPECT_GE(deep.stacks().size(), 100000u);
  ASSERT_TRUE(deep.accept("y" + std::string(100000, ']')));
  EXPECT_TRUE(deep.can_end());
  // What is repeated at the end of a rule takes no stack; what was left is dropped.
  GrammarMatcher flat(*grammar.automaton());
  ASSERT_TRUE(flat.accept(std::string(50000, 'x')));
  EXPECT_LT(flat.stacks().size(), 10u);
}

TEST(ConstraintCache, SharesWhatWasCompiled) {
  const Tokenizer tokenizer = tokenizer_of("llama3");
  ConstraintCache cache(std::make_shared<const GrammarVocabulary>(tokenizer, tokenizer.vocab_size()), 2);
  int compiled = 0;
  const auto get = [&](const std::string& expression) {
    return cache.get("regex " + expression, [&] {
      ++compiled;
      return regex_grammar(expression);
    });
  };
  const auto first = get("a+");
  EXPECT_EQ(get("a+"), first);
  get("b+");
  EXPECT_EQ(get("a+"), first);
  EXPECT_EQ(compiled, 2);
  get("c+");  // b+ was used longest ago
  EXPECT_EQ(get("a+"), first);
  EXPECT_EQ(compiled, 3);
  get("b+");
  EXPECT_EQ(compiled, 4);
  EXPECT_THROW(get("("), Error);
  EXPECT_THROW(get("("), Error);
}

TEST(GrammarConstraint, ThreadsShareOne) {
  const Tokenizer tokenizer = tokenizer_of("llama3");
  const auto vocabulary = std::make_shared<const GrammarVocabulary>(tokenizer, tokenizer.vocab_size());
  // Small: emptied while others read.
  const auto constraint = make_constraint(json_object_grammar(), vocabulary, 1 << 14);
  const std::vector<std::int32_t> ids =
      tokenizer.encode("{\"a\": [1, {\"b\": \"text\"}], \"c\": null}", {.add_special = false});
  std::vector<int> sums(4);
  std::vector<std::thread> threads;
  for (int& sum : sums) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        const auto state = constraint->begin();
        for (const std::int32_t id : ids) {
          sum += static_cast<int>(allowed(*state, vocabulary->words()).size());
          state->accept(id);
        }
        EXPECT_TRUE(state->can_end());
      }
    });
  }
  for (std::thread& t : threads) t.join();
  for (const int sum : sums) EXPECT_EQ(sum, sums[0]);
}

}  // namespace
}  // namespace ttt
