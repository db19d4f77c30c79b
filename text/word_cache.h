#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace ttt {

// The ids of earlier words: a table in which each word has one possible place, where a newer word replaces an older
// one. Words that collide only replace each other, so the hash needs no random seed.
class WordCache {
 public:
  static constexpr std::size_t kLongestWord = 28;  // bytes
  static constexpr std::size_t kMostIds = 8;

  // Appends the ids of `word`; false where they are not known.
  bool find(std::string_view word, std::vector<std::int32_t>& ids) const {
    if (word.size() > kLongestWord || entries_.empty()) return false;
    const Entry& e = entries_[place_of(word)];
    if (e.length != word.size() || std::memcmp(e.word.data(), word.data(), word.size()) != 0) return false;
    ids.insert(ids.end(), e.ids.begin(), e.ids.begin() + e.count);
    return true;
  }

  void keep(std::string_view word, const std::int32_t* ids, std::size_t count) {
    if (word.empty() || word.size() > kLongestWord || count > kMostIds) return;
    if (entries_.empty()) entries_.resize(kPlaces);
    Entry& e = entries_[place_of(word)];
    e.length = static_cast<std::uint8_t>(word.size());
    e.count = static_cast<std::uint8_t>(count);
    std::memcpy(e.word.data(), word.data(), word.size());
    for (std::size_t i = 0; i < count; ++i) e.ids[i] = ids[i];
  }

 private:
  static constexpr std::size_t kPlaces = std::size_t{1} << 14;  // 1 MiB

  struct alignas(64) Entry {
    std::array<std::int32_t, kMostIds> ids{};
    std::array<char, kLongestWord> word{};
    std::uint8_t length = 0;  // 0: free
    std::uint8_t count = 0;
  };

  static std::size_t place_of(std::string_view word) {
    std::uint64_t h = word.size();
    for (std::size_t i = 0; i < word.size(); i += 8) {
      std::uint64_t block = 0;
      std::memcpy(&block, word.data() + i, word.size() - i < 8 ? word.size() - i : 8);
      h = (h ^ block) * 0x9E3779B97F4A7C15u;
      h ^= h >> 29;
    }
    return static_cast<std::size_t>((h * 0xBF58476D1CE4E5B9u) >> 50);
  }

  std::vector<Entry> entries_;  // none before the first word
};

}  // namespace ttt
