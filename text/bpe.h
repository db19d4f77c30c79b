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

// In SentencePiece vocabularies, tokens seldom have U+2581 (the mark of a space) after another character, and only
// after a few characters. After all others no merge crosses the start of a run of marks, so the text between such
// starts can be merged part by part, with the same ids and in memory that stays in the cache.
class MarkedWords {
 public:
  // Requires marks to be known characters, so that unknown ones are not joined across a start.
  explicit MarkedWords(const Vocabulary& vocabulary) : splits_(vocabulary.find(kMark).has_value()) {}
  // Every token that merging can produce must be shown.
  void look_at(std::string_view token);
  // Calls part(begin, end) for the parts of `word`, in order; a single one if it cannot be divided.
  template <class Part>
  void for_each(std::string_view word, const Part& part) const {
    std::size_t begin = 0;
    while (begin < word.size()) {
      const std::size_t end = splits_ ? next_start(word, begin) : word.size();
      part(word.substr(begin, end - begin));
      begin = end;
    }
  }

 private:
  static constexpr std::string_view kMark = "\xE2\x96\x81";
  // The next run of marks that starts a part.
  std::size_t next_start(std::string_view word, std::size_t begin) const;

  bool splits_;
  std::array<bool, 256> joined_{};  // last bytes of characters before a mark in a token
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
  void index_characters();
  std::int32_t id_of_character(std::string_view s, char32_t c) const;
  std::string_view spelling(std::string_view s) const;
  void start_affixed(std::string_view word, std::vector<Symbol>& symbols) const;
  void add_unknown(std::string_view spelled, std::vector<Symbol>& symbols, bool& pending) const;
  void start(std::string_view word, std::vector<Symbol>& symbols) const;
  void add_symbol(std::int32_t id, std::vector<Symbol>& symbols, bool& pending) const;
  bool encode_whole(std::string_view word, std::vector<std::int32_t>& ids) const;

  const Vocabulary& vocabulary_;
  Options options_;
  MarkedWords marked_words_;
  MergeTable merges_;
  std::array<std::int32_t, 256> byte_ids_{};             // of byte-level characters, -1: none
  std::array<std::int32_t, 256> fallback_ids_{};         // of <0xHH>, -1: none
  std::vector<std::int32_t> character_ids_;              // of characters up to U+FFFF, -1: none
  std::unordered_map<char32_t, std::int32_t> rare_ids_;  // of those above
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
  void encode_part(std::string_view part, MergeLoop& loop, std::vector<std::int32_t>& ids) const;

  const Vocabulary& vocabulary_;
  MarkedWords marked_words_;
  std::vector<std::uint32_t> ranks_;  // of each id: scores from high to low, equal ones share a rank
  std::size_t longest_ = 0;           // token, in bytes
  std::array<std::int32_t, 256> fallback_ids_{};
  std::optional<std::int32_t> unknown_;
};

}  // namespace ttt
