#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace ttt {

// Finds the first of some texts in a stream of bytes: the automaton of Aho and Corasick ("Efficient String Matching",
// CACM 1975). Time is linear in the texts and in the stream, whatever the number of texts.
class StopTexts {
 public:
  // Error{kUsage} for a text that is empty or no valid UTF-8.
  explicit StopTexts(std::span<const std::string> texts);

  bool empty() const { return texts_.empty(); }
  const std::string& text(std::int32_t i) const { return texts_[static_cast<std::size_t>(i)]; }

  // A state is the longest end of the stream that some text begins with; 0: none.
  std::int32_t next(std::int32_t state, char byte) const;
  // Bytes of that end: they may yet become part of a text.
  std::int64_t depth(std::int32_t state) const { return nodes_[static_cast<std::size_t>(state)].depth; }
  // The longest text that the stream ends with; -1: none.
  std::int32_t match(std::int32_t state) const { return nodes_[static_cast<std::size_t>(state)].match; }

 private:
  struct Node {
    std::int64_t depth = 0;
    std::int32_t shorter = 0;  // the state of the longest proper end of this one
    std::int32_t match = -1;
  };
  std::int32_t child(std::int32_t state, char byte) const;  // -1: none

  std::vector<std::string> texts_;
  std::vector<Node> nodes_;
  std::unordered_map<std::uint64_t, std::int32_t> children_;  // by state and byte
};

}  // namespace ttt
