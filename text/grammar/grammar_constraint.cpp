#include <algorithm>

#include "base/error.h"
#include "text/grammar/grammar.h"
#include "text/grammar/matcher.h"
#include "text/grammar/token_masks.h"

namespace ttt {
namespace {

// What all states of a constraint share.
struct Parts {
  Parts(const Grammar& grammar, std::shared_ptr<const GrammarVocabulary> tokens, std::int64_t cache_bytes)
      : automaton(grammar.automaton()), vocabulary(std::move(tokens)), masks(*automaton, *vocabulary, cache_bytes) {}

  std::shared_ptr<const GrammarAutomaton> automaton;
  std::shared_ptr<const GrammarVocabulary> vocabulary;
  TokenMasks masks;
};

class GrammarState : public ConstraintState {
 public:
  explicit GrammarState(std::shared_ptr<Parts> parts) : parts_(std::move(parts)), matcher_(*parts_->automaton) {}

  void allowed(std::span<std::uint32_t> mask) override {
    const std::size_t words = parts_->vocabulary->words();
    std::fill(mask.begin(), mask.end(), 0);
    if (mask.size() >= words) {
      parts_->masks.add(matcher_.heads(), matcher_.stacks(), mask.first(words));
      return;
    }
    std::vector<std::uint32_t> whole(words);
    parts_->masks.add(matcher_.heads(), matcher_.stacks(), whole);
    std::copy_n(whole.begin(), mask.size(), mask.begin());
  }
  bool can_end() const override { return matcher_.can_end(); }
  void accept(std::int32_t id) override {
    const std::string_view bytes = parts_->vocabulary->bytes_of(id);
    require(!bytes.empty() && matcher_.accept(bytes), ErrorKind::kInternal,
            "a constraint wanted a token that it allows, got ", id);
  }
  std::unique_ptr<ConstraintState> fork() const override { return std::make_unique<GrammarState>(*this); }

 private:
  std::shared_ptr<Parts> parts_;
  GrammarMatcher matcher_;
};

class GrammarConstraint : public TokenConstraint {
 public:
  explicit GrammarConstraint(std::shared_ptr<Parts> parts) : parts_(std::move(parts)) {}
  std::unique_ptr<ConstraintState> begin() const override { return std::make_unique<GrammarState>(parts_); }

 private:
  std::shared_ptr<Parts> parts_;
};

}  // namespace

std::shared_ptr<const TokenConstraint> make_constraint(const Grammar& grammar,
                                                       std::shared_ptr<const GrammarVocabulary> vocabulary,
                                                       std::int64_t cache_bytes) {
  return std::make_shared<GrammarConstraint>(std::make_shared<Parts>(grammar, std::move(vocabulary), cache_bytes));
}

}  // namespace ttt
