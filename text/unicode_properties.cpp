#include "text/unicode_properties.h"

#include <algorithm>
#include <array>

#include "text/packed_numbers.h"
#include "text/unicode_tables.h"

namespace ttt {
namespace {

// As tools/make_unicode_tables.py numbers them.
constexpr std::array<std::string_view, 30> kCategories = {"Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd",
                                                          "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm",
                                                          "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Co", "Cs"};
constexpr std::array<std::string_view, 13> kScripts = {"Latin",      "Greek",   "Cyrillic", "Hebrew", "Arabic",
                                                       "Devanagari", "Bengali", "Thai",     "Hangul", "Hiragana",
                                                       "Katakana",   "Han",     "Armenian"};
constexpr std::uint32_t kScriptStep = 32;  // a value of the table is category + 32 * (script + 1), or category

}  // namespace

std::vector<std::pair<char32_t, char32_t>> property_ranges(std::string_view name) {
  std::vector<bool> wanted(kScriptStep * (kScripts.size() + 1));
  for (std::size_t value = 0; value < wanted.size(); ++value) {
    const std::size_t category = value % kScriptStep, script = value / kScriptStep;
    if (category >= kCategories.size()) continue;
    const std::string_view own = kCategories[category];
    wanted[value] =
        name == own || (name.size() == 1 && name[0] == own[0]) || (script > 0 && name == kScripts[script - 1]);
  }
  std::vector<std::pair<char32_t, char32_t>> ranges;
  PackedNumbers packed(unicode_tables::kProperties);
  std::uint32_t count = packed.number();
  std::vector<std::uint32_t> values(packed.number());
  for (auto& value : values) value = packed.number();
  char32_t start = 0;
  bool inside = false;
  const auto close = [&](char32_t next) {
    if (inside && next > start) ranges.emplace_back(start, next - 1);
  };
  for (; count > 0; --count) {
    const char32_t next = start + packed.number();
    close(next);
    start = next;
    inside = wanted[values[packed.number()]];
  }
  close(0x110000);
  return ranges;
}

}  // namespace ttt
