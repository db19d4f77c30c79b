#include <algorithm>
#include <array>
#include <cmath>

#include "base/utf8.h"
#include "text/template/functions.h"
#include "text/template/rendering.h"

// Filters of Jinja2 that make text.
namespace ttt::jinja {
namespace {

template <Text (*kChange)(const Text&)>
Value changed(Rendering& r, const Value& v, const Call& call) {
  Parameters(r, "filter", call, 0, {});
  return Value(kChange(r.text_of(v)), v.is_markup());
}

// Words begin after white space and - ( { [ <.
Text titled(const Text& t) {
  const auto parts = [](char32_t c) {
    c = plain(c);
    return is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
  };
  Text out;
  for (std::size_t i = 0; i < t.size();) {
    std::size_t end = i;
    const bool separator = parts(t[i]);
    while (end < t.size() && parts(t[end]) == separator) ++end;
    out += separator ? t.substr(i, end - i) : upper(t.substr(i, 1)) + lower(t.substr(i + 1, end - i - 1));
    i = end;
  }
  return out;
}

Value trim(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"chars"};
  const Parameters p(r, "trim", call, 0, kNames);
  const bool all = !p.has(0) || p[0].is_none();
  const Text chars = all ? Text() : p.text(0);
  return Value(strip(r.text_of(v), all ? nullptr : &chars, true, true), v.is_markup());
}

Value replace_filter(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"old", "new", "count"};
  const Parameters p(r, "replace", call, 2, kNames);
  Call of_method;
  of_method.positional = {Value(r.text_of(p[0])), Value(r.text_of(p[1]))};
  if (p.has(2) && !p[2].is_none()) of_method.positional.push_back(p[2]);
  return call_text_method(r, Value(r.text_of(v)), "replace", of_method);
}

Value join_items(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"d", "attribute"};
  const Parameters p(r, "join", call, 0, kNames);
  const Text between = p.has(0) ? r.text_of(p[0]) : Text();
  Text out;
  bool first = true;
  for (const Value& item : r.items(v)) {
    if (!first) out += between;
    first = false;
    out += r.text_of(p.has(1) && !p[1].is_none() ? r.attribute_path(item, p[1]) : item);
    r.characters(between.size());
    r.require_output(out);
  }
  return out;
}

Value indent(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"width", "first", "blank"};
  const Parameters p(r, "indent", call, 0, kNames);
  Text by;
  if (p.has(0) && p[0].is_string()) {
    by = *p[0].text();
  } else {
    const std::int64_t width = std::max<std::int64_t>(p.integer(0, 4), 0);
    r.characters(static_cast<std::size_t>(width));
    by = Text(static_cast<std::size_t>(width), U' ');
  }
  const Value lines = call_text_method(r, Value(r.text_of(v) + U"\n"), "splitlines", {});
  const std::vector<Value>& all = lines.sequence()->items;
  Text out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Text& line = *all[i].text();
    if (i > 0) out.push_back(U'\n');
    const bool indented = i == 0 ? p.truth(1, false) : p.truth(2, false) || !line.empty();
    if (indented) out += by;
    out += line;
    r.characters(by.size());
    r.require_output(out);
  }
  return out;
}

Value string(Rendering& r, const Value& v, const Call& call) {
  Parameters(r, "string", call, 0, {});
  return v.is_string() ? v : Value(r.text_of(v));
}

Value safe(Rendering& r, const Value& v, const Call& call) {
  Parameters(r, "safe", call, 0, {});
  return Value(r.text_of(v), true);
}

Value escape(Rendering& r, const Value& v, const Call& call) {
  Parameters(r, "escape", call, 0, {});
  return v.is_markup() ? v : Value(escaped(r.text_of(v)), true);
}

Value forceescape(Rendering& r, const Value& v, const Call& call) {
  Parameters(r, "forceescape", call, 0, {});
  return Value(escaped(r.text_of(v)), true);
}

Value center(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"width"};
  const Parameters p(r, "center", call, 0, kNames);
  return call_text_method(r, Value(r.text_of(v)), "center", {.positional = {Value(p.integer(0, 80))}});
}

Value truncate(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"length", "killwords", "end", "leeway"};
  const Parameters p(r, "truncate", call, 0, kNames);
  const Text t = r.text_of(v), end = p.text(2, "...");
  const std::int64_t length = p.integer(0, 255), leeway = p.has(3) && !p[3].is_none() ? p.integer(3) : 5;
  const auto ending = static_cast<std::int64_t>(end.size());
  if (length < ending) r.refuse(text("expected length >= ", ending, ", got ", length));
  if (leeway < 0) r.refuse(text("expected leeway >= 0, got ", leeway));
  if (static_cast<std::int64_t>(t.size()) - leeway <= length) return t;
  Text kept = t.substr(0, static_cast<std::size_t>(length - ending));
  if (!p.truth(1, false)) {
    const std::size_t space = find_last(kept, U" ");
    if (space != Text::npos) kept.resize(space);
  }
  return kept + end;
}

Value wordcount(Rendering& r, const Value& v, const Call& call) {
  Parameters(r, "wordcount", call, 0, {});
  std::int64_t n = 0;
  bool inside = false;
  for (const char32_t c : r.text_of(v)) {
    const bool word = is_letter(c) || is_numeric(c) || plain(c) == '_';
    n += word && !inside;
    inside = word;
  }
  return n;
}

Value striptags(Rendering& r, const Value& v, const Call& call) {
  Parameters(r, "striptags", call, 0, {});
  const Text t = r.text_of(v);
  Text bare;
  // What was looked for in vain is not there further on either.
  bool comments = true, tags = true;
  for (std::size_t i = 0; i < t.size();) {
    if (plain(t[i]) == '<') {
      const bool comment = find(t, U"<!--", i, i + 4) == i;
      bool& any = comment ? comments : tags;
      const std::size_t end = !any ? Text::npos : comment ? find(t, U"-->", i) : find(t, U">", i);
      any = end != Text::npos;
      if (any) {
        i = end + (comment ? 3 : 1);
        continue;
      }
    }
    bare.push_back(t[i++]);
  }
  static constexpr std::pair<std::u32string_view, char32_t> kEntities[] = {
      {U"&lt;", U'<'}, {U"&gt;", U'>'}, {U"&#39;", U'\''}, {U"&#34;", U'"'}, {U"&quot;", U'"'}, {U"&amp;", U'&'}};
  for (const auto& [entity, c] : kEntities) bare = replace(bare, Text(entity), Text(1, c), -1);
  const Value words = call_text_method(r, Value(std::move(bare)), "split", {});
  return call_text_method(r, Value(" "), "join", {.positional = {words}});
}

Value urlencode(Rendering& r, const Value& v, const Call& call) {
  Parameters(r, "urlencode", call, 0, {});
  const auto quoted = [&](const Text& t, bool form) {
    Text out;
    for (const char32_t c : t) {
      const char32_t p = plain(c);
      const bool kept = p < 0x80 && (std::isalnum(static_cast<int>(p)) != 0 || p == '_' || p == '.' || p == '-' ||
                                     p == '~' || (!form && p == '/'));
      if (kept) {
        out.push_back(c);
      } else if (form && p == ' ') {
        out.push_back(U'+' | mark_of(c));
      } else {
        std::string bytes;
        append_utf8(bytes, p);
        for (const char b : bytes) {
          constexpr std::string_view kHex = "0123456789ABCDEF";
          const auto u = static_cast<unsigned char>(b);
          for (const char32_t x : {U'%', static_cast<char32_t>(kHex[u >> 4]), static_cast<char32_t>(kHex[u & 15])})
            out.push_back(x | mark_of(c));
        }
      }
    }
    r.characters(out.size());
    return out;
  };
  if (v.dict() == nullptr && v.sequence() == nullptr) return quoted(r.text_of(v), false);
  Text out;
  const Value pairs = v.dict() != nullptr ? call_collection_method(r, v, "items", {}) : v;
  for (const Value& pair : r.items(pairs)) {
    const std::vector<Value> both = r.items(pair);
    if (both.size() != 2) r.refuse("urlencode wanted pairs of a key and a value");
    if (!out.empty()) out.push_back(U'&');
    out += quoted(r.text_of(both[0]), true) + U"=" + quoted(r.text_of(both[1]), true);
  }
  return out;
}

Value filesizeformat(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"binary"};
  const Parameters p(r, "filesizeformat", call, 0, kNames);
  const double bytes = value_filter("float")(r, v, {}).number();
  const bool binary = p.truth(0, false);
  const double base = binary ? 1024 : 1000;
  if (bytes == 1) return "1 Byte";
  if (bytes < base) return to_text(text(static_cast<std::int64_t>(bytes), " Bytes"));
  constexpr std::string_view kUnits = "kMGTPEZY";
  double unit = base;
  std::size_t i = 0;
  while (i + 1 < kUnits.size() && bytes >= unit * base) {
    unit *= base;
    ++i;
  }
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.1f", bytes / unit);
  std::string out = std::string(buffer) + " ";
  out += binary && i == 0 ? 'K' : kUnits[i];
  return to_text(out + (binary ? "iB" : "B"));
}

Value format(Rendering& r, const Value& v, const Call& call) {
  if (!call.positional.empty() && !call.named.empty()) {
    r.refuse("can't handle positional and keyword arguments at the same time");
  }
  if (call.named.empty()) return r.binary("%", Value(r.text_of(v), v.is_markup()), Value::tuple(call.positional));
  Dict d;
  for (const auto& [name, value] : call.named) d.set(Value(std::string_view(name)), value);
  return r.binary("%", Value(r.text_of(v), v.is_markup()), Value(std::move(d)));
}

Value tojson(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"ensure_ascii", "indent", "separators", "sort_keys"};
  const Parameters p(r, "tojson", call, 0, kNames);
  const bool one_line = !p.has(1) || p[1].is_none();
  JsonStyle style{.ascii = p.truth(0, false),
                  .indent = one_line ? -1 : std::max<std::int64_t>(p.integer(1), 0),
                  .item_separator = to_text(one_line ? ", " : ","),
                  .key_separator = to_text(": "),
                  .sorted = p.truth(3, false)};
  if (p.has(2) && !p[2].is_none()) {
    const std::vector<Value> both = r.items(p[2]);
    if (both.size() != 2) r.refuse("separators of tojson wanted two strings");
    style.item_separator = r.text_of(both[0]);
    style.key_separator = r.text_of(both[1]);
  }
  return json_text(r, v, style);
}

constexpr std::array<std::pair<std::string_view, FilterFn>, 21> kTextFilters{{
    {"capitalize", changed<capitalize>},
    {"center", center},
    {"e", escape},
    {"escape", escape},
    {"filesizeformat", filesizeformat},
    {"forceescape", forceescape},
    {"format", format},
    {"indent", indent},
    {"join", join_items},
    {"lower", changed<lower>},
    {"replace", replace_filter},
    {"safe", safe},
    {"string", string},
    {"striptags", striptags},
    {"title", changed<titled>},
    {"tojson", tojson},
    {"trim", trim},
    {"truncate", truncate},
    {"upper", changed<upper>},
    {"urlencode", urlencode},
    {"wordcount", wordcount},
}};

}  // namespace

FilterFn text_filter(std::string_view name) {
  const auto at =
      std::find_if(kTextFilters.begin(), kTextFilters.end(), [&](const auto& f) { return f.first == name; });
  return at == kTextFilters.end() ? nullptr : at->second;
}

Text escaped(const Text& t) {
  Text out;
  for (const char32_t c : t) {
    const char32_t p = plain(c);
    const std::string_view entity = p == '&'    ? "&amp;"
                                    : p == '<'  ? "&lt;"
                                    : p == '>'  ? "&gt;"
                                    : p == '\'' ? "&#39;"
                                    : p == '"'  ? "&#34;"
                                                : "";
    if (entity.empty()) out.push_back(c);
    for (const char x : entity) out.push_back(static_cast<char32_t>(x) | mark_of(c));
  }
  return out;
}

}  // namespace ttt::jinja
