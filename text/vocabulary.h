#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/seeded_hash.h"

namespace ttt {

// Token texts by id and ids by text. Ids may have gaps; memory is in proportion to the tokens, not to the largest id.
class Vocabulary {
 public:
  static constexpr std::int64_t kLargestId = (std::int64_t{1} << 24) - 1;

  struct Token {
    std::string text = {};
    std::int32_t id = -1;
  };

  // Throws Error{kBadData} on an id outside 0 .. kLargestId, or an id or a text that is taken.
  void add(std::string_view token, std::int64_t id, std::string_view where);
  void reserve(std::size_t tokens);

  std::optional<std::int32_t> find(std::string_view token) const;
  // Null when no token has this id.
  const std::string* text_of(std::int64_t id) const;
  std::int64_t count() const { return static_cast<std::int64_t>(tokens_.size()); }  // of tokens
  // One more than the highest id.
  std::int64_t size() const { return size_; }
  std::span<const Token> tokens() const { return tokens_; }  // in the order of add()

 private:
  // Of a table by text or by id; open addressing, at most half full.
  struct Slot {
    std::uint32_t hash = 0;
    std::int32_t token = -1;  // index; -1: free
  };
  using Table = std::vector<Slot>;

  const Slot& slot_of(std::string_view token, std::uint32_t hash) const;
  const Slot& slot_of(std::int32_t id, std::uint32_t hash) const;
  std::uint32_t hash_of(std::string_view token) const { return static_cast<std::uint32_t>(hash_(token)); }
  std::uint32_t hash_of(std::int32_t id) const {
    return static_cast<std::uint32_t>(hash_(std::uint64_t{static_cast<std::uint32_t>(id)}));
  }
  static void put(Table& table, Slot slot);
  void grow(std::size_t capacity);

  SeededHash hash_;
  std::vector<Token> tokens_;
  std::int64_t size_ = 0;
  Table by_text_ = Table(16), by_id_ = Table(16);
};

}  // namespace ttt
