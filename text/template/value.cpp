#include "text/template/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/template/object.h"

namespace ttt::jinja {
namespace {

// Kinds of keys, in the order that Less puts them in.
int kind_of(const Value& v) {
  if (v.is_none()) return 0;
  if (v.is_number()) return 1;
  if (v.is_string()) return 2;
  if (v.sequence() != nullptr) return 3;
  return 4;
}

void append(Text& out, std::string_view ascii) { out.append(ascii.begin(), ascii.end()); }

void append_quoted(Text& out, const Text& text) {
  const auto has = [&](char32_t q) {
    return std::any_of(text.begin(), text.end(), [&](char32_t c) { return plain(c) == q; });
  };
  const char32_t quote = has(U'\'') && !has(U'"') ? U'"' : U'\'';
  constexpr std::string_view kHex = "0123456789abcdef";
  out.push_back(quote);
  for (const char32_t marked : text) {
    const char32_t c = plain(marked), mark = mark_of(marked);
    const auto put = [&](char32_t x) { out.push_back(x | mark); };
    if (c == quote || c == U'\\') {
      put(U'\\');
      put(c);
    } else if (c == U'\n' || c == U'\r' || c == U'\t') {
      put(U'\\');
      put(c == U'\n' ? U'n' : c == U'\r' ? U'r' : U't');
    } else if (is_printable(c)) {
      put(c);
    } else {
      const int digits = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
      put(U'\\');
      put(digits == 2 ? U'x' : digits == 4 ? U'u' : U'U');
      for (int d = digits - 1; d >= 0; --d) put(static_cast<unsigned char>(kHex[(c >> (4 * d)) & 15]));
    }
  }
  out.push_back(quote);
}

void append_items(Text& out, const std::vector<Value>& items) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) append(out, ", ");
    out += repr(items[i]);
  }
}

Text sequence_text(const Sequence& s) {
  Text out;
  using Kind = Sequence::Kind;
  switch (s.kind) {
    case Kind::kList:
      append(out, "[");
      append_items(out, s.items);
      append(out, "]");
      break;
    case Kind::kTuple:
      append(out, "(");
      append_items(out, s.items);
      append(out, s.items.size() == 1 ? ",)" : ")");
      break;
    case Kind::kRange:
      append(out, ttt::text("range(", s.range[0], ", ", s.range[1]));
      if (s.range[2] != 1) append(out, ttt::text(", ", s.range[2]));
      append(out, ")");
      break;
    case Kind::kKeys:
    case Kind::kValues:
    case Kind::kItems:
      append(out, s.kind == Kind::kKeys ? "dict_keys([" : s.kind == Kind::kValues ? "dict_values([" : "dict_items([");
      append_items(out, s.items);
      append(out, "])");
      break;
    case Kind::kIterator:
      append(out, "<generator object>");
      break;
  }
  return out;
}

}  // namespace

void Dict::set(const Value& key, Value value) {
  const auto [at, added] = places.emplace(key, entries.size());
  if (added) {
    entries.emplace_back(key, std::move(value));
  } else {
    entries[at->second].second = std::move(value);
  }
}

const Value* Dict::find(const Value& key) const {
  const auto at = places.find(key);
  return at == places.end() ? nullptr : &entries[at->second].second;
}

const Value* Dict::find(std::string_view ascii) const { return find(Value(ascii)); }

bool Less::operator()(const Value& a, const Value& b) const {
  const int ka = kind_of(a), kb = kind_of(b);
  if (ka != kb) return ka < kb;
  if (ka == 1) {
    if (!a.is_float() && !b.is_float()) return a.integer() < b.integer();
    return a.number() < b.number();
  }
  if (ka == 2) return compare(*a.text(), *b.text()) < 0;
  if (ka == 3) {
    return std::lexicographical_compare(a.sequence()->items.begin(), a.sequence()->items.end(),
                                        b.sequence()->items.begin(), b.sequence()->items.end(), Less{});
  }
  return ka == 4 && std::less<Object*>{}(a.object(), b.object());
}

namespace {

template <class Container>
void include(Container& whole, const Value& part) {
  whole.depth = std::max(whole.depth, part.depth() + 1);
  whole.size += 1 + part.size();
  if (whole.depth > Value::kMostNesting) throw Misuse{ttt::text("values are nested deeper than ", Value::kMostNesting)};
  if (whole.size > Value::kMostParts) throw Misuse{ttt::text("values of more than ", Value::kMostParts, " parts")};
}

}  // namespace

Value::Value(Sequence v) {
  for (const Value& x : v.items) include(v, x);
  value_ = std::make_shared<const Sequence>(std::move(v));
}

Value::Value(Dict v) {
  v.size = 1;
  for (const auto& [key, x] : v.entries) {
    include(v, key);
    include(v, x);
  }
  value_ = std::make_shared<const Dict>(std::move(v));
}

int Value::depth() const {
  if (const Sequence* s = sequence()) return s->depth;
  if (const Dict* d = dict()) return d->depth;
  return 0;
}

std::int64_t Value::size() const {
  if (const Text* t = text()) return static_cast<std::int64_t>(t->size() / 64);
  if (const Sequence* s = sequence()) return s->size;
  if (const Dict* d = dict()) return d->size;
  return 0;
}

Value Value::from_json(const Json& json) {
  if (json.is_bool()) return json.as_bool("");
  if (json.is_integer()) return json.as_integer("");
  if (json.is_number()) return json.as_number("");
  if (json.is_string()) return to_text(json.as_string(""), true);
  if (json.is_array()) {
    std::vector<Value> items;
    for (const Json& x : json.as_array("")) items.push_back(from_json(x));
    return list(std::move(items));
  }
  if (json.is_object()) {
    Dict dict;
    for (const auto& [key, x] : json.as_object("")) dict.set(to_text(key, true), from_json(x));
    return dict;
  }
  return {};
}

const Text* Value::text() const {
  const String* s = std::get_if<String>(&value_);
  return s == nullptr ? nullptr : s->text.get();
}

const Sequence* Value::sequence() const {
  const auto* s = std::get_if<std::shared_ptr<const Sequence>>(&value_);
  return s == nullptr ? nullptr : s->get();
}

const Dict* Value::dict() const {
  const auto* d = std::get_if<std::shared_ptr<const Dict>>(&value_);
  return d == nullptr ? nullptr : d->get();
}

Object* Value::object() const {
  Object* const* o = std::get_if<Object*>(&value_);
  return o == nullptr ? nullptr : *o;
}

std::int64_t Value::integer() const {
  if (const bool* b = std::get_if<bool>(&value_)) return *b ? 1 : 0;
  return std::get<std::int64_t>(value_);
}

double Value::number() const {
  if (const double* d = std::get_if<double>(&value_)) return *d;
  return static_cast<double>(integer());
}

bool Value::truth() const {
  if (is_none() || is_undefined()) return false;
  if (is_float()) return number() != 0;
  if (is_number()) return integer() != 0;
  if (const Text* t = text()) return !t->empty();
  if (const Sequence* s = sequence()) return s->kind == Sequence::Kind::kIterator || !s->items.empty();
  if (const Dict* d = dict()) return !d->entries.empty();
  return true;
}

std::string_view Value::type_name() const {
  if (is_none()) return "NoneType";
  if (is_undefined()) return "Undefined";
  if (is_bool()) return "bool";
  if (is_integer()) return "int";
  if (is_float()) return "float";
  if (is_string()) return is_markup() ? "Markup" : "str";
  if (dict() != nullptr) return "dict";
  if (const Sequence* s = sequence()) {
    constexpr std::string_view kNames[] = {"list",        "tuple",      "range",    "dict_keys",
                                           "dict_values", "dict_items", "generator"};
    return kNames[static_cast<std::size_t>(s->kind)];
  }
  return object()->type_name();
}

bool same(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    return a.is_float() || b.is_float() ? a.number() == b.number() : a.integer() == b.integer();
  }
  if (a.is_string() && b.is_string()) return compare(*a.text(), *b.text()) == 0;
  if (a.is_none() || b.is_none()) return a.is_none() && b.is_none();
  if (a.is_undefined() || b.is_undefined()) return a.is_undefined() && b.is_undefined();
  if (const Sequence* x = a.sequence(), *y = b.sequence(); x != nullptr && y != nullptr) {
    if (x->kind == Sequence::Kind::kIterator || y->kind == Sequence::Kind::kIterator) return x == y;
    return x->kind == y->kind && std::equal(x->items.begin(), x->items.end(), y->items.begin(), y->items.end(), same);
  }
  if (const Dict* x = a.dict(), *y = b.dict(); x != nullptr && y != nullptr) {
    if (x->entries.size() != y->entries.size()) return false;
    return std::all_of(x->entries.begin(), x->entries.end(), [&](const auto& entry) {
      const Value* other = y->find(entry.first);
      return other != nullptr && same(entry.second, *other);
    });
  }
  return a.object() != nullptr && a.object() == b.object();
}

std::string float_text(double v) {
  if (std::isnan(v)) return "nan";
  if (std::isinf(v)) return v < 0 ? "-inf" : "inf";
  char buffer[64];
  const double size = std::abs(v);
  // Python writes an exponent below 1e-4 and from 1e16 on, with at least two digits.
  const bool exponent = size != 0 && (size < 1e-4 || size >= 1e16);
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, v,
                                 exponent ? std::chars_format::scientific : std::chars_format::fixed);
  std::string s(buffer, end.ptr);
  if (!exponent && s.find('.') == std::string::npos) s += ".0";
  return s;
}

Text str(const Value& value) {
  if (const Text* t = value.text()) return *t;
  if (value.is_undefined()) return {};
  return repr(value);
}

namespace {

// Namespaces can hold each other, and themselves: what one repr prints is bounded.
class Printing {
 public:
  Printing() {
    if (depth_++ == 0) parts_ = 0;
    if (depth_ > kMostDepth || ++parts_ > Value::kMostParts) {
      --depth_;
      throw Misuse{"maximum recursion depth exceeded"};
    }
  }
  ~Printing() { --depth_; }
  Printing(const Printing&) = delete;
  Printing& operator=(const Printing&) = delete;

 private:
  static constexpr int kMostDepth = 500;
  static thread_local int depth_;
  static thread_local std::int64_t parts_;
};
thread_local int Printing::depth_ = 0;
thread_local std::int64_t Printing::parts_ = 0;

}  // namespace

Text repr(const Value& value) {
  const Printing printing;
  Text out;
  if (value.is_none()) {
    append(out, "None");
  } else if (value.is_undefined()) {
    append(out, "Undefined");
  } else if (value.is_bool()) {
    append(out, value.truth() ? "True" : "False");
  } else if (value.is_integer()) {
    append(out, ttt::text(value.integer()));
  } else if (value.is_float()) {
    append(out, float_text(value.number()));
  } else if (const Text* t = value.text()) {
    if (value.is_markup()) append(out, "Markup(");
    append_quoted(out, *t);
    if (value.is_markup()) append(out, ")");
  } else if (const Sequence* s = value.sequence()) {
    return sequence_text(*s);
  } else if (const Dict* d = value.dict()) {
    append(out, "{");
    for (std::size_t i = 0; i < d->entries.size(); ++i) {
      if (i > 0) append(out, ", ");
      out += repr(d->entries[i].first);
      append(out, ": ");
      out += repr(d->entries[i].second);
    }
    append(out, "}");
  } else {
    return value.object()->repr();
  }
  return out;
}

}  // namespace ttt::jinja
