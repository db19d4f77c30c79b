#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ttt {

// The precompiled rules by which SentencePiece rewrites text: the bytes of a trie (a double array as Darts-clone lays
// it out, its size in front) and the texts that it leads to, each ended by a zero. Applied as the Hugging Face library
// does: to each grapheme cluster of less than 6 bytes as a whole, then to its characters, taking the shortest rule that
// matches the beginning.
class Charsmap {
 public:
  // Throws Error{kBadData} unless `data` is a map: its trie has whole entries and its texts are UTF-8.
  static Charsmap parse(std::string_view data, std::string_view where);

  // `s` must be valid UTF-8; so is the result.
  std::string run(std::string_view s) const;

 private:
  // The replacement of the rule that `s` begins with.
  std::optional<std::string_view> replacement(std::string_view s) const;
  void index_ascii();

  std::vector<std::uint32_t> trie_;
  std::string texts_;
  std::array<std::int32_t, 128> ascii_{};  // where the text for a character starts, -1: it stays
};

// Bytes of base 64 text with padding (RFC 4648). Throws Error{kBadData}.
std::string decode_base64(std::string_view s, std::string_view where);

}  // namespace ttt
