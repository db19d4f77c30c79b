#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "text/merge_queue.h"

namespace ttt {

// What pairs of tokens merge into: a table in which each pair has one possible place, where a newer pair replaces an
// older one. Pairs that collide only replace each other, so the hash needs no random seed.
class PairCache {
 public:
  // The merge of two ids, which are not negative; look_up() gives it where it is not known.
  template <class LookUp>
  Merge find(std::int32_t left, std::int32_t right, const LookUp& look_up) {
    if (entries_.empty()) entries_.resize(kPlaces);
    const std::uint64_t key =
        (std::uint64_t{static_cast<std::uint32_t>(left)} << 32) | static_cast<std::uint32_t>(right);
    Entry& e = entries_[static_cast<std::size_t>((key * 0x9E3779B97F4A7C15u) >> (64 - kBits))];
    if (e.key != key) e = {.key = key, .merge = look_up()};
    return e.merge;
  }

 private:
  static constexpr unsigned kBits = 15;
  static constexpr std::size_t kPlaces = std::size_t{1} << kBits;  // 512 KiB

  struct Entry {
    std::uint64_t key = ~std::uint64_t{0};
    Merge merge = {};
  };
  std::vector<Entry> entries_;  // none before the first pair
};

}  // namespace ttt
