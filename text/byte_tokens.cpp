#include <charconv>

#include "base/error.h"
#include "base/utf8.h"
#include "text/bpe.h"

namespace ttt {
namespace {

// Printable bytes of Latin-1 stand for themselves; the others follow from U+0100 on.
struct ByteLevelTable {
  std::array<std::string, 256> spelling;
  std::array<int, 0x180> byte_of;

  ByteLevelTable() {
    byte_of.fill(-1);
    char32_t next = 0x100;
    for (std::size_t b = 0; b < 256; ++b) {
      const bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      const char32_t c = printable ? static_cast<char32_t>(b) : next++;
      append_utf8(spelling[b], c);
      byte_of[c] = static_cast<int>(b);
    }
  }
};

const ByteLevelTable& byte_level_table() {
  static const ByteLevelTable table;
  return table;
}

}  // namespace

const std::array<std::string, 256>& byte_level_alphabet() { return byte_level_table().spelling; }

int byte_of_level_char(char32_t c) { return c < 0x180 ? byte_level_table().byte_of[c] : -1; }

std::optional<unsigned char> byte_of_fallback_token(std::string_view token) {
  if (token.size() != 6 || token.substr(0, 3) != "<0x" || token[5] != '>') return std::nullopt;
  unsigned value = 0;
  const auto read = std::from_chars(token.data() + 3, token.data() + 5, value, 16);
  if (read.ec != std::errc{} || read.ptr != token.data() + 5) return std::nullopt;
  return static_cast<unsigned char>(value);
}

std::string fallback_token_of(unsigned char byte) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  return text("<0x", kHex[byte >> 4], kHex[byte & 15], ">");
}

void check_byte_tokens(const Vocabulary& vocabulary, std::string_view where) {
  for (const auto& [token, id] : vocabulary.tokens()) {
    if (!token.starts_with("<0x") || token.size() > 12 || !token.ends_with('>')) continue;
    require(byte_of_fallback_token(token).has_value(), ErrorKind::kBadData, where, ": token ", id, " \"", token,
            "\" names no byte");
  }
}

}  // namespace ttt
