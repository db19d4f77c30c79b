#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace ttt {

// Tokens byte by byte, in the order of a walk through the tree that visits each node before its children: a node's
// subtree is what follows it, up to `end`.
class TokenTree {
 public:
  struct Node {
    std::uint32_t end = 0;    // the first node that is not in the subtree
    std::uint32_t first = 0;  // of ids(), those that end here; up to the next node's
    std::uint16_t depth = 0;  // bytes from the root, which is node 0
    std::uint8_t byte = 0;
  };
  struct Token {
    std::string_view bytes;
    std::int32_t id = 0;
  };

  TokenTree() : TokenTree(std::vector<Token>()) {}
  explicit TokenTree(std::vector<Token> tokens);

  std::uint32_t size() const { return static_cast<std::uint32_t>(nodes_.size() - 1); }
  const Node& at(std::uint32_t node) const { return nodes_[node]; }
  // Of the tokens that end at a node, or at one from it to before `end`.
  std::span<const std::int32_t> ids(std::uint32_t node) const { return ids(node, node + 1); }
  std::span<const std::int32_t> ids(std::uint32_t node, std::uint32_t end) const {
    return std::span(ids_).subspan(nodes_[node].first, nodes_[end].first - nodes_[node].first);
  }

 private:
  std::vector<Node> nodes_;  // and one more, which only has `first`
  std::vector<std::int32_t> ids_;
};

// The tokens of a vocabulary as grammars use them. Control tokens and those without text are not among them: a grammar
// never allows these. Constant after construction; one serves all grammars for a model.
class GrammarVocabulary {
 public:
  // `vocab`: ids of the model, which may be more or fewer than the tokenizer's. `as_text`: control tokens that a
  // grammar may use all the same, as their text. Throws as Tokenizer::token_bytes does.
  explicit GrammarVocabulary(const Tokenizer& tokenizer, std::int64_t vocab,
                             std::span<const std::int32_t> as_text = {});

  std::int64_t vocab() const { return vocab_; }
  std::size_t words() const { return (static_cast<std::size_t>(vocab_) + 31) / 32; }  // of a mask
  // Empty: never allowed.
  std::string_view bytes_of(std::int64_t id) const {
    return id >= 0 && id < vocab_ ? std::string_view(bytes_[static_cast<std::size_t>(id)]) : std::string_view();
  }

  // Tokens of whole characters that a JSON string holds as they are, by their number: up to so many, and more than the
  // group before. A state that reads so many of any such characters allows them all without looking at them.
  static constexpr std::array<int, 4> kPlainLengths = {4, 8, 16, 32};
  // The first tree holds all other tokens, then there is one for each group.
  static constexpr std::size_t kTrees = kPlainLengths.size() + 1;
  const TokenTree& tree(std::size_t i) const { return trees_[i]; }
  // The tokens of a group. [words()]
  std::span<const std::uint32_t> plain_mask(std::size_t group) const { return plain_[group]; }
  std::size_t longest() const { return longest_; }  // bytes of a token

 private:
  std::int64_t vocab_;
  std::vector<std::string> bytes_;  // by id
  std::array<TokenTree, kTrees> trees_;
  std::array<std::vector<std::uint32_t>, kPlainLengths.size()> plain_;
  std::size_t longest_ = 0;
};

}  // namespace ttt
