#include "text/regex_sets.h"

#include <optional>
#include <string_view>
#include <utility>

#include "base/digits.h"
#include "text/unicode.h"

namespace ttt {
namespace {

// \p{Lu}, \p{^Lu}, \pL; at the p.
CharSet property(RegexSource& source, bool negative) {
  source.skip(1);
  std::string_view name;
  if (source.take("{")) {
    if (source.take("^")) negative = !negative;
    const std::size_t end = source.rest().find('}');
    if (end == std::string_view::npos) source.refuse("a property is not closed");
    name = source.rest().substr(0, end);
    source.skip(end + 1);
  } else {
    name = source.rest().substr(0, 1);
    source.skip(name.size());
  }
  CharSet set = CharSet::property(name);
  if (set.empty()) source.refuse(text("the property ", name, " is not known"));
  if (negative) set.invert();
  return set;
}

// \x41, \x{1F600}, \u00e9; at the letter.
char32_t hexadecimal(RegexSource& source) {
  const std::size_t fixed = source.starts("x") ? 2 : 4;
  source.skip(1);
  const bool braces = source.take("{");
  char32_t c = 0;
  std::size_t digits = 0;
  for (; !source.at_end() && (braces ? !source.starts("}") : digits < fixed); ++digits, source.skip(1)) {
    const int v = hexadecimal_digit(source.rest()[0]);
    if (v < 0 || c > 0xFFFFFF) source.refuse("a hexadecimal number is wanted");
    c = c * 16 + static_cast<char32_t>(v);
  }
  if (digits == 0 || (braces && !source.take("}")) || c > CharSet::kLast)
    source.refuse("a hexadecimal number is wanted");
  return c;
}

// At the hyphen.
void range(RegexSource& source, CharSet& set, char32_t first) {
  source.take("-");
  char32_t last = 0;
  if (source.take("\\")) {
    last = read_escape(source).first();
  } else {
    last = source.character();
  }
  if (last < first) source.refuse("a range that goes down");
  set.add(CharSet::range(first, last));
}

void member(RegexSource& source, bool ignore_case, CharSet& set) {
  if (source.take("[")) return set.add(read_character_class(source, ignore_case));
  const bool escaped = source.take("\\");
  if (escaped) {
    const bool several =
        !source.at_end() && std::string_view("dDsSwWpP").find(source.rest()[0]) != std::string_view::npos;
    CharSet one = read_escape(source);
    if (several || !source.starts("-") || source.starts("-]")) return set.add(one);
    return range(source, set, one.first());
  }
  const char32_t c = source.character();
  if (!source.starts("-") || source.starts("-]")) return set.add(CharSet::of(c));
  range(source, set, c);
}

}  // namespace

CharSet read_escape(RegexSource& source) {
  if (source.at_end()) source.refuse("an escape is missing");
  const char c = source.rest()[0];
  CharSet set;
  switch (c) {
    case 'd':
    case 'D':
      set = CharSet::property("Nd");
      break;
    case 's':
    case 'S':
      set = CharSet::with_classes(kSpace);
      break;
    case 'w':
    case 'W':
      set = CharSet::with_classes(kWord);
      break;
    case 'p':
    case 'P':
      return property(source, c == 'P');
    case 'n':
      set = CharSet::of('\n');
      break;
    case 'r':
      set = CharSet::of('\r');
      break;
    case 't':
      set = CharSet::of('\t');
      break;
    case 'f':
      set = CharSet::of('\f');
      break;
    case 'v':
      set = CharSet::of('\v');
      break;
    case 'x':
    case 'u':
      return CharSet::of(hexadecimal(source));
    default: {
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      if (letter) source.refuse("an escape that is not known");
      return CharSet::of(source.character());
    }
  }
  source.skip(1);
  if (c == 'D' || c == 'S' || c == 'W') set.invert();
  return set;
}

CharSet read_character_class(RegexSource& source, bool ignore_case) {
  source.enter();
  if (source.starts(":")) source.refuse("a POSIX class");
  const bool negative = source.take("^");
  CharSet set;
  std::optional<CharSet> narrowed;  // what stands before the last &&
  for (bool first = true; first || !source.starts("]"); first = false) {
    if (source.take("&&")) {
      if (narrowed) set.intersect(*narrowed);
      narrowed = std::exchange(set, CharSet());
    } else {
      member(source, ignore_case, set);
    }
  }
  source.take("]");
  if (narrowed) set.intersect(*narrowed);
  if (ignore_case) set.ignore_case();
  if (negative) set.invert();
  source.leave();
  return set;
}

}  // namespace ttt
