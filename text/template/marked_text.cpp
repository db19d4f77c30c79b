#include "text/template/marked_text.h"

#include <algorithm>
#include <span>
#include <vector>

#include "base/utf8.h"
#include "text/template/case_tables.h"
#include "text/utf8_filter.h"

namespace ttt::jinja {
namespace {

using case_tables::Mapping;
using case_tables::Range;

// The range that holds the character, or null.
const Range* range_of(const Range* ranges, std::size_t count, char32_t c) {
  c = plain(c);
  const std::span<const Range> all(ranges, count);
  const auto after =
      std::upper_bound(all.begin(), all.end(), c, [](char32_t v, const Range& r) { return v < r.first; });
  return after != all.begin() && c <= std::prev(after)->last ? &*std::prev(after) : nullptr;
}

bool within(const Range* ranges, std::size_t count, char32_t c) { return range_of(ranges, count, c) != nullptr; }

void append_mapped(Text& out, char32_t c, const Mapping* mappings, std::size_t count) {
  const std::span<const Mapping> all(mappings, count);
  const auto at =
      std::lower_bound(all.begin(), all.end(), plain(c), [](const Mapping& m, char32_t v) { return m.from < v; });
  if (at == all.end() || at->from != plain(c)) {
    out.push_back(c);
    return;
  }
  for (const char32_t to : at->to) {
    if (to != 0) out.push_back(to | mark_of(c));
  }
}

void append_lower(Text& out, char32_t c) { append_mapped(out, c, case_tables::kLower, case_tables::kLowerCount); }
void append_upper(Text& out, char32_t c) { append_mapped(out, c, case_tables::kUpper, case_tables::kUpperCount); }
void append_title(Text& out, char32_t c) { append_mapped(out, c, case_tables::kTitle, case_tables::kTitleCount); }

// The first or last place of `part` in [from, end), in linear time (Knuth, Morris, Pratt, SIAM J. Comput. 6(2), 1977).
std::size_t search(const Text& text, const Text& part, std::size_t from, std::size_t end, bool last) {
  end = std::min(end, text.size());
  if (from > end || part.size() > end - from) return Text::npos;
  if (part.empty()) return last ? end : from;
  std::vector<std::size_t> border(part.size() + 1, 0);  // of every prefix: the longest that is a suffix of it, too
  for (std::size_t i = 1, k = 0; i < part.size(); ++i) {
    while (k > 0 && plain(part[i]) != plain(part[k])) k = border[k];
    k += plain(part[i]) == plain(part[k]);
    border[i + 1] = k;
  }
  std::size_t found = Text::npos;
  for (std::size_t i = from, k = 0; i < end; ++i) {
    while (k > 0 && plain(text[i]) != plain(part[k])) k = border[k];
    k += plain(text[i]) == plain(part[k]);
    if (k < part.size()) continue;
    found = i + 1 - k;
    if (!last) break;
    k = border[k];
  }
  return found;
}

bool same_at(const Text& text, std::size_t at, const Text& part) {
  return std::equal(part.begin(), part.end(), text.begin() + static_cast<std::ptrdiff_t>(at),
                    [](char32_t a, char32_t b) { return plain(a) == plain(b); });
}

}  // namespace

Text to_text(std::string_view utf8, bool from_input) {
  const std::string valid = valid_utf8(utf8);
  const char32_t mark = from_input ? kFromInput : 0;
  Text out;
  out.reserve(valid.size());
  for (std::size_t i = 0; i < valid.size(); i += utf8_step(valid[i]))
    out.push_back(utf8_decode(valid.data() + i) | mark);
  return out;
}

std::string to_utf8(const Text& text) {
  std::string out;
  out.reserve(text.size());
  for (const char32_t c : text) append_utf8(out, plain(c));
  return out;
}

int compare(const Text& a, const Text& b) {
  const std::size_t n = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < n; ++i) {
    if (plain(a[i]) != plain(b[i])) return plain(a[i]) < plain(b[i]) ? -1 : 1;
  }
  return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
}

bool equal(const Text& a, std::string_view ascii) {
  return a.size() == ascii.size() && std::equal(a.begin(), a.end(), ascii.begin(), [](char32_t x, char y) {
           return plain(x) == static_cast<unsigned char>(y);
         });
}

std::size_t find(const Text& text, const Text& part, std::size_t from, std::size_t end) {
  return search(text, part, from, end, false);
}

std::size_t find_last(const Text& text, const Text& part, std::size_t from, std::size_t end) {
  return search(text, part, from, end, true);
}

bool starts_with(const Text& text, const Text& part) { return part.size() <= text.size() && same_at(text, 0, part); }
bool ends_with(const Text& text, const Text& part) {
  return part.size() <= text.size() && same_at(text, text.size() - part.size(), part);
}

bool is_space(char32_t c) { return within(case_tables::kSpace, case_tables::kSpaceCount, c); }
bool is_line_end(char32_t c) {
  c = plain(c);
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}
bool is_letter(char32_t c) { return within(case_tables::kLetter, case_tables::kLetterCount, c); }
bool is_decimal(char32_t c) { return within(case_tables::kDecimal, case_tables::kDecimalCount, c); }
// Digits stand in groups of ten, which may follow each other.
int decimal_value(char32_t c) {
  const Range* r = range_of(case_tables::kDecimal, case_tables::kDecimalCount, c);
  return r == nullptr ? -1 : static_cast<int>((plain(c) - r->first) % 10);
}
bool is_word(char32_t c) { return is_letter(c) || is_numeric(c) || plain(c) == '_'; }
bool is_digit(char32_t c) { return within(case_tables::kDigit, case_tables::kDigitCount, c); }
bool is_numeric(char32_t c) { return within(case_tables::kNumeric, case_tables::kNumericCount, c); }
bool is_upper(char32_t c) { return within(case_tables::kUpperCase, case_tables::kUpperCaseCount, c); }
bool is_lower(char32_t c) { return within(case_tables::kLowerCase, case_tables::kLowerCaseCount, c); }
bool is_printable(char32_t c) { return !within(case_tables::kUnprintable, case_tables::kUnprintableCount, c); }

Text lower(const Text& text) {
  Text out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    // The final form of sigma: after a cased letter and before none. (Characters that case rules skip are not looked
    // past.)
    constexpr char32_t kSigma = 0x3A3, kFinalSigma = 0x3C2;
    const auto cased = [&](std::size_t at) { return is_upper(text[at]) || is_lower(text[at]); };
    if (plain(text[i]) == kSigma && i > 0 && cased(i - 1) && (i + 1 == text.size() || !cased(i + 1))) {
      out.push_back(kFinalSigma | mark_of(text[i]));
    } else {
      append_lower(out, text[i]);
    }
  }
  return out;
}

// The lower case of the upper case, with the exceptions of Unicode's full case folding: the dotless i stays, the
// capital sharp s becomes two letters, and Cherokee folds to upper case.
Text fold(const Text& text) {
  Text out;
  out.reserve(text.size());
  for (const char32_t c : text) {
    const char32_t p = plain(c);
    Text big;
    append_upper(big, c);
    if (p == 0x131 || (p >= 0x13A0 && p <= 0x13F5)) {
      out.push_back(c);
    } else if ((p >= 0x13F8 && p <= 0x13FD) || (p >= 0xAB70 && p <= 0xABBF)) {
      out += big;
    } else if (p == 0x1E9E) {
      out.append(2, U's' | mark_of(c));
    } else {
      for (const char32_t b : big) append_lower(out, b);
    }
  }
  return out;
}

Text upper(const Text& text) {
  Text out;
  out.reserve(text.size());
  for (const char32_t c : text) append_upper(out, c);
  return out;
}

Text title(const Text& text) {
  Text out;
  out.reserve(text.size());
  bool inside = false;
  for (const char32_t c : text) {
    inside ? append_lower(out, c) : append_title(out, c);
    inside = is_upper(c) || is_lower(c) || (plain(c) >= 0x1C5 && plain(c) <= 0x1F2 && is_letter(c));
  }
  return out;
}

Text capitalize(const Text& text) {
  if (text.empty()) return text;
  Text out;
  append_title(out, text[0]);
  return out + lower(text.substr(1));
}

Text swap_case(const Text& text) {
  Text out;
  out.reserve(text.size());
  for (const char32_t c : text) is_upper(c) ? append_lower(out, c) : append_upper(out, c);
  return out;
}

Text strip(const Text& text, const Text* chars, bool left, bool right) {
  Text set;
  for (const char32_t c : chars == nullptr ? Text() : *chars) set.push_back(plain(c));
  std::sort(set.begin(), set.end());
  const auto goes = [&](char32_t c) {
    return chars == nullptr ? is_space(c) : std::binary_search(set.begin(), set.end(), plain(c));
  };
  std::size_t begin = 0, end = text.size();
  while (left && begin < end && goes(text[begin])) ++begin;
  while (right && begin < end && goes(text[end - 1])) --end;
  return text.substr(begin, end - begin);
}

Text replace(const Text& text, const Text& part, const Text& by, long long count) {
  Text out;
  std::size_t from = 0;
  if (part.empty()) {  // between all characters and at both ends
    for (; from < text.size() && count != 0; ++from, --count) out.append(by).push_back(text[from]);
    out.append(text, from);
    if (count != 0) out.append(by);
    return out;
  }
  for (; count != 0; --count) {
    const std::size_t at = find(text, part, from);
    if (at == Text::npos) break;
    out.append(text, from, at - from).append(by);
    from = at + part.size();
  }
  return out.append(text, from);
}

}  // namespace ttt::jinja
