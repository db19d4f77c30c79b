#include "text/added_tokens.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "text/unicode.h"

namespace ttt {
namespace {

// Start of the character that ends before `i`.
std::size_t character_before(std::string_view s, std::size_t i) {
  do {
    --i;
  } while ((static_cast<unsigned char>(s[i]) & 0xC0) == 0x80);
  return i;
}

bool is_at(std::string_view s, std::size_t i, unsigned classes) {
  return Unicode::tables().is(utf8_decode(s.data() + i), classes);
}

bool stands_alone(std::string_view s, std::size_t begin, std::size_t end) {
  const bool word_before = begin > 0 && is_at(s, character_before(s, begin), kWord);
  const bool word_after = end < s.size() && is_at(s, end, kWord);
  return !word_before && !word_after;
}

}  // namespace

std::int32_t TokenFinder::child(std::int32_t node, unsigned char byte) const {
  if (node == 0) return roots_[byte] != 0 ? roots_[byte] : -1;
  const auto found = children_.find((static_cast<std::uint64_t>(node) << 8) | byte);
  return found == children_.end() ? -1 : found->second;
}

std::int32_t TokenFinder::step(std::int32_t node, unsigned char byte) const {
  for (;;) {
    const std::int32_t next = child(node, byte);
    if (next >= 0) return next;
    if (node == 0) return 0;
    node = nodes_[static_cast<std::size_t>(node)].fail;
  }
}

void TokenFinder::add(std::string_view pattern) {
  std::int32_t node = 0;
  for (auto it = pattern.rbegin(); it != pattern.rend(); ++it) {
    const auto byte = static_cast<unsigned char>(*it);
    std::int32_t next = child(node, byte);
    if (next < 0) {
      next = static_cast<std::int32_t>(nodes_.size());
      nodes_.push_back(Node{.fail = 0, .parent = node, .best = -1, .byte = byte});
      if (node == 0) {
        roots_[byte] = next;
      } else {
        children_[(static_cast<std::uint64_t>(node) << 8) | byte] = next;
      }
    }
    node = next;
  }
  nodes_[static_cast<std::size_t>(node)].own = static_cast<std::int32_t>(lengths_.size());
  lengths_.push_back(pattern.size());
}

void TokenFinder::build() {
  // Breadth first: a node's failure link leads to a node nearer to the root.
  std::vector<std::int32_t> depth(nodes_.size(), 0);
  for (std::size_t i = 1; i < nodes_.size(); ++i) depth[i] = depth[static_cast<std::size_t>(nodes_[i].parent)] + 1;
  std::vector<std::int32_t> order;
  for (std::size_t i = 1; i < nodes_.size(); ++i) order.push_back(static_cast<std::int32_t>(i));
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return depth[static_cast<std::size_t>(a)] < depth[static_cast<std::size_t>(b)];
  });
  for (const std::int32_t i : order) {
    Node& node = nodes_[static_cast<std::size_t>(i)];
    node.fail = node.parent == 0 ? 0 : step(nodes_[static_cast<std::size_t>(node.parent)].fail, node.byte);
    const Node& fail = nodes_[static_cast<std::size_t>(node.fail)];
    node.shorter = fail.own >= 0 ? node.fail : fail.shorter;
    node.best = node.own >= 0 ? node.own : fail.best;
  }
}

std::vector<TokenFinder::Match> TokenFinder::find_all(std::string_view s, const Accept& accept) const {
  std::vector<Match> from_right;  // the longest string at each place that has one
  std::int32_t node = 0;
  for (std::size_t i = s.size(); i-- > 0;) {
    node = step(node, static_cast<unsigned char>(s[i]));
    const std::int32_t best = nodes_[static_cast<std::size_t>(node)].best;
    if (best < 0) continue;
    const auto match_of = [&](std::int32_t string) {
      const auto index = static_cast<std::size_t>(string);
      return Match{i, i + lengths_[index], index};
    };
    if (!accept) {
      from_right.push_back(match_of(best));
      continue;
    }
    std::int32_t at =
        nodes_[static_cast<std::size_t>(node)].own >= 0 ? node : nodes_[static_cast<std::size_t>(node)].shorter;
    while (at > 0 && !accept(match_of(nodes_[static_cast<std::size_t>(at)].own))) {
      at = nodes_[static_cast<std::size_t>(at)].shorter;
    }
    if (at > 0) from_right.push_back(match_of(nodes_[static_cast<std::size_t>(at)].own));
  }
  std::vector<Match> matches;
  std::size_t free_from = 0;
  for (auto it = from_right.rbegin(); it != from_right.rend(); ++it) {
    if (it->begin < free_from) continue;
    matches.push_back(*it);
    free_from = it->end;
  }
  return matches;
}

void AddedTokens::add(AddedToken token, std::string_view pattern) {
  tokens_.push_back(std::move(token));
  finder_.add(pattern);
}

std::vector<AddedTokens::Part> AddedTokens::cut(std::string_view s, bool parse_special) const {
  return parts_of(s, finder_.empty() ? std::vector<TokenFinder::Match>{} : finder_.find_all(s), parse_special);
}

std::vector<AddedTokens::Part> AddedTokens::cut(std::string_view s, const Guard& guard) const {
  if (finder_.empty()) return parts_of(s, {}, true);
  const auto accept = [&](const TokenFinder::Match& m) {
    const AddedToken& token = tokens_[m.index];
    if (!token.special && !std::binary_search(guard.controls.begin(), guard.controls.end(), token.id)) return true;
    const auto after = std::upper_bound(guard.plain.begin(), guard.plain.end(), m.begin,
                                        [](std::size_t at, const TextRange& r) { return at < r.end; });
    return after == guard.plain.end() || after->begin >= m.end;
  };
  return parts_of(s, finder_.find_all(s, accept), true);
}

bool AddedTokens::has_controls(std::span<const std::int32_t> controls) const {
  return std::any_of(tokens_.begin(), tokens_.end(), [&](const AddedToken& t) {
    return t.special || std::binary_search(controls.begin(), controls.end(), t.id);
  });
}

std::vector<AddedTokens::Part> AddedTokens::parts_of(std::string_view s, const std::vector<TokenFinder::Match>& matches,
                                                     bool parse_special) const {
  std::vector<Part> parts;
  std::size_t done = 0;
  for (auto [begin, end, index] : matches) {
    const AddedToken& token = tokens_[index];
    if (!parse_special && token.special) continue;
    if (token.single_word && !stands_alone(s, begin, end)) continue;
    if (token.lstrip) {
      while (begin > done && is_at(s, character_before(s, begin), kStripSpace)) begin = character_before(s, begin);
      // What the token before took is gone, and this one with it where it lies within.
      begin = std::max(begin, done);
    }
    if (token.rstrip) {
      while (end < s.size() && is_at(s, end, kStripSpace)) end += utf8_step(s[end]);
    }
    // Only here the library stops with an error ("bad split").
    if (begin > end) continue;
    if (done < begin) parts.push_back(Part{done, begin, -1});
    if (begin < end) parts.push_back(Part{begin, end, token.id});
    // Without lstrip a token inside what the one before took is a token too, and the text goes on behind it.
    done = end;
  }
  if (done < s.size()) parts.push_back(Part{done, s.size(), -1});
  return parts;
}

}  // namespace ttt
