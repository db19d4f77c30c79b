#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/merge_queue.h"
#include "text/space_mark.h"
#include "text/token_model.h"
#include "text/vocabulary.h"

namespace ttt {

// The text of the character that represents a byte in byte-level vocabularies (Radford et al., 2019, GPT-2).
const std::array<std::string, 256>& byte_level_alphabet();
// The byte that a character of that alphabet represents, or -1.
int byte_of_level_char(char32_t c);
// The value of a "<0xHH>" token, or nothing when `token` is not of that form.
std::optional<unsigned char> byte_of_fallback_token(std::string_view token);
std::string fallback_token_of(unsigned char byte);
// Throws Error{kBadData} when a token of `vocabulary` looks like a byte token but names no byte: <0xZZ>, <0x100>.
void check_byte_tokens(const Vocabulary& vocabulary, std::string_view where);

// Where text can be cut before it is merged. A merge makes a token, so none crosses a place between two characters that
// no token has side by side, and the parts between such places can be merged one by one, with the same ids and in
// memory that stays in the cache. In SentencePiece vocabularies U+2581, the mark of a space, is such a place in most
// texts: few tokens have it after another character.
//
// Characters are told apart by the last byte of the first and the first byte of the second, and U+2581 from all others.
class Joints {
 public:
  // Cuts are made before marks and ASCII characters that are tokens, so that neighbouring unknown characters stay
  // together; where unknown characters are dropped, and what was around them may merge, only after such characters too.
  Joints(const Vocabulary& vocabulary, bool drops_unknown);
  // Every token that merging can produce must be shown.
  void look_at(std::string_view token);
  // Calls part(text) for the parts of `word`, in order.
  template <class Part>
  void for_each(std::string_view word, const Part& part) const {
    std::size_t begin = 0;
    while (begin < word.size()) {
      const std::size_t end = next_start(word, begin);
      part(word.substr(begin, end - begin));
      begin = end;
    }
  }

 private:
  static constexpr std::size_t kClasses = 257;  // a byte, or the mark
  static constexpr std::size_t kMarkClass = 256;

  static bool is_mark(std::string_view s, std::size_t at) { return s.substr(at, kSpaceMark.size()) == kSpaceMark; }
  // The place where the next part begins.
  std::size_t next_start(std::string_view word, std::size_t begin) const;
  bool cuts(std::size_t before, std::size_t after) const { return cuts_[before * kClasses + after]; }

  std::vector<bool> cuts_ = std::vector<bool>(kClasses * kClasses);
};

// The tokens of one character.
class CharacterIds {
 public:
  explicit CharacterIds(const Vocabulary& vocabulary);
  std::int32_t find(char32_t c) const {  // -1: none
    if (c < ids_.size()) return ids_[c];
    const auto found = rare_.find(c);
    return found == rare_.end() ? -1 : found->second;
  }

 private:
  std::vector<std::int32_t> ids_;                    // of characters up to U+FFFF
  std::unordered_map<char32_t, std::int32_t> rare_;  // of those above
};

// From pairs of ids to the id that they merge into; open addressing.
class MergeTable {
 public:
  void reserve(std::size_t merges);
  // The last of several entries for one pair is used.
  void set(std::int32_t left, std::int32_t right, Merge merge);
  Merge find(std::int32_t left, std::int32_t right) const {
    const std::uint64_t key = key_of(left, right);
    for (std::size_t i = slot(key);; i = (i + 1) & mask_) {
      if (entries_[i].key == key) return entries_[i].merge;
      if (entries_[i].key == kEmpty) return Merge{};
    }
  }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  struct Entry {
    std::uint64_t key = kEmpty;
    Merge merge;
  };
  static std::uint64_t key_of(std::int32_t left, std::int32_t right) {
    return (std::uint64_t{static_cast<std::uint32_t>(left)} << 32) | static_cast<std::uint32_t>(right);
  }
  std::size_t slot(std::uint64_t key) const { return static_cast<std::size_t>(hash_(key) & mask_); }

  SeededHash hash_;
  std::vector<Entry> entries_ = std::vector<Entry>(2);
  std::size_t mask_ = 1;
};

// Byte pair encoding with a list of merges, as the "BPE" model of a tokenizer.json.
class BpeModel : public TokenModel {
 public:
  struct Options {
    bool byte_level = false;              // words are bytes, spelled with byte_level_alphabet() in the vocabulary
    bool byte_fallback = false;           // an unknown character becomes its <0xHH> tokens when all of them exist
    bool fuse_unknown = false;            // neighbouring unknown characters become one unknown token
    bool ignore_merges = false;           // a word that is a token is that token
    bool unknown_parts = false;           // the neighbours of an unknown character that is dropped do not merge
    std::optional<std::int32_t> unknown;  // without it unknown characters are dropped
    std::string prefix;  // of a token that does not start a word; dropped when it is merged to the left
    std::string suffix;  // of a token that ends a word
  };
  using Pair = std::pair<std::string, std::string>;

  // `vocabulary` must outlive the model. Throws Error{kBadData} naming a merge if a part or the result is not a
  // token, or if a part is empty.
  BpeModel(const Vocabulary& vocabulary, const std::vector<Pair>& merges, const Options& options,
           std::string_view where);

  void encode(std::string_view word, ModelScratch& scratch, std::vector<std::int32_t>& ids) const override;

 private:
  bool affixed() const { return !options_.prefix.empty() || !options_.suffix.empty(); }
  void add_merges(const std::vector<Pair>& merges, std::string_view where);
  void encode_part(std::string_view part, MergeLoop& loop, std::vector<std::int32_t>& ids) const;
  std::int32_t id_of_character(std::string_view s, char32_t c) const;
  std::string_view spelling(std::string_view s) const;
  void start_affixed(std::string_view word, std::vector<Symbol>& symbols) const;
  void add_unknown(std::string_view spelled, std::vector<Symbol>& symbols, bool& pending) const;
  void start(std::string_view word, std::vector<Symbol>& symbols) const;
  void add_symbol(std::int32_t id, std::vector<Symbol>& symbols, bool& pending) const;
  bool encode_whole(std::string_view word, std::vector<std::int32_t>& ids) const;

  const Vocabulary& vocabulary_;
  Options options_;
  Joints joints_;
  MergeTable merges_;
  CharacterIds characters_;
  std::array<std::int32_t, 256> byte_ids_{};      // of byte-level characters, -1: none
  std::array<std::int32_t, 256> fallback_ids_{};  // of <0xHH>, -1: none
};

// SentencePiece's byte pair encoding without a merge list, as GGUF files of the "llama" tokenizer model describe it:
// neighbours merge when their joined text is a token, highest score first (Kudo and Richardson, 2018,
// arXiv:1808.06226). Characters that are not tokens become their <0xHH> tokens, or the unknown token where one of those
// is missing.
class ScoredBpeModel : public TokenModel {
 public:
  // `scores` by id. `vocabulary` must outlive the model.
  ScoredBpeModel(const Vocabulary& vocabulary, const std::vector<float>& scores, std::optional<std::int32_t> unknown);

  void encode(std::string_view word, ModelScratch& scratch, std::vector<std::int32_t>& ids) const override;

 private:
  void encode_part(std::string_view part, ModelScratch& scratch, std::vector<std::int32_t>& ids) const;

  const Vocabulary& vocabulary_;
  Joints joints_;
  CharacterIds characters_;
  std::vector<std::uint32_t> ranks_;  // of each id: scores from high to low, equal ones share a rank
  std::size_t longest_ = 0;           // token, in bytes
  std::array<std::int32_t, 256> fallback_ids_{};
  std::optional<std::int32_t> unknown_;
};

}  // namespace ttt
