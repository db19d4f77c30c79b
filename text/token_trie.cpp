#include "text/token_trie.h"

#include <algorithm>

#include "base/error.h"

namespace ttt {
namespace {

// Nodes below the root: bytes of each token that it does not share with the one before it, in alphabetical order.
std::size_t count_nodes(const Vocabulary& vocabulary) {
  std::vector<std::string_view> tokens;
  tokens.reserve(vocabulary.tokens().size());
  for (const Vocabulary::Token& token : vocabulary.tokens()) tokens.push_back(token.text);
  std::sort(tokens.begin(), tokens.end());
  std::size_t nodes = 0;
  std::string_view last;
  for (const std::string_view token : tokens) {
    const auto differ = std::mismatch(token.begin(), token.end(), last.begin(), last.end());
    nodes += static_cast<std::size_t>(token.end() - differ.first);
    last = token;
  }
  return nodes;
}

}  // namespace

TokenTrie::TokenTrie(const Vocabulary& vocabulary) {
  const std::size_t nodes = count_nodes(vocabulary);
  std::size_t capacity = 2;
  while (capacity < 2 * (nodes + 1)) capacity *= 2;
  require(capacity < kNone, ErrorKind::kUnsupported, "a vocabulary whose tokens have ", nodes, " different beginnings");
  slots_.resize(capacity);
  mask_ = capacity - 1;
  slots_[kRoot].key = kRootKey;
  first_.fill(kNone);
  for (const Vocabulary::Token& token : vocabulary.tokens()) {
    std::uint32_t node = kRoot;
    for (const char c : token.text) node = make(node, static_cast<unsigned char>(c));
    if (node != kRoot) slots_[node].id = token.id;
  }
}

std::uint32_t TokenTrie::make(std::uint32_t node, unsigned char byte) {
  if (const std::uint32_t known = child(node, byte); known != kNone) return known;
  const std::uint64_t key = (std::uint64_t{node} << 8) | byte;
  std::size_t i = hash_(key) & mask_;
  while (slots_[i].key != kFree) i = (i + 1) & mask_;
  slots_[i].key = key;
  const auto made = static_cast<std::uint32_t>(i);
  if (node == kRoot) first_[byte] = made;
  slots_[node].children |= std::uint32_t{1} << (byte & 31);
  return made;
}

std::uint32_t TokenTrie::walk(std::string_view text) const {
  std::uint32_t node = kRoot;
  for (const char c : text) {
    node = child(node, static_cast<unsigned char>(c));
    if (node == kNone) break;
  }
  return node;
}

}  // namespace ttt
