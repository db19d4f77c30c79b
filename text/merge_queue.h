#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

namespace ttt {

// The loop of byte pair encoding: as long as neighbours may merge, merge the pair of lowest rank, leftmost first
// (Sennrich, Haddow and Birch, 2016, arXiv:1508.07909, section 3.2).
struct Merge {
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t rank = kNone;
  std::int32_t id = -1;  // of the token that the pair becomes
};

struct Symbol {
  std::int32_t id = -1;
  std::int32_t previous = -1;
  std::int32_t next = -1;
  std::uint32_t begin = 0;  // byte offset in the word
  Merge merge = {};         // with `next`
};

// Positions ordered by (rank, position), for words of any length. A binary heap over a word of ten million symbols
// misses the cache at every level; here each rank has its positions in one array, which is sorted when the rank is
// reached, and only positions that are added later are in a heap.
class RankBuckets {
 public:
  void clear() {
    buckets_.clear();
    bucket_of_.clear();
    ranks_.clear();
  }
  void push(std::uint32_t rank, std::int32_t position);
  // False when empty.
  bool pop(std::uint32_t& rank, std::int32_t& position);

 private:
  struct Bucket {
    std::vector<std::int32_t> first;  // until the bucket is opened; then sorted, consumed from `at`
    std::vector<std::int32_t> later;  // min-heap
    std::size_t at = 0;
    bool open = false;
    bool queued = false;  // its rank is in ranks_
  };
  std::vector<Bucket> buckets_;
  std::vector<std::int32_t> bucket_of_;  // by rank; -1: none
  std::vector<std::uint32_t> ranks_;     // min-heap of ranks whose bucket may hold positions
};

// Scratch memory of merging, reused from word to word.
class MergeLoop {
 public:
  std::vector<Symbol> symbols;

  // Links `symbols` in their order and merges them. merge_of(left, right) looks up a pair of symbols; a result's text
  // must be longer than either part's, so that no pair occurs again. Afterwards walk from symbols[0] along `next`.
  template <class MergeOf>
  void run(const MergeOf& merge_of);

 private:
  static constexpr std::size_t kScanned = 24;  // shorter words are scanned for the lowest rank
  static constexpr std::size_t kHeaped = 8192;

  template <class MergeOf>
  void link(const MergeOf& merge_of);
  template <class MergeOf>
  void join(std::int32_t left, const MergeOf& merge_of);
  template <class MergeOf>
  void run_scan(const MergeOf& merge_of);
  template <class MergeOf>
  void run_heap(const MergeOf& merge_of);
  template <class MergeOf>
  void run_buckets(const MergeOf& merge_of);
  Symbol& at(std::int32_t i) { return symbols[static_cast<std::size_t>(i)]; }

  std::vector<std::uint64_t> heap_;
  RankBuckets buckets_;
};

template <class MergeOf>
void MergeLoop::link(const MergeOf& merge_of) {
  const auto count = static_cast<std::int32_t>(symbols.size());
  for (std::int32_t i = 0; i < count; ++i) {
    at(i).previous = i - 1;
    at(i).next = i + 1 < count ? i + 1 : -1;
    at(i).merge = Merge{};
  }
  for (std::int32_t i = 0; i + 1 < count; ++i) at(i).merge = merge_of(i, i + 1);
}

template <class MergeOf>
void MergeLoop::join(std::int32_t left, const MergeOf& merge_of) {
  Symbol& l = at(left);
  Symbol& r = at(l.next);
  l.id = l.merge.id;
  l.next = r.next;
  r.merge = Merge{};
  if (l.next >= 0) at(l.next).previous = left;
  l.merge = l.next >= 0 ? merge_of(left, l.next) : Merge{};
  if (l.previous >= 0) at(l.previous).merge = merge_of(l.previous, left);
}

template <class MergeOf>
void MergeLoop::run_scan(const MergeOf& merge_of) {
  for (;;) {
    std::int32_t best = -1;
    std::uint32_t rank = Merge::kNone;
    for (std::int32_t i = 0; i >= 0; i = at(i).next) {
      if (at(i).merge.rank < rank) {
        rank = at(i).merge.rank;
        best = i;
      }
    }
    if (best < 0) return;
    join(best, merge_of);
  }
}

template <class MergeOf>
void MergeLoop::run_heap(const MergeOf& merge_of) {
  const auto key = [&](std::int32_t i) {
    return (std::uint64_t{at(i).merge.rank} << 32) | static_cast<std::uint32_t>(i);
  };
  const auto push = [&](std::int32_t i) {
    if (i < 0 || at(i).merge.rank == Merge::kNone) return;
    heap_.push_back(key(i));
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  };
  heap_.clear();
  for (std::int32_t i = 0; i >= 0; i = at(i).next) {
    if (at(i).merge.rank != Merge::kNone) heap_.push_back(key(i));
  }
  std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    const std::uint64_t top = heap_.back();
    heap_.pop_back();
    const auto i = static_cast<std::int32_t>(top & 0xFFFFFFFF);
    if (at(i).merge.rank != top >> 32) continue;  // the pair changed after it was queued
    join(i, merge_of);
    push(at(i).previous);
    push(i);
  }
}

template <class MergeOf>
void MergeLoop::run_buckets(const MergeOf& merge_of) {
  const auto push = [&](std::int32_t i) {
    if (i >= 0 && at(i).merge.rank != Merge::kNone) buckets_.push(at(i).merge.rank, i);
  };
  buckets_.clear();
  for (std::int32_t i = 0; i >= 0; i = at(i).next) push(i);
  std::uint32_t rank = 0;
  std::int32_t i = 0;
  while (buckets_.pop(rank, i)) {
    if (at(i).merge.rank != rank) continue;
    join(i, merge_of);
    push(at(i).previous);
    push(i);
  }
}

template <class MergeOf>
void MergeLoop::run(const MergeOf& merge_of) {
  if (symbols.empty()) return;
  link(merge_of);
  if (symbols.size() <= kScanned) {
    run_scan(merge_of);
  } else if (symbols.size() <= kHeaped) {
    run_heap(merge_of);
  } else {
    run_buckets(merge_of);
  }
}

}  // namespace ttt
