#include <algorithm>
#include <cmath>

#include "text/template/functions.h"
#include "text/template/rendering.h"

// Python's json.dumps.
namespace ttt::jinja {
namespace {

class Writer {
 public:
  Writer(Rendering& rendering, const JsonStyle& style) : r_(rendering), style_(style) {}

  void write(const Value& v, std::int64_t level) {
    r_.step();
    if (v.is_none()) return put("null");
    if (v.is_bool()) return put(v.truth() ? "true" : "false");
    if (v.is_integer()) return put(text(v.integer()));
    if (v.is_float()) return put(number(v.number()));
    if (const Text* t = v.text()) return quoted(*t);
    if (const Dict* d = v.dict()) return object(*d, level);
    const Sequence* s = v.sequence();
    if (s != nullptr && (s->kind == Sequence::Kind::kList || s->kind == Sequence::Kind::kTuple))
      return array(*s, level);
    if (v.is_undefined()) r_.require_defined(v);
    r_.refuse(text("Object of type ", v.type_name(), " is not JSON serializable"));
  }

  Text out;

 private:
  void put(std::string_view ascii) { out.append(ascii.begin(), ascii.end()); }

  static std::string number(double v) {
    return std::isnan(v) ? "NaN" : std::isinf(v) ? (v < 0 ? "-Infinity" : "Infinity") : float_text(v);
  }

  void escape(char32_t code, char32_t mark) {
    constexpr std::string_view kHex = "0123456789abcdef";
    for (const char c : std::string_view("\\u")) out.push_back(static_cast<char32_t>(c) | mark);
    for (int d = 3; d >= 0; --d) out.push_back(static_cast<char32_t>(kHex[(code >> (4 * d)) & 15]) | mark);
  }

  void quoted(const Text& t) {
    r_.characters(t.size());
    out.push_back(U'"');
    for (const char32_t marked : t) {
      const char32_t c = plain(marked), mark = mark_of(marked);
      constexpr std::string_view kEscaped = "\"\\\n\r\t\f\b", kLetters = "\"\\nrtfb";
      const std::size_t k = c < 0x80 ? kEscaped.find(static_cast<char>(c)) : std::string_view::npos;
      if (k != std::string_view::npos) {
        out.push_back(U'\\' | mark);
        out.push_back(static_cast<char32_t>(kLetters[k]) | mark);
      } else if (c < 0x20) {
        escape(c, mark);
      } else if (style_.ascii && c >= 0x7F && c < 0x10000) {
        if (c == 0x7F) {
          out.push_back(marked);
        } else {
          escape(c, mark);
        }
      } else if (style_.ascii && c >= 0x10000) {
        escape(0xD800 + ((c - 0x10000) >> 10), mark);
        escape(0xDC00 + ((c - 0x10000) & 0x3FF), mark);
      } else {
        out.push_back(marked);
      }
    }
    out.push_back(U'"');
    r_.require_output(out);
  }

  void separate(const Text& by) {
    r_.characters(by.size());
    out += by;
    r_.require_output(out);
  }

  void new_line(std::int64_t level) {
    if (style_.indent < 0) return;
    r_.characters(static_cast<std::size_t>(style_.indent * level));
    out.push_back(U'\n');
    out.append(static_cast<std::size_t>(style_.indent * level), U' ');
  }

  void array(const Sequence& s, std::int64_t level) {
    if (s.items.empty()) return put("[]");
    put("[");
    for (std::size_t i = 0; i < s.items.size(); ++i) {
      if (i > 0) separate(style_.item_separator);
      new_line(level + 1);
      write(s.items[i], level + 1);
    }
    new_line(level);
    put("]");
  }

  // Keys that are no strings become strings, as Python makes them.
  Text key_text(const Value& key) {
    if (const Text* t = key.text()) return *t;
    if (key.is_none()) return to_text("null");
    if (key.is_bool()) return to_text(key.truth() ? "true" : "false");
    if (key.is_number()) return to_text(key.is_float() ? number(key.number()) : text(key.integer()));
    r_.refuse(text("keys must be str, int, float, bool or None, not ", key.type_name()));
  }

  void object(const Dict& d, std::int64_t level) {
    if (d.entries.empty()) return put("{}");
    std::vector<const std::pair<Value, Value>*> entries;
    for (const auto& entry : d.entries) entries.push_back(&entry);
    if (style_.sorted) {
      std::stable_sort(entries.begin(), entries.end(),
                       [&](const auto* a, const auto* b) { return r_.compare("<", a->first, b->first); });
    }
    put("{");
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (i > 0) separate(style_.item_separator);
      new_line(level + 1);
      quoted(key_text(entries[i]->first));
      separate(style_.key_separator);
      write(entries[i]->second, level + 1);
    }
    new_line(level);
    put("}");
  }

  Rendering& r_;
  const JsonStyle& style_;
};

}  // namespace

Text json_text(Rendering& rendering, const Value& value, const JsonStyle& style) {
  Writer writer(rendering, style);
  writer.write(value, 0);
  return std::move(writer.out);
}

}  // namespace ttt::jinja
