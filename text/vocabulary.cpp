#include "text/vocabulary.h"

#include <algorithm>

#include "base/error.h"

namespace ttt {

// Merging by score looks up every pair of neighbours by text, most of them in vain, so this is the inner loop of such
// models: the hash in the table settles most misses without touching a token.
const Vocabulary::Slot& Vocabulary::slot_of(std::string_view token, std::uint32_t hash) const {
  const std::size_t mask = by_text_.size() - 1;
  for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot& slot = by_text_[i];
    if (slot.token < 0) return slot;
    if (slot.hash == hash && tokens_[static_cast<std::size_t>(slot.token)].text == token) return slot;
  }
}

const Vocabulary::Slot& Vocabulary::slot_of(std::int32_t id, std::uint32_t hash) const {
  const std::size_t mask = by_id_.size() - 1;
  for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot& slot = by_id_[i];
    if (slot.token < 0 || tokens_[static_cast<std::size_t>(slot.token)].id == id) return slot;
  }
}

void Vocabulary::put(Table& table, Slot slot) {
  const std::size_t mask = table.size() - 1;
  std::size_t i = slot.hash & mask;
  while (table[i].token >= 0) i = (i + 1) & mask;
  table[i] = slot;
}

void Vocabulary::grow(std::size_t capacity) {
  for (Table* table : {&by_text_, &by_id_}) {
    Table old(capacity);
    old.swap(*table);
    for (const Slot& slot : old) {
      if (slot.token >= 0) put(*table, slot);
    }
  }
}

void Vocabulary::reserve(std::size_t tokens) {
  std::size_t capacity = by_text_.size();
  while (capacity < 2 * tokens) capacity *= 2;
  if (capacity > by_text_.size()) grow(capacity);
  tokens_.reserve(tokens);
}

void Vocabulary::add(std::string_view token, std::int64_t id, std::string_view where) {
  constexpr std::size_t kShown = 100;
  require(id >= 0 && id <= kLargestId, ErrorKind::kBadData, where, ": token \"", token.substr(0, kShown),
          "\" wanted an id from 0 to ", kLargestId, ", got ", id);
  if (2 * (tokens_.size() + 1) > by_text_.size()) grow(2 * by_text_.size());
  const auto narrow = static_cast<std::int32_t>(id);
  const std::uint32_t text_hash = hash_of(token), id_hash = hash_of(narrow);
  const Slot &same_text = slot_of(token, text_hash), &same_id = slot_of(narrow, id_hash);
  const auto taken = [&](const Slot& slot) -> const Token& { return tokens_[static_cast<std::size_t>(slot.token)]; };
  require(same_text.token < 0, ErrorKind::kBadData, where, ": token \"", token.substr(0, kShown),
          "\" is there twice, with ids ", same_text.token < 0 ? -1 : taken(same_text).id, " and ", id);
  require(same_id.token < 0, ErrorKind::kBadData, where, ": id ", id, " belongs to \"",
          same_id.token < 0 ? std::string() : taken(same_id).text.substr(0, kShown), "\" and to \"",
          token.substr(0, kShown), "\"");
  const auto index = static_cast<std::int32_t>(tokens_.size());
  tokens_.push_back({std::string(token), narrow});
  size_ = std::max(size_, id + 1);
  put(by_text_, {text_hash, index});
  put(by_id_, {id_hash, index});
}

std::optional<std::int32_t> Vocabulary::find(std::string_view token) const {
  const Slot& slot = slot_of(token, hash_of(token));
  if (slot.token < 0) return std::nullopt;
  return tokens_[static_cast<std::size_t>(slot.token)].id;
}

const std::string* Vocabulary::text_of(std::int64_t id) const {
  if (id < 0 || id >= size_) return nullptr;
  const auto narrow = static_cast<std::int32_t>(id);
  const Slot& slot = slot_of(narrow, hash_of(narrow));
  return slot.token < 0 ? nullptr : &tokens_[static_cast<std::size_t>(slot.token)].text;
}

}  // namespace ttt
