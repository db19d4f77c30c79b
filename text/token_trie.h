#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/seeded_hash.h"
#include "text/vocabulary.h"

namespace ttt {

// The tokens of a vocabulary byte by byte: which of them a text starts with. A node's number is its place in one hash
// table, so a step is one look-up whatever the vocabulary holds, and building takes time in proportion to its bytes.
class TokenTrie {
 public:
  static constexpr std::uint32_t kRoot = 0, kNone = 0xFFFFFFFF;

  // Holds all tokens of `vocabulary` but the empty one.
  explicit TokenTrie(const Vocabulary& vocabulary);

  // The node behind `byte`, or kNone.
  std::uint32_t child(std::uint32_t node, unsigned char byte) const {
    if (node == kRoot) return first_[byte];
    if ((slots_[node].children >> (byte & 31) & 1) == 0) return kNone;
    const std::uint64_t key = (std::uint64_t{node} << 8) | byte;
    for (std::size_t i = hash_(key) & mask_;; i = (i + 1) & mask_) {
      if (slots_[i].key == key) return static_cast<std::uint32_t>(i);
      if (slots_[i].key == kFree) return kNone;
    }
  }
  // The node that `text` leads to from the root, or kNone.
  std::uint32_t walk(std::string_view text) const;
  // The id of the token that ends here, or -1.
  std::int32_t id(std::uint32_t node) const { return slots_[node].id; }

 private:
  static constexpr std::uint64_t kFree = ~std::uint64_t{0}, kRootKey = kFree - 1;
  struct Slot {
    std::uint64_t key = kFree;  // parent and byte
    std::int32_t id = -1;
    std::uint32_t children = 0;  // bit (byte & 31) of each child's byte: most bytes without a child need no look-up
  };

  std::uint32_t make(std::uint32_t node, unsigned char byte);

  SeededHash hash_;
  std::vector<Slot> slots_;  // the root is 0
  std::size_t mask_ = 0;
  std::array<std::uint32_t, 256> first_{};  // children of the root
};

}  // namespace ttt
