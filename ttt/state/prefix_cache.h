#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/seeded_hash.h"
#include "state/state_pool.h"

namespace ttt {

// Keeps the pages of sequences that are gone, and finds them by the tokens that their rows were computed from.
//
// The tokens of one page are a block, and blocks form a tree: a node is a block after all blocks above it, found by a
// hash of these and compared with its tokens. It keeps one page of every group of slots, shared with the sequences that
// have it: pages are written to only by a sequence that has them alone, so nothing reaches the cache later. Of slots
// with a window a node may have lost its page; a beginning can then be used up to a block where the next token finds
// all rows that it sees. Pages that no sequence has are given back when others need them, the least recently used ones
// first, those without a window from the ends of the tree.
//
// Work is in proportion to the new tokens, and to all nodes once for each sixteenth of the idle pages that is given
// back. A source and explicit positions of a sequence are no part of a block: use another key for each.
class PrefixCache {
 public:
  // The pool must outlive the cache and its places. Error{kUsage} where sequences are whole, and where slots have
  // pages of different sizes (StatePoolConfig::page_rows of more than 64).
  explicit PrefixCache(StatePool& pool);
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;
  ~PrefixCache();

 private:
  struct Node;

 public:
  // How much of a sequence the cache knows; held along with the sequence. It keeps its node from being removed.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept
        : cache_(std::exchange(other.cache_, nullptr)), node_(std::exchange(other.node_, nullptr)) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(cache_, other.cache_);
      std::swap(node_, other.node_);
      return *this;
    }
    ~Place();
    Place copy() const;  // for a fork of the sequence

   private:
    friend class PrefixCache;
    Place(PrefixCache* cache, Node* node);
    PrefixCache* cache_ = nullptr;
    Node* node_ = nullptr;
  };

  struct Found {
    Sequence sequence;
    Place place;
  };
  // A new sequence with the rows of the longest beginning of `ids` that is known and can go on. Sequences share rows
  // only with those of the same key.
  Found find(std::string_view key, std::span<const std::int32_t> ids);

  // Keeps the blocks of a sequence that are not known yet. ids: all tokens that have rows, those of a step that was
  // computed and is not committed included. Where the cache has a page of the same block already, the sequence takes
  // that one and releases its own.
  void keep(Place& place, const Sequence& sequence, std::span<const std::int32_t> ids);

  // Gives back idle pages until so many of each group are free. False: it cannot.
  bool make_room(std::span<const std::int64_t> pages);

  std::int64_t size() const {
    return static_cast<std::int64_t>(nodes_.size()) - static_cast<std::int64_t>(roots_.size());
  }

 private:
  struct Node {
    Node* parent = nullptr;
    std::int64_t depth = 0;  // blocks to its end; 0: a root
    std::uint64_t hash = 0;
    std::vector<std::int32_t> ids = {};    // of the block
    std::vector<std::int32_t> pages = {};  // by group; -1: none
    std::string key = {};                  // of a root
    std::int64_t children = 0, places = 0;
    std::uint64_t used = 0, seen = 0;  // when; seen: by a window
    std::list<Node>::iterator self = {};
  };

  bool holds(const PageGroup& g) const { return g.grows(); }
  Node* root(std::string_view key);
  std::uint64_t hash_of(const Node& parent, std::span<const std::int32_t> ids) const;
  Node* child(const Node& parent, std::span<const std::int32_t> ids) const;
  Node* add_child(Node& parent, std::span<const std::int32_t> ids);
  std::span<const std::int32_t> block(std::span<const std::int32_t> ids, std::int64_t depth) const;
  std::int64_t usable_blocks(std::span<Node* const> path) const;
  void give(std::span<Node* const> path, const Sequence& sequence);
  void take_pages(Node& node, const Sequence& sequence);
  void evict_windowed(std::size_t group, std::int64_t pages);
  void evict_leaves(std::size_t group, std::int64_t pages);
  void forget_page(Node& node, std::size_t group);
  void remove(Node& node);
  void sweep();

  StatePool& pool_;
  SeededHash hash_;  // clients choose the tokens
  std::int64_t block_ = 0;
  std::uint64_t clock_ = 0;
  std::list<Node> nodes_;  // parents before their children
  std::map<std::string, Node*, std::less<>> roots_;
  std::unordered_multimap<std::uint64_t, Node*> by_hash_;
};

}  // namespace ttt
