#include "text/bert_text.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/utf8.h"
#include "text/unicode.h"

namespace ttt {
namespace {

// Blocks of ideographs, which words are not made of by spaces.
bool is_chinese(char32_t c) {
  constexpr std::pair<char32_t, char32_t> kBlocks[] = {{0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF},
                                                       {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF},
                                                       {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};
  return std::ranges::any_of(kBlocks, [c](const auto& block) { return c >= block.first && c <= block.second; });
}

std::string without(std::string_view s, unsigned classes) {
  const Unicode& unicode = Unicode::tables();
  std::string out;
  out.reserve(s.size());
  for (std::size_t i = 0; i < s.size(); i += utf8_step(s[i])) {
    if (!unicode.is(utf8_decode(s.data() + i), classes)) out.append(s, i, utf8_step(s[i]));
  }
  return out;
}

}  // namespace

bool BertText::clean_and_space(std::string_view s, std::string& out) const {
  const Unicode& unicode = Unicode::tables();
  // What an ASCII character becomes; 0: it goes.
  std::array<char, 128> ascii{};
  for (std::size_t c = 1; c < ascii.size(); ++c) {
    const auto point = static_cast<char32_t>(c);
    ascii[c] = static_cast<char>(c);
    if (clean && unicode.is(point, kControl)) {
      ascii[c] = 0;
    } else if (clean && unicode.is(point, kStripSpace)) {
      ascii[c] = ' ';
    } else if (lowercase && c >= 'A' && c <= 'Z') {
      ascii[c] = static_cast<char>(c - 'A' + 'a');
    }
  }
  out.reserve(s.size() + s.size() / 8);
  bool all_ascii = true;
  for (std::size_t i = 0; i < s.size();) {
    const auto lead = static_cast<unsigned char>(s[i]);
    if (lead < 0x80) {
      if (ascii[lead] != 0 || !clean) out.push_back(ascii[lead]);
      ++i;
      continue;
    }
    const char32_t c = utf8_decode(s.data() + i);
    const std::string_view character = s.substr(i, utf8_step(s[i]));
    i += character.size();
    if (clean && unicode.is(c, kControl)) continue;
    if (clean && unicode.is(c, kStripSpace)) {
      out.push_back(' ');
      continue;
    }
    all_ascii = false;
    const bool spaced = space_chinese && is_chinese(c);
    if (spaced) out.push_back(' ');
    out += character;
    if (spaced) out.push_back(' ');
  }
  return all_ascii;
}

bool BertText::drops_first(std::string_view s) const {
  if (s.empty()) return false;
  const unsigned gone = (clean ? kControl : 0U) | (strip_accents ? kNonSpacingMark : 0U);
  return Unicode::tables().is(utf8_decode(s.data()), gone);
}

std::string BertText::run(std::string_view s) const {
  std::string out;
  if (clean_and_space(s, out)) return out;
  const Unicode& unicode = Unicode::tables();
  if (strip_accents) out = without(unicode.normalize(out, NormalForm::kNfd), kNonSpacingMark);
  return lowercase ? unicode.lowercase(out) : out;
}

}  // namespace ttt
