#include "runtime/engine/stop_texts.h"

#include "base/error.h"
#include "base/utf8.h"

namespace ttt {
namespace {

std::uint64_t edge(std::int32_t state, char byte) {
  return (static_cast<std::uint64_t>(state) << 8) | static_cast<unsigned char>(byte);
}

}  // namespace

StopTexts::StopTexts(std::span<const std::string> texts) : texts_(texts.begin(), texts.end()), nodes_(1) {
  struct Made {
    std::int32_t parent, node;
    char byte;
  };
  std::vector<std::vector<Made>> by_depth;
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    const std::string& t = texts_[i];
    require(!t.empty(), ErrorKind::kUsage, "stop wanted texts of at least one character, got an empty one");
    require(is_valid_utf8(t), ErrorKind::kUsage, "stop wanted texts of valid UTF-8, got another one");
    std::int32_t state = 0;
    for (std::size_t d = 0; d < t.size(); ++d) {
      const auto [at, is_new] = children_.try_emplace(edge(state, t[d]), static_cast<std::int32_t>(nodes_.size()));
      if (is_new) {
        nodes_.push_back({.depth = static_cast<std::int64_t>(d) + 1});
        if (by_depth.size() <= d) by_depth.emplace_back();
        by_depth[d].push_back({state, at->second, t[d]});
      }
      state = at->second;
    }
    std::int32_t& match = nodes_[static_cast<std::size_t>(state)].match;
    if (match < 0) match = static_cast<std::int32_t>(i);
  }
  // Shorter ends first: those of a state are found from its parent's.
  for (const std::vector<Made>& level : by_depth) {
    for (const Made& m : level) {
      Node& node = nodes_[static_cast<std::size_t>(m.node)];
      node.shorter = m.parent == 0 ? 0 : next(nodes_[static_cast<std::size_t>(m.parent)].shorter, m.byte);
      if (node.match < 0) node.match = nodes_[static_cast<std::size_t>(node.shorter)].match;
    }
  }
}

std::int32_t StopTexts::child(std::int32_t state, char byte) const {
  const auto found = children_.find(edge(state, byte));
  return found == children_.end() ? -1 : found->second;
}

std::int32_t StopTexts::next(std::int32_t state, char byte) const {
  for (;; state = nodes_[static_cast<std::size_t>(state)].shorter) {
    const std::int32_t found = child(state, byte);
    if (found >= 0) return found;
    if (state == 0) return 0;
  }
}

}  // namespace ttt
