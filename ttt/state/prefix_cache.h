#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "state/state_pool.h"

namespace ttt {

// Finds stored rows again by the tokens that they were computed from. Rows depend on all tokens before them, so blocks
// of tokens are named by a hash that chains over the blocks before; the tokens themselves are compared too.
//
// Every entry keeps one sequence of the pool, whose pages are shared with those made from it. What sequences hold
// beside tokens (a source, positions that are not the rows' indices) is not part of the name: keep a cache for each.
class PrefixCache {
 public:
  // block: tokens that are found together, best a multiple of the pool's page_rows. The pool must outlive the cache.
  PrefixCache(StatePool& pool, std::int64_t block, std::int64_t max_entries);

  // Remembers the whole blocks of `sequence`, whose rows were computed from `ids`; nothing where sequences are whole.
  // The least recently used entry makes room. Throws Error{kUsage} unless there is an id for each row.
  void insert(const Sequence& sequence, std::span<const std::int32_t> ids);
  // A new sequence with the rows of the longest known beginning of `ids`, one token at least being left to compute.
  // Only beginnings count of which windows have all rows that the next token sees. Empty where none is known.
  Sequence find(std::span<const std::int32_t> ids);

  // Gives the least recently used entry back to the pool; false: there was none.
  bool evict();
  std::int64_t size() const { return static_cast<std::int64_t>(entries_.size()); }

 private:
  struct Entry {
    Sequence sequence;
    std::vector<std::int32_t> ids;  // whole blocks
    std::uint64_t used = 0;
  };
  // chain[i]: the name of the first i + 1 blocks.
  std::vector<std::uint64_t> chain(std::span<const std::int32_t> ids) const;
  void index();

  StatePool& pool_;
  std::int64_t block_, max_entries_;
  std::uint64_t clock_ = 0;
  std::vector<Entry> entries_;
  std::unordered_multimap<std::uint64_t, std::size_t> by_name_;  // of every beginning, the entry
};

}  // namespace ttt
