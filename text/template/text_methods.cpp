#include "text/template/text_methods.h"

#include <algorithm>
#include <array>

#include "text/template/functions.h"
#include "text/template/rendering.h"

// Methods of Python's str.
namespace ttt::jinja {
namespace {

using Names = std::string_view;

using Method = Value (*)(const TextMethodCall&);

template <Text (*kChange)(const Text&)>
Value changed(const TextMethodCall& s) {
  s.no_parameters();
  return kChange(s.text);
}

template <bool (*kIs)(char32_t)>
Value all_are(const TextMethodCall& s) {
  s.no_parameters();
  return !s.text.empty() && std::all_of(s.text.begin(), s.text.end(), kIs);
}

bool alphanumeric(char32_t c) { return is_letter(c) || is_numeric(c); }

// All cased characters are of one case, and there is one.
template <bool (*kIs)(char32_t), bool (*kIsNot)(char32_t)>
Value cased(const TextMethodCall& s) {
  s.no_parameters();
  return std::any_of(s.text.begin(), s.text.end(), kIs) && std::none_of(s.text.begin(), s.text.end(), kIsNot);
}

Value istitle(const TextMethodCall& s) {
  s.no_parameters();
  bool any = false, after_cased = false;
  for (const char32_t c : s.text) {
    if (is_upper(c)) {
      if (after_cased) return false;
    } else if (is_lower(c)) {
      if (!after_cased) return false;
    }
    after_cased = is_upper(c) || is_lower(c);
    any = any || after_cased;
  }
  return any;
}

Value isascii(const TextMethodCall& s) {
  s.no_parameters();
  return std::all_of(s.text.begin(), s.text.end(), [](char32_t c) { return plain(c) < 0x80; });
}

Value all_printable(const TextMethodCall& s) {
  s.no_parameters();
  return std::all_of(s.text.begin(), s.text.end(), is_printable);
}

Value stripped(const TextMethodCall& s) {
  static constexpr Names kNames[] = {"chars"};
  const Parameters p = s.parameters(0, kNames);
  const bool all = !p.has(0) || p[0].is_none();
  const Text chars = all ? Text() : p.text(0);
  return strip(s.text, all ? nullptr : &chars, s.name != "rstrip", s.name != "lstrip");
}

// Whether the text, from `start` to `end`, begins or ends with one of several.
Value begins_or_ends(const TextMethodCall& s) {
  static constexpr Names kNames[] = {"prefix", "start", "end"};
  const Parameters p = s.parameters(1, kNames);
  const auto size = static_cast<std::int64_t>(s.text.size());
  const auto clipped = [&](std::int64_t i) { return std::clamp<std::int64_t>(i < 0 ? i + size : i, 0, size); };
  const std::int64_t begin = p.has(1) && !p[1].is_none() ? clipped(p.integer(1)) : 0;
  const std::int64_t end = p.has(2) && !p[2].is_none() ? clipped(p.integer(2)) : size;
  if (p.has(1) && !p[1].is_none() && p.integer(1) > size) return false;
  const Text part =
      begin <= end ? s.text.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)) : Text();
  const auto holds = [&](const Value& v) {
    s.r.require_defined(v);
    if (!v.is_string()) s.r.refuse(text(s.name, " first arg must be str or a tuple of str, not ", v.type_name()));
    return s.name == "startswith" ? starts_with(part, *v.text()) : ends_with(part, *v.text());
  };
  if (const Sequence* q = p[0].sequence(); q != nullptr && q->kind == Sequence::Kind::kTuple) {
    return std::any_of(q->items.begin(), q->items.end(), holds);
  }
  return holds(p[0]);
}

// find, rfind, index, rindex, count: within [start, end).
Value found(const TextMethodCall& s) {
  static constexpr Names kNames[] = {"sub", "start", "end"};
  const Parameters p = s.parameters(1, kNames);
  const Text part = p.text(0);
  const auto size = static_cast<std::int64_t>(s.text.size());
  const auto clipped = [&](std::int64_t i) { return std::max<std::int64_t>(i < 0 ? i + size : i, 0); };
  const std::int64_t from = p.has(1) && !p[1].is_none() ? clipped(p.integer(1)) : 0;
  const std::int64_t end = std::min(p.has(2) && !p[2].is_none() ? clipped(p.integer(2)) : size, size);
  s.r.characters(s.text.size());
  if (s.name == "count") {
    std::int64_t n = 0;
    if (from > end) return n;
    if (part.empty()) return end - from + 1;
    for (std::size_t at = static_cast<std::size_t>(from);
         (at = find(s.text, part, at, static_cast<std::size_t>(end))) != Text::npos; at += part.size()) {
      ++n;
      s.r.characters(part.size());
    }
    return n;
  }
  const bool last = s.name[0] == 'r';
  const std::size_t at = from > end ? Text::npos
                         : last ? find_last(s.text, part, static_cast<std::size_t>(from), static_cast<std::size_t>(end))
                                : find(s.text, part, static_cast<std::size_t>(from), static_cast<std::size_t>(end));
  if (at != Text::npos) return static_cast<std::int64_t>(at);
  if (s.name.ends_with("index")) s.r.refuse("substring not found");
  return -1;
}

Value replaced(const TextMethodCall& s) {
  static constexpr Names kNames[] = {"old", "new", "count"};
  const Parameters p = s.parameters(2, kNames);
  const Text part = p.text(0), by = p.text(1);
  // The longest result that there could be is charged before it is made.
  const std::size_t places = part.empty() ? s.text.size() + 1 : s.text.size() / part.size();
  if (by.size() > part.size()) {
    std::size_t n = 0;
    if (part.empty()) {
      n = places;
    } else {
      for (std::size_t at = 0; (at = find(s.text, part, at)) != Text::npos; at += part.size()) ++n;
    }
    s.r.characters(n > (std::size_t{1} << 32) / (by.size() + 1) ? std::size_t{1} << 32 : s.text.size() + n * by.size());
  }
  s.r.characters(s.text.size());
  return replace(s.text, part, by, p.integer(2, -1));
}

Value padded(const TextMethodCall& s) {
  static constexpr Names kNames[] = {"width", "fillchar"};
  const Parameters p = s.parameters(1, kNames);
  const Text fill = p.text(1, " ");
  if (fill.size() != 1) s.r.refuse("The fill character must be exactly one character long");
  const std::int64_t width = p.integer(0), missing = width - static_cast<std::int64_t>(s.text.size());
  if (missing <= 0) return s.text;
  s.r.characters(static_cast<std::size_t>(width));
  // As Python centres: of an odd rest the left side gets more where the width is odd.
  const std::int64_t left = s.name == "rjust" ? missing : s.name == "ljust" ? 0 : missing / 2 + (missing & width & 1);
  return Text(static_cast<std::size_t>(left), fill[0]) + s.text +
         Text(static_cast<std::size_t>(missing - left), fill[0]);
}

Value zfill(const TextMethodCall& s) {
  static constexpr Names kNames[] = {"width"};
  const std::int64_t width = s.parameters(1, kNames).integer(0);
  const std::int64_t missing = width - static_cast<std::int64_t>(s.text.size());
  if (missing <= 0) return s.text;
  s.r.characters(static_cast<std::size_t>(width));
  const bool sign = !s.text.empty() && (plain(s.text[0]) == '+' || plain(s.text[0]) == '-');
  return s.text.substr(0, sign ? 1 : 0) + Text(static_cast<std::size_t>(missing), U'0') + s.text.substr(sign ? 1 : 0);
}

Value removed(const TextMethodCall& s) {
  static constexpr Names kNames[] = {"affix"};
  const Text part = s.parameters(1, kNames).text(0);
  if (s.name == "removeprefix") return starts_with(s.text, part) ? s.text.substr(part.size()) : s.text;
  return !part.empty() && ends_with(s.text, part) ? s.text.substr(0, s.text.size() - part.size()) : s.text;
}

Value formatted(const TextMethodCall& s) { return brace_format(s.r, s.text, s.call); }

Value expandtabs(const TextMethodCall& s) {
  static constexpr Names kNames[] = {"tabsize"};
  const std::int64_t size = s.parameters(0, kNames).integer(0, 8);
  Text out;
  std::int64_t column = 0;
  for (const char32_t c : s.text) {
    if (plain(c) == '\t') {
      const std::int64_t n = size > 0 ? size - column % size : 0;
      s.r.characters(static_cast<std::size_t>(n) + out.size() / 64);
      out.append(static_cast<std::size_t>(n), U' ');
      column += n;
    } else {
      out.push_back(c);
      column = plain(c) == '\n' || plain(c) == '\r' ? 0 : column + 1;
    }
  }
  return out;
}

constexpr std::array<std::pair<std::string_view, Method>, 47> kMethods{{
    {"capitalize", changed<capitalize>},
    {"casefold", changed<fold>},
    {"center", padded},
    {"count", found},
    {"endswith", begins_or_ends},
    {"expandtabs", expandtabs},
    {"find", found},
    {"format", formatted},
    {"index", found},
    {"isalnum", all_are<alphanumeric>},
    {"isalpha", all_are<is_letter>},
    {"isascii", isascii},
    {"isdecimal", all_are<is_decimal>},
    {"isdigit", all_are<is_digit>},
    {"islower", cased<is_lower, is_upper>},
    {"isnumeric", all_are<is_numeric>},
    {"isspace", all_are<is_space>},
    {"istitle", istitle},
    {"isupper", cased<is_upper, is_lower>},
    {"join", join},
    {"ljust", padded},
    {"lower", changed<lower>},
    {"lstrip", stripped},
    {"partition", partition},
    {"removeprefix", removed},
    {"removesuffix", removed},
    {"replace", replaced},
    {"rfind", found},
    {"rindex", found},
    {"rjust", padded},
    {"rpartition", partition},
    {"rsplit", split},
    {"rstrip", stripped},
    {"split", split},
    {"splitlines", splitlines},
    {"startswith", begins_or_ends},
    {"strip", stripped},
    {"swapcase", changed<swap_case>},
    {"title", changed<title>},
    {"upper", changed<upper>},
    {"zfill", zfill},
    {"isprintable", all_printable},
    {"encode", nullptr},
    {"format_map", nullptr},
    {"isidentifier", nullptr},
    {"maketrans", nullptr},
    {"translate", nullptr},
}};

Value marked_safe(const Value& v) {
  if (const Text* t = v.text()) return Value(*t, true);
  const Sequence* s = v.sequence();
  if (s == nullptr) return v;
  Sequence safe{.kind = s->kind};
  for (const Value& part : s->items) safe.items.push_back(marked_safe(part));
  return safe;
}

}  // namespace

bool is_text_method(std::string_view name) {
  return std::any_of(kMethods.begin(), kMethods.end(), [&](const auto& m) { return m.first == name; });
}

Value call_text_method(Rendering& rendering, const Value& self, std::string_view name, const Call& call) {
  const auto at = std::find_if(kMethods.begin(), kMethods.end(), [&](const auto& m) { return m.first == name; });
  if (at->second == nullptr) rendering.unsupported(text("the method ", name, " of strings is not supported"));
  rendering.characters(self.text()->size());
  if (!self.is_markup()) return at->second({.r = rendering, .text = *self.text(), .name = at->first, .call = call});
  // Text of a safe text is safe, and what is put into it is escaped first.
  Call escaping = call;
  if (name == "replace" || name == "join" || name == "format") {
    const auto escape = [&](Value& v) {
      if (v.is_string() && !v.is_markup()) v = Value(escaped(*v.text()), true);
    };
    for (std::size_t i = name == "replace" ? 1 : 0; i < escaping.positional.size(); ++i) {
      Value& v = escaping.positional[i];
      escape(v);
      if (name != "join" || v.sequence() == nullptr) continue;
      std::vector<Value> parts = rendering.items(v);
      std::for_each(parts.begin(), parts.end(), escape);
      v = Value::list(std::move(parts));
    }
    for (auto& [key, v] : escaping.named) escape(v);
  }
  return marked_safe(at->second({.r = rendering, .text = *self.text(), .name = at->first, .call = escaping}));
}

}  // namespace ttt::jinja
