#include "text/vocabulary.h"

#include <cstring>

#include "base/error.h"

namespace ttt {
namespace {

// Merging by score looks up every pair of neighbours by text, most of them in vain, so this is the inner loop of such
// models: eight bytes per multiplication, and a table that settles most misses without touching a token.
std::uint32_t hash_of(std::string_view s) {
  constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15u;
  std::uint64_t h = s.size() * kFactor;
  while (!s.empty()) {
    std::uint64_t block = 0;
    const std::size_t n = s.size() < 8 ? s.size() : 8;
    std::memcpy(&block, s.data(), n);
    s.remove_prefix(n);
    h = (h ^ block) * kFactor;
    h ^= h >> 32;
  }
  h *= kFactor;
  return static_cast<std::uint32_t>(h >> 32);
}

}  // namespace

std::size_t Vocabulary::slot_of(std::string_view token, std::uint32_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.id < 0) return i;
    if (slot.hash == hash && *tokens_[static_cast<std::size_t>(slot.id)] == token) return i;
  }
}

void Vocabulary::grow(std::size_t capacity) {
  std::vector<Slot> old(capacity);
  old.swap(slots_);
  const std::size_t mask = capacity - 1;
  for (const Slot& slot : old) {
    if (slot.id < 0) continue;
    std::size_t i = slot.hash & mask;
    while (slots_[i].id >= 0) i = (i + 1) & mask;
    slots_[i] = slot;
  }
}

void Vocabulary::reserve(std::size_t tokens) {
  std::size_t capacity = slots_.size();
  while (capacity < 2 * tokens) capacity *= 2;
  if (capacity > slots_.size()) grow(capacity);
  tokens_.reserve(tokens);
}

void Vocabulary::add(std::string_view token, std::int64_t id, std::string_view where) {
  constexpr std::size_t kShown = 100;
  require(id >= 0 && id <= kLargestId, ErrorKind::kBadData, where, ": token \"", token.substr(0, kShown),
          "\" wanted an id from 0 to ", kLargestId, ", got ", id);
  if (2 * (count_ + 1) > slots_.size()) grow(2 * slots_.size());
  const std::uint32_t hash = hash_of(token);
  Slot& slot = slots_[slot_of(token, hash)];
  require(slot.id < 0, ErrorKind::kBadData, where, ": token \"", token.substr(0, kShown),
          "\" is there twice, with ids ", slot.id, " and ", id);
  const auto index = static_cast<std::size_t>(id);
  if (index >= tokens_.size()) tokens_.resize(index + 1);
  require(!tokens_[index].has_value(), ErrorKind::kBadData, where, ": id ", id, " belongs to \"",
          tokens_[index].value_or("").substr(0, kShown), "\" and to \"", token.substr(0, kShown), "\"");
  tokens_[index] = std::string(token);
  slot = Slot{hash, static_cast<std::int32_t>(id)};
  ++count_;
}

std::optional<std::int32_t> Vocabulary::find(std::string_view token) const {
  const std::int32_t id = slots_[slot_of(token, hash_of(token))].id;
  if (id < 0) return std::nullopt;
  return id;
}

const std::string* Vocabulary::text_of(std::int64_t id) const {
  if (id < 0 || id >= size()) return nullptr;
  const auto& token = tokens_[static_cast<std::size_t>(id)];
  return token.has_value() ? &*token : nullptr;
}

}  // namespace ttt
