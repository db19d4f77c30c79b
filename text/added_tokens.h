#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/text_range.h"

namespace ttt {

// A token that is found in text before the model sees it.
struct AddedToken {
  std::string content;
  std::int32_t id = -1;
  bool single_word = false;  // only where no word character is next to it
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space after it
  bool normalized = false;   // matched in normalised text
  bool special = false;      // control token: skipped by decode on demand
};

// Finds a set of strings in text: the leftmost match first, of those the longest, without overlap.
// Linear in the text whatever the strings are: an Aho-Corasick automaton (CACM 18(6), 1975) of the reversed strings
// reads the text backwards and so knows at each place the longest string that starts there.
class TokenFinder {
 public:
  struct Match {
    std::size_t begin;
    std::size_t end;
    std::size_t index;  // of the string, in the order of add()
  };

  void add(std::string_view pattern);  // not empty; of equal strings the last is used
  void build();                        // after the last add()
  bool empty() const { return lengths_.empty(); }
  // With `accept`: of the strings that start at a place the longest that it accepts.
  using Accept = std::function<bool(const Match&)>;
  std::vector<Match> find_all(std::string_view s, const Accept& accept = {}) const;

 private:
  std::int32_t child(std::int32_t node, unsigned char byte) const;
  std::int32_t step(std::int32_t node, unsigned char byte) const;

  struct Node {
    std::int32_t fail = 0;
    std::int32_t parent = 0;
    std::int32_t best = -1;     // longest string that ends here, by index
    std::int32_t own = -1;      // the string that the path from the root spells
    std::int32_t shorter = -1;  // node of the next shorter string that ends here
    unsigned char byte = 0;
  };
  std::vector<Node> nodes_{Node{}};
  std::vector<std::int32_t> roots_ = std::vector<std::int32_t>(256, 0);
  std::unordered_map<std::uint64_t, std::int32_t> children_;
  std::vector<std::size_t> lengths_;
};

// Cuts text at added tokens, as the Hugging Face tokenizers library does.
class AddedTokens {
 public:
  struct Part {
    std::size_t begin;
    std::size_t end;
    std::int32_t id;  // -1: text between tokens
  };

  void add(AddedToken token, std::string_view pattern);  // `pattern` is the string to find
  void build() { finder_.build(); }
  bool empty() const { return tokens_.empty(); }
  // Covers `s` from left to right. Without parse_special, special tokens are text. White space that belongs to a token
  // by rstrip may contain other tokens. They are found too, as in the library, so parts can overlap there.
  std::vector<Part> cut(std::string_view s, bool parse_special) const;

  // Parts of a text that must not become control tokens.
  struct Guard {
    std::span<const TextRange> plain = {};        // in order; a control token overlaps none of them
    std::span<const std::int32_t> controls = {};  // ids that are control tokens, sorted; special tokens always are
  };
  std::vector<Part> cut(std::string_view s, const Guard& guard) const;

  const std::vector<AddedToken>& tokens() const { return tokens_; }
  // Whether one of them could be a control token.
  bool has_controls(std::span<const std::int32_t> controls) const;

 private:
  std::vector<Part> parts_of(std::string_view s, const std::vector<TokenFinder::Match>& matches,
                             bool parse_special) const;

  std::vector<AddedToken> tokens_;
  TokenFinder finder_;
};

}  // namespace ttt
