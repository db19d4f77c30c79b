// What ends a continuation, and its text. The model writes a text that is known: byte after byte, each once.

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <utility>

#include "engine/engine_world.h"
#include "text/utf8_filter.h"

namespace ttt::engine_tests {
namespace {

const std::string kText = "abcdefg \xE2\x82\xAC \xC3\xA9!hijklm";  // after each byte the next is likeliest

class EngineText : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = new support::TemporaryDirectory;
    Json config = support::tiny_config(300, 64);
    config.set("hidden_size", 64);
    Ids chain;
    for (const char c : kText) {
      if (std::ranges::find(chain, static_cast<unsigned char>(c)) != chain.end()) continue;
      chain.push_back(static_cast<unsigned char>(c));
    }
    chain.push_back(kEnd);
    written_ = new std::string;
    for (const std::int32_t id : chain) {
      if (id < 256) written_->push_back(static_cast<char>(id));
    }
    support::write_chain_checkpoint(directory_->path(), config, chain);
  }
  static void TearDownTestSuite() {
    delete directory_;
    delete written_;
  }
  EngineText() : world_(directory_->path(), {}, 64), engine_(world_.engine({.sequences = 4, .page_rows = 4})) {}

  static EngineRequest from_a(EngineRequest r = {}) {
    r.prompt = {'a'};
    return r;
  }
  Outcome run(EngineRequest r) {
    EngineStream stream = engine_->submit(std::move(r));
    return collect(stream).front();
  }
  static std::string rest(std::size_t n) { return written_->substr(1, n); }

  static support::TemporaryDirectory* directory_;
  static std::string* written_;
  World world_;
  std::unique_ptr<Engine> engine_;
};
support::TemporaryDirectory* EngineText::directory_ = nullptr;
std::string* EngineText::written_ = nullptr;

TEST_F(EngineText, EndsBeforeAnEndId) {
  const Outcome o = run(from_a({.end_ids = {kEnd}}));
  EXPECT_EQ(o.text, valid_utf8(written_->substr(1)));
  EXPECT_EQ(o.finish, FinishReason::kEnd);
  EXPECT_EQ(o.ids.size(), written_->size() - 1);
  EXPECT_EQ(run(from_a({.end_ids = {'d', 300 - 1}})).text, "bc");
}

TEST_F(EngineText, StopsBeforeATextOverTokens) {
  Outcome o = run(from_a({.end_ids = {kEnd}, .stop = {"efx", "def", "xyz"}}));
  EXPECT_EQ(o.text, "bc");
  EXPECT_EQ(o.finish, FinishReason::kStop);
  EXPECT_EQ(o.stopped_by, "def");
  EXPECT_EQ(o.ids, (Ids{'b', 'c', 'd', 'e', 'f'}));
  o = run(from_a({.stop = {"def"}, .keep_stop = true}));
  EXPECT_EQ(o.text, "bcdef");
  // What might have become a stop text is given out at the end.
  o = run(from_a({.max_new_tokens = 4, .stop = {"def"}}));
  EXPECT_EQ(o.text, "bcde");
  EXPECT_EQ(o.finish, FinishReason::kLength);
}

TEST_F(EngineText, StopIds) {
  Outcome o = run(from_a({.stop_ids = {'d'}}));
  EXPECT_EQ(o.text, "bc");
  EXPECT_EQ(o.finish, FinishReason::kStop);
  EXPECT_EQ(o.stopped_by, "d");
  EXPECT_EQ(o.ids, (Ids{'b', 'c'}));
  o = run(from_a({.end_ids = {'d'}, .ignore_end = true, .stop_ids = {kEnd}, .keep_stop = true}));
  EXPECT_EQ(o.stopped_by, "<|end|>");
  EXPECT_EQ(o.text, valid_utf8(written_->substr(1)) + "<|end|>");
  EXPECT_EQ(o.ids.back(), kEnd);
}

TEST_F(EngineText, NothingEndsItBeforeTheLeastNumberOfTokens) {
  Outcome o = run(from_a({.max_new_tokens = 8, .min_new_tokens = 3, .end_ids = {'b'}}));
  EXPECT_NE(o.finish, FinishReason::kError);
  EXPECT_GE(o.ids.size(), 3u);
  EXPECT_NE(o.ids.front(), 'b') << "the end is excluded, not written";
  o = run(from_a({.max_new_tokens = 5, .min_new_tokens = 4, .stop = {"bc", "cd"}}));
  EXPECT_EQ(o.text, rest(5));
  EXPECT_EQ(o.finish, FinishReason::kLength);
  o = run(from_a({.max_new_tokens = 5, .min_new_tokens = 4, .stop = {"bc", "cde"}}));
  EXPECT_EQ(o.text, "b");
  EXPECT_EQ(o.stopped_by, "cde");
}

TEST_F(EngineText, CharactersAreWhole) {
  const std::size_t euro = written_->find("\xE2\x82\xAC");
  ASSERT_NE(euro, std::string::npos);
  std::string before = rest(euro - 1);
  EngineStream stream = engine_->submit(from_a({.end_ids = {kEnd}}));
  std::string all;
  while (std::optional<EngineEvent> e = stream.next()) {
    EXPECT_EQ(valid_utf8(e->text), e->text);
    all += e->text;
  }
  EXPECT_TRUE(all.starts_with(before + "\xE2\x82\xAC"));
  // Half a character becomes one U+FFFD, at the end.
  Outcome o = run(from_a({.max_new_tokens = static_cast<std::int64_t>(euro) + 1}));
  EXPECT_EQ(o.text, before + "\xEF\xBF\xBD");
  // The prompt ends within a character.
  EngineRequest r{.prompt = {'x', 0xE2}, .max_new_tokens = 2};
  EXPECT_EQ(run(r).text, "\xE2\x82\xAC");
}

TEST_F(EngineText, SpecialTokensAddNoTextUnlessAsked) {
  const std::int64_t all = static_cast<std::int64_t>(written_->size());
  EXPECT_EQ(run(from_a({.max_new_tokens = all})).text, valid_utf8(written_->substr(1)));
  EXPECT_EQ(run(from_a({.max_new_tokens = all, .skip_special = false})).text,
            valid_utf8(written_->substr(1)) + "<|end|>");
}

TEST_F(EngineText, TheContextEndsIt) {
  EngineRequest r = from_a({.max_new_tokens = 1000});
  r.prompt.assign(60, 'q');
  const Outcome o = run(r);
  EXPECT_EQ(o.finish, FinishReason::kContext);
  EXPECT_EQ(o.ids.size(), 5u) << "the last token needs no row";
  EXPECT_EQ(run(from_a({.max_new_tokens = 0})).finish, FinishReason::kLength);
}

// Letters one after the other, from any, at most three.
class Letters final : public TokenConstraint {
 public:
  class State final : public ConstraintState {
   public:
    void allowed(std::span<std::uint32_t> mask) override {
      std::ranges::fill(mask, 0);
      for (std::int32_t id = 'a'; id <= 'z' && count < 3; ++id) {
        if (last < 0 || id == last + 1) mask[static_cast<std::size_t>(id) / 32] |= 1u << (id % 32);
      }
    }
    bool can_end() const override { return count == 3; }
    void accept(std::int32_t id) override {
      last = id;
      ++count;
    }
    std::unique_ptr<ConstraintState> fork() const override { return std::make_unique<State>(*this); }
    std::int32_t last = -1;
    int count = 0;
  };
  std::unique_ptr<ConstraintState> begin() const override { return std::make_unique<State>(); }
};

TEST_F(EngineText, KeepsToAConstraint) {
  EngineRequest r{.sampling = {.log_probs = 1}, .max_new_tokens = 10, .constraint = std::make_shared<Letters>()};
  r.prompt = {'!'};
  Outcome o = run(r);
  EXPECT_EQ(o.text, "hij");
  EXPECT_EQ(o.finish, FinishReason::kEnd) << "where no token may follow, it ends";
  r.prompt = {'g'};  // the likeliest next one is no letter
  o = run(r);
  EXPECT_EQ(o.text, "abc");
  EXPECT_LT(o.tokens.front().log_prob, o.tokens.front().top.front().log_prob) << "of the model's own distribution";
  // Half of it: where neither a token nor the end may follow.
  r.sampling.logit_bias = {{.id = 'b', .bias = -std::numeric_limits<double>::infinity()}};
  o = run(r);
  EXPECT_EQ(o.finish, FinishReason::kError);
  ASSERT_TRUE(o.error);
  EXPECT_EQ(o.error->kind(), ErrorKind::kUsage);
  EXPECT_EQ(o.text, "a");
}

// Throws where it is asked what may follow: that happens in a parallel region of the engine.
template <class Thrown>
class Throwing : public TokenConstraint {
 public:
  explicit Throwing(Thrown thrown) : thrown_(std::move(thrown)) {}
  struct State : ConstraintState {
    explicit State(const Thrown& t) : thrown(t) {}
    void allowed(std::span<std::uint32_t>) override { throw thrown; }
    bool can_end() const override { return false; }
    void accept(std::int32_t) override {}
    std::unique_ptr<ConstraintState> fork() const override { return std::make_unique<State>(*this); }
    Thrown thrown;
  };
  std::unique_ptr<ConstraintState> begin() const override { return std::make_unique<State>(thrown_); }

 private:
  Thrown thrown_;
};

TEST_F(EngineText, WhatAChoiceThrowsEndsItsOwnRequestWithItsKind) {
  const auto kind_of = [&](auto thrown) -> std::optional<ErrorKind> {
    const auto constraint = std::make_shared<Throwing<decltype(thrown)>>(thrown);
    // Two at once, so that the choices are a parallel region.
    EngineStream beside = engine_->submit(from_a({.max_new_tokens = 6}));
    EngineStream stream = engine_->submit(from_a({.n = 2, .max_new_tokens = 8, .constraint = constraint}));
    const std::vector<Outcome> broken = collect(stream, 2);
    EXPECT_EQ(collect(beside).front().text, rest(6));
    for (const Outcome& o : broken) EXPECT_EQ(o.finish, FinishReason::kError);
    return broken[1].error ? std::optional(broken[1].error->kind()) : std::nullopt;
  };
  EXPECT_EQ(kind_of(std::bad_alloc()), ErrorKind::kResources);
  EXPECT_EQ(kind_of(std::runtime_error("broken")), ErrorKind::kInternal);
  EXPECT_EQ(kind_of(Error(ErrorKind::kUnsupported, "broken")), ErrorKind::kUnsupported);
}

TEST_F(EngineText, PromptTokensHaveLogProbabilities) {
  EngineRequest r{.prompt = {'a', 'b', 'x', 'd', 'e', 'f', 'g'},
                  .n = 2,
                  .sampling = {.log_probs = 1},
                  .max_new_tokens = 2,
                  .prompt_log_probs = true};
  EngineStream before = engine_->submit(r);
  collect(before, 2);  // its rows are known then, and computed again for their outputs
  EngineStream stream = engine_->submit(r);
  const std::vector<Outcome> both = collect(stream, 2);
  const std::vector<SampleResult>& got = both[0].prompt_tokens;
  EXPECT_TRUE(both[1].prompt_tokens.empty());
  ASSERT_EQ(got.size(), r.prompt.size());
  const std::vector<float> logits = world_.model().logits(r.prompt, 7, 7);
  SamplerWorkspace workspace;
  for (std::size_t i = 1; i < got.size(); ++i) {
    const auto vocab = static_cast<std::size_t>(world_.vocab());
    const SampleResult wanted =
        log_probs_of(std::span(logits).subspan((i - 1) * vocab, vocab), r.prompt[i], 1, workspace);
    EXPECT_EQ(got[i].id, r.prompt[i]);
    EXPECT_NEAR(got[i].log_prob, wanted.log_prob, 1e-5);
    EXPECT_EQ(got[i].top.front().id, wanted.top.front().id);
  }
  r.max_new_tokens = 0;
  r.n = 1;
  const Outcome none = run(r);
  EXPECT_EQ(none.prompt_tokens.size(), 7u);
  EXPECT_TRUE(none.ids.empty());
  EXPECT_EQ(none.finish, FinishReason::kLength);
}

}  // namespace
}  // namespace ttt::engine_tests
