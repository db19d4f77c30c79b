#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ttt {

// Token texts by id and ids by text. Ids may have gaps.
class Vocabulary {
 public:
  static constexpr std::int64_t kLargestId = (std::int64_t{1} << 24) - 1;

  // Throws Error{kBadData} on an id outside 0 .. kLargestId, or an id or a text that is taken.
  void add(std::string_view token, std::int64_t id, std::string_view where);
  void reserve(std::size_t tokens);

  std::optional<std::int32_t> find(std::string_view token) const;
  // Null when no token has this id.
  const std::string* text_of(std::int64_t id) const;
  std::int64_t count() const { return static_cast<std::int64_t>(count_); }  // of tokens
  // One more than the highest id.
  std::int64_t size() const { return static_cast<std::int64_t>(tokens_.size()); }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::int32_t id = -1;  // -1: free
  };

  // Where `token` is, or the free slot that ends the search for it.
  std::size_t slot_of(std::string_view token, std::uint32_t hash) const;
  void grow(std::size_t capacity);

  std::vector<std::optional<std::string>> tokens_;
  std::size_t count_ = 0;
  std::vector<Slot> slots_ = std::vector<Slot>(16);  // open addressing, at most half full
};

}  // namespace ttt
