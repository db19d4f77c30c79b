#include <algorithm>
#include <vector>

#include "text/template/rendering.h"
#include "text/template/text_methods.h"

namespace ttt::jinja {
namespace {

using Names = std::string_view;

std::vector<Value> split_at_spaces(const Text& t, std::int64_t most, bool from_right) {
  std::vector<Value> parts;
  std::size_t begin = 0, end = t.size();
  if (from_right) {
    while (end > 0) {
      while (end > 0 && is_space(t[end - 1])) --end;
      if (end == 0) break;
      if (most >= 0 && static_cast<std::int64_t>(parts.size()) == most) {
        parts.emplace_back(t.substr(0, end));
        break;
      }
      std::size_t from = end;
      while (from > 0 && !is_space(t[from - 1])) --from;
      parts.emplace_back(t.substr(from, end - from));
      end = from;
    }
    std::reverse(parts.begin(), parts.end());
    return parts;
  }
  while (begin < end) {
    while (begin < end && is_space(t[begin])) ++begin;
    if (begin == end) break;
    if (most >= 0 && static_cast<std::int64_t>(parts.size()) == most) {
      parts.emplace_back(t.substr(begin));
      break;
    }
    std::size_t to = begin;
    while (to < end && !is_space(t[to])) ++to;
    parts.emplace_back(t.substr(begin, to - begin));
    begin = to;
  }
  return parts;
}

}  // namespace

Value split(const TextMethodCall& s) {
  static constexpr Names kNames[] = {"sep", "maxsplit"};
  const Parameters p = s.parameters(0, kNames);
  const std::int64_t most = p.integer(1, -1);
  const bool from_right = s.name == "rsplit";
  s.r.characters(s.text.size());
  std::vector<Value> parts;
  if (!p.has(0) || p[0].is_none()) {
    parts = split_at_spaces(s.text, most, from_right);
  } else {
    const Text at = p.text(0);
    if (at.empty()) s.r.refuse("empty separator");
    std::size_t begin = 0, end = s.text.size();
    while (most < 0 || static_cast<std::int64_t>(parts.size()) < most) {
      const std::size_t next = from_right ? find_last(s.text, at, 0, end) : find(s.text, at, begin);
      if (next == Text::npos) break;
      if (from_right) {
        s.r.characters(end);
        parts.emplace_back(s.text.substr(next + at.size(), end - next - at.size()));
        end = next;
      } else {
        parts.emplace_back(s.text.substr(begin, next - begin));
        begin = next + at.size();
      }
    }
    parts.emplace_back(s.text.substr(begin, end - begin));
    if (from_right) std::reverse(parts.begin(), parts.end());
  }
  s.r.step(static_cast<std::int64_t>(parts.size()) / 4);
  return Value::list(std::move(parts));
}

Value splitlines(const TextMethodCall& s) {
  static constexpr Names kNames[] = {"keepends"};
  const Parameters p = s.parameters(0, kNames);
  const bool keep = p.truth(0, false);
  std::vector<Value> lines;
  for (std::size_t begin = 0; begin < s.text.size();) {
    std::size_t end = begin;
    while (end < s.text.size() && !is_line_end(s.text[end])) ++end;
    std::size_t next = end < s.text.size() ? end + 1 : end;
    if (next < s.text.size() && plain(s.text[end]) == '\r' && plain(s.text[next]) == '\n') ++next;
    lines.emplace_back(s.text.substr(begin, (keep ? next : end) - begin));
    begin = next;
  }
  s.r.step(static_cast<std::int64_t>(lines.size()) / 4);
  return Value::list(std::move(lines));
}

Value partition(const TextMethodCall& s) {
  static constexpr Names kNames[] = {"sep"};
  const Text at = s.parameters(1, kNames).text(0);
  if (at.empty()) s.r.refuse("empty separator");
  const bool last = s.name == "rpartition";
  const std::size_t place = last ? find_last(s.text, at) : find(s.text, at);
  if (place == Text::npos) {
    return last ? Value::tuple({Text(), Text(), s.text}) : Value::tuple({s.text, Text(), Text()});
  }
  return Value::tuple({s.text.substr(0, place), s.text.substr(place, at.size()), s.text.substr(place + at.size())});
}

Value join(const TextMethodCall& s) {
  static constexpr Names kNames[] = {"iterable"};
  const Parameters p = s.parameters(1, kNames);
  s.r.require_defined(p[0]);
  Text out;
  bool first = true;
  for (const Value& v : s.r.items(p[0])) {
    s.r.require_defined(v);
    if (!v.is_string()) s.r.refuse(text("sequence item: expected str instance, ", v.type_name(), " found"));
    if (!first) out += s.text;
    first = false;
    out += *v.text();
    s.r.characters(s.text.size() + v.text()->size());
    s.r.require_output(out);
  }
  return out;
}

}  // namespace ttt::jinja
