#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ttt {

// Properties of a code point as a bit set. The first fourteen come from the generated tables, in this order.
enum CharClass : std::uint32_t {
  kLetter = 1 << 0,            // \p{L}
  kNumber = 1 << 1,            // \p{N}
  kSpace = 1 << 2,             // \s of patterns
  kMark = 1 << 3,              // \p{M}
  kNotLower = 1 << 4,          // [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]
  kNotUpper = 1 << 5,          // [\p{Ll}\p{Lm}\p{Lo}\p{M}]
  kPunctuation = 1 << 6,       // of the Punctuation pre-tokenizer
  kDigit = 1 << 7,             // of the Digits pre-tokenizer
  kStripSpace = 1 << 8,        // white space of Strip, WhitespaceSplit and added tokens
  kWord = 1 << 9,              // \w
  kAccent = 1 << 10,           // dropped by StripAccents
  kPunctuationMark = 1 << 11,  // \p{P}
  kControl = 1 << 12,          // dropped by BertNormalizer
  kNonSpacingMark = 1 << 13,   // dropped by BertNormalizer once it is apart from its base
  kUnsettledNfd = 1 << 14,     // may change under that normalisation, alone or next to others
  kUnsettledNfkd = 1 << 15,
  kUnsettledNfc = 1 << 16,
  kUnsettledNfkc = 1 << 17,
};

enum class NormalForm { kNfd, kNfkd, kNfc, kNfkc };

// Unicode character data, unpacked once from text/unicode_tables.cpp, whose header names the versions.
class Unicode {
 public:
  static const Unicode& tables();

  // Bits of CharClass. Any value is allowed; beyond U+10FFFF there are none.
  unsigned classes(char32_t c) const {
    return c < kCodePoints ? pages_[std::size_t{index_[c >> 8]} * 256 + (c & 255)] : 0;
  }
  bool is(char32_t c, unsigned any_of) const { return (classes(c) & any_of) != 0; }

  // Characters whose lower case is another single character, with it.
  std::vector<std::pair<char32_t, char32_t>> lowercase_pairs() const;

  // Unicode Standard Annex 15. `s` must be valid UTF-8. Linear but for sorting runs of combining marks.
  std::string normalize(std::string_view s, NormalForm form) const;
  // Each code point by itself (no final sigma). `s` must be valid UTF-8.
  std::string lowercase(std::string_view s) const;

 private:
  static constexpr char32_t kCodePoints = 0x110000;
  struct Slice {
    std::uint32_t start;
    std::uint32_t length;
  };
  using Mapping = std::unordered_map<char32_t, Slice>;

  Unicode();
  void unpack_classes();
  void unpack_strings(std::string_view packed, Mapping& into);
  void mark(char32_t c, unsigned bits);
  void mark_unsettled();
  std::uint8_t combining_class(char32_t c) const;
  void decompose(char32_t c, bool compatible, std::u32string& out) const;
  void reorder(std::u32string& s) const;
  char32_t composite(char32_t first, char32_t second) const;  // 0 when there is none
  void compose(std::u32string& s) const;
  void normalize_slowly(std::string_view s, NormalForm form, std::string& out) const;

  std::array<std::uint16_t, kCodePoints / 256> index_{};
  std::vector<std::uint32_t> pages_;
  std::u32string strings_;
  Mapping canonical_;
  Mapping compatible_;
  Mapping lowercase_;
  std::unordered_map<char32_t, std::uint8_t> combining_;
  std::unordered_map<std::uint64_t, char32_t> composites_;
};

}  // namespace ttt
