#include "state/prefix_cache.h"

#include <algorithm>
#include <tuple>

#include "base/checked.h"
#include "base/error.h"

namespace ttt {
namespace {

// Of the idle pages, the part that is given back at once, so that finding them costs little for each.
constexpr std::int64_t kEvictedPart = 16;

}  // namespace

PrefixCache::PrefixCache(StatePool& pool) : pool_(pool) {
  require(!pool.whole_sequences(), ErrorKind::kUsage,
          "[prefix cache] wanted sequences that can be divided, got ones whose rows see those after them");
  for (const PageGroup& g : pool.groups()) {
    if (!holds(g)) continue;
    require(block_ == 0 || block_ == g.page_rows(), ErrorKind::kUsage,
            "[prefix cache] wanted pages of the same size in all slots, got ", block_, " and ", g.page_rows(), " rows");
    block_ = g.page_rows();
  }
  require(block_ > 0, ErrorKind::kUsage, "[prefix cache] wanted slots that keep rows of tokens, got none");
}

PrefixCache::~PrefixCache() {
  for (Node& n : nodes_) {
    for (std::size_t g = 0; g < n.pages.size(); ++g) forget_page(n, g);
  }
}

PrefixCache::Place::Place(PrefixCache* cache, Node* node) : cache_(cache), node_(node) { ++node->places; }

PrefixCache::Place::~Place() {
  if (node_ != nullptr) --node_->places;
}

PrefixCache::Place PrefixCache::Place::copy() const { return node_ == nullptr ? Place() : Place(cache_, node_); }

PrefixCache::Node* PrefixCache::root(std::string_view key) {
  const auto found = roots_.find(key);
  if (found != roots_.end()) return found->second;
  Node& node = nodes_.emplace_back();
  node.key = key;
  node.hash = hash_(key);
  node.self = std::prev(nodes_.end());
  roots_.emplace(key, &node);
  return &node;
}

std::uint64_t PrefixCache::hash_of(const Node& parent, std::span<const std::int32_t> ids) const {
  return hash_(parent.hash ^ hash_({reinterpret_cast<const char*>(ids.data()), ids.size_bytes()}));
}

PrefixCache::Node* PrefixCache::child(const Node& parent, std::span<const std::int32_t> ids) const {
  const auto [begin, end] = by_hash_.equal_range(hash_of(parent, ids));
  for (auto at = begin; at != end; ++at) {
    if (at->second->parent == &parent && std::ranges::equal(at->second->ids, ids)) return at->second;
  }
  return nullptr;
}

PrefixCache::Node* PrefixCache::add_child(Node& parent, std::span<const std::int32_t> ids) {
  Node& node = nodes_.emplace_back();
  node.parent = &parent;
  node.depth = parent.depth + 1;
  node.hash = hash_of(parent, ids);
  node.ids.assign(ids.begin(), ids.end());
  node.pages.assign(pool_.groups_.size(), -1);
  node.used = node.seen = ++clock_;
  node.self = std::prev(nodes_.end());
  ++parent.children;
  by_hash_.emplace(node.hash, &node);
  return &node;
}

// The block that follows the first `depth` ones; empty where the ids end before.
std::span<const std::int32_t> PrefixCache::block(std::span<const std::int32_t> ids, std::int64_t depth) const {
  const auto from = static_cast<std::size_t>(depth * block_), rows = static_cast<std::size_t>(block_);
  return from + rows > ids.size() ? std::span<const std::int32_t>() : ids.subspan(from, rows);
}

// The most blocks of a path after which the next token finds all rows that it sees.
std::int64_t PrefixCache::usable_blocks(std::span<Node* const> path) const {
  const auto length = static_cast<std::int64_t>(path.size());
  std::vector<bool> usable(path.size() + 1, true);
  for (std::size_t g = 0; g < pool_.groups_.size(); ++g) {
    const PageGroup& group = pool_.groups_[g];
    if (!holds(group)) continue;
    std::int64_t missing = -1;            // the last block before `blocks` without a page
    std::int64_t first_missing = length;  // and the first
    for (std::int64_t blocks = 1; blocks <= length; ++blocks) {
      if (path[static_cast<std::size_t>(blocks - 1)]->pages[g] < 0) {
        missing = blocks - 1;
        first_missing = std::min(first_missing, missing);
      }
      const std::int64_t rows = blocks * block_, pinned = std::min(group.visible().pinned, rows);
      const bool window =
          missing < first_seen(group.visible(), rows) / block_ || first_seen(group.visible(), rows) >= rows;
      if (!window || first_missing < div_up(pinned, block_)) usable[static_cast<std::size_t>(blocks)] = false;
    }
  }
  std::int64_t blocks = length;
  while (blocks > 0 && !usable[static_cast<std::size_t>(blocks)]) --blocks;
  return blocks;
}

// Gives a new sequence the pages of a path that it will read.
void PrefixCache::give(std::span<Node* const> path, const Sequence& sequence) {
  const std::int64_t rows = static_cast<std::int64_t>(path.size()) * block_;
  ++clock_;
  for (Node* n : path) n->used = clock_;
  for (std::size_t g = 0; g < pool_.groups_.size(); ++g) {
    PageGroup& group = pool_.groups_[g];
    if (!holds(group)) continue;
    const std::int64_t seen = first_seen(group.visible(), rows);
    for (std::int64_t e = 0; e < static_cast<std::int64_t>(path.size()); ++e) {
      const bool reads = (e + 1) * block_ > seen || e * block_ < group.visible().pinned;
      Node& n = *path[static_cast<std::size_t>(e)];
      if (!reads) continue;
      if (group.windowed()) n.seen = clock_;
      group.adopt(sequence.id(), e, n.pages[g]);
    }
  }
  pool_.lengths_[static_cast<std::size_t>(sequence.id())] = rows;
}

PrefixCache::Found PrefixCache::find(std::string_view key, std::span<const std::int32_t> ids) {
  Node* const start = root(key);
  std::vector<Node*> path;
  for (Node* at = start; at != nullptr;) {
    const std::span<const std::int32_t> next = block(ids, at->depth);
    at = next.empty() ? nullptr : child(*at, next);
    if (at != nullptr) path.push_back(at);
  }
  path.resize(static_cast<std::size_t>(usable_blocks(path)));
  Found found{pool_.create(), Place(this, path.empty() ? start : path.back())};
  give(path, found.sequence);
  return found;
}

// Shares the pages of one block between its node and a sequence.
void PrefixCache::take_pages(Node& node, const Sequence& sequence) {
  const std::int64_t e = node.depth - 1;
  for (std::size_t g = 0; g < pool_.groups_.size(); ++g) {
    PageGroup& group = pool_.groups_[g];
    if (!holds(group)) continue;
    const std::int32_t own = group.table(sequence.id())[static_cast<std::size_t>(e)];
    if (own < 0 || own == node.pages[g]) continue;
    if (node.pages[g] < 0) {
      node.pages[g] = own;
      node.seen = ++clock_;
      group.keep(own);
    } else {
      group.adopt(sequence.id(), e, node.pages[g]);
    }
  }
}

void PrefixCache::keep(Place& place, const Sequence& sequence, std::span<const std::int32_t> ids) {
  if (place.node_ == nullptr) return;
  for (;;) {
    Node& at = *place.node_;
    const std::span<const std::int32_t> next = block(ids, at.depth);
    if (next.empty()) return;
    Node* node = child(at, next);
    if (node == nullptr) node = add_child(at, next);
    take_pages(*node, sequence);
    place = Place(this, node);
  }
}

bool PrefixCache::make_room(std::span<const std::int64_t> pages) {
  bool enough = true;
  for (std::size_t g = 0; g < pages.size(); ++g) {
    const PageGroup& group = pool_.groups_[g];
    const std::int64_t missing = pages[g] - group.free_pages();
    if (missing <= 0) continue;
    if (missing > group.idle_pages()) {
      enough = false;
      continue;
    }
    const std::int64_t most = std::max(missing, group.idle_pages() / kEvictedPart);
    if (group.windowed()) {
      evict_windowed(g, most);
    } else {
      evict_leaves(g, most);
    }
  }
  return enough;
}

void PrefixCache::forget_page(Node& node, std::size_t group) {
  if (node.pages[group] < 0) return;
  pool_.groups_[group].forget(node.pages[group]);
  node.pages[group] = -1;
}

void PrefixCache::evict_windowed(std::size_t group, std::int64_t pages) {
  std::vector<Node*> idle;
  for (Node& n : nodes_) {
    if (n.depth > 0 && n.pages[group] >= 0 && pool_.groups_[group].idle(n.pages[group])) idle.push_back(&n);
  }
  // Equal ones were seen by the same window: its oldest rows go first.
  std::ranges::sort(
      idle, [](const Node* a, const Node* b) { return std::tuple(a->seen, a->depth) < std::tuple(b->seen, b->depth); });
  idle.resize(static_cast<std::size_t>(std::min(pages, static_cast<std::int64_t>(idle.size()))));
  for (Node* n : idle) forget_page(*n, group);
  sweep();
}

void PrefixCache::evict_leaves(std::size_t group, std::int64_t pages) {
  struct Leaf {
    std::uint64_t used;  // itself or any node below it
    std::int64_t depth;
    Node* node;
  };
  std::unordered_map<const Node*, std::uint64_t> used;
  std::vector<Leaf> candidates;
  for (auto n = nodes_.rbegin(); n != nodes_.rend(); ++n) {
    if (n->depth == 0) continue;
    const std::uint64_t last = std::max(n->used, used[&*n]);
    std::uint64_t& above = used[n->parent];
    above = std::max(above, last);
    if (n->pages[group] >= 0 && pool_.groups_[group].idle(n->pages[group])) candidates.push_back({last, n->depth, &*n});
  }
  std::ranges::sort(
      candidates, [](const Leaf& a, const Leaf& b) { return a.used != b.used ? a.used < b.used : a.depth > b.depth; });
  for (const Leaf& c : candidates) {
    if (pages == 0) break;
    if (c.node->children > 0 || c.node->places > 0) continue;
    remove(*c.node);
    --pages;
  }
  sweep();
}

void PrefixCache::remove(Node& node) {
  for (std::size_t g = 0; g < node.pages.size(); ++g) forget_page(node, g);
  if (node.parent != nullptr) {
    --node.parent->children;
    const auto [begin, end] = by_hash_.equal_range(node.hash);
    by_hash_.erase(std::find_if(begin, end, [&](const auto& entry) { return entry.second == &node; }));
  } else {
    roots_.erase(node.key);
  }
  nodes_.erase(node.self);
}

// Removes nodes that keep nothing and lead nowhere.
void PrefixCache::sweep() {
  for (auto n = nodes_.end(); n != nodes_.begin();) {
    --n;  // children come after their parents
    if (n->children > 0 || n->places > 0 || std::ranges::any_of(n->pages, [](std::int32_t p) { return p >= 0; }))
      continue;
    Node& node = *n++;
    remove(node);
  }
}

}  // namespace ttt
