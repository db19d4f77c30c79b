#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "state/state_pool.h"

namespace ttt {

// Finds stored rows by the tokens that they were computed from. Rows depend on all earlier tokens, so the key of a
// block of tokens is a hash that includes all earlier blocks; the tokens themselves are compared too.
//
// Every entry keeps one sequence of the pool, whose pages are shared with sequences made from it. A source and explicit
// positions of a sequence are not part of the key: keep a separate cache for each.
class PrefixCache {
 public:
  // block: tokens of one block, best a multiple of the pool's page_rows. The pool must outlive the cache.
  PrefixCache(StatePool& pool, std::int64_t block, std::int64_t max_entries);

  // Remembers the whole blocks of `sequence`, whose rows were computed from `ids`; nothing where sequences are whole.
  // The least recently used entry is removed if there is no room. Throws Error{kUsage} unless there is an id for each
  // row.
  void insert(const Sequence& sequence, std::span<const std::int32_t> ids);
  // A new sequence with the rows of the longest known beginning of `ids`; at least one token is left to compute.
  // Windows must still have all rows that the next token sees. Empty if no beginning is known.
  Sequence find(std::span<const std::int32_t> ids);

  // Returns the least recently used entry to the pool; false: there was none.
  bool evict();
  std::int64_t size() const { return static_cast<std::int64_t>(entries_.size()); }

 private:
  struct Entry {
    Sequence sequence;
    std::vector<std::int32_t> ids;  // whole blocks
    std::uint64_t used = 0;
  };
  // chain[i]: the key of the first i + 1 blocks.
  std::vector<std::uint64_t> chain(std::span<const std::int32_t> ids) const;
  void index();

  StatePool& pool_;
  std::int64_t block_, max_entries_;
  std::uint64_t clock_ = 0;
  std::vector<Entry> entries_;
  std::unordered_multimap<std::uint64_t, std::size_t> by_name_;  // of every beginning, the entry
};

}  // namespace ttt
