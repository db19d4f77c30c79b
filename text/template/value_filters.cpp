#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "text/template/functions.h"
#include "text/template/rendering.h"

// Filters of Jinja2 over single values, and its tests.
namespace ttt::jinja {
namespace {

Value standard(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"default_value", "boolean"};
  const Parameters p(r, "default", call, 0, kNames);
  return v.is_undefined() || (p.truth(1, false) && !v.truth()) ? p.get(0, Text()) : v;
}

Value absolute(Rendering& r, const Value& v, const Call& call) {
  Parameters(r, "abs", call, 0, {});
  r.require_defined(v);
  if (!v.is_number()) r.refuse(text("bad operand type for abs(): '", v.type_name(), "'"));
  return v.is_float() ? Value(std::abs(v.number())) : v.integer() < 0 ? r.binary("-", 0, v) : Value(v.integer());
}

Value attr(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"name"};
  const Parameters p(r, "attr", call, 1, kNames);
  // Attributes only, never items.
  const std::string name = to_utf8(p.text(0));
  if (std::optional<Value> method = method_of(r, v, name)) return *method;
  if (Object* o = v.object()) {
    if (std::optional<Value> found = o->attribute(r, name)) return *found;
  }
  return Undefined{
      std::make_shared<const std::string>(text("'", v.type_name(), " object' has no attribute '", name, "'"))};
}

// A number as Python's int() and float() read it: white space around it, single underscores between digits.
std::optional<std::string> digits_of(const Text& t) {
  Text plain_digits = strip(t, nullptr, true, true);
  for (char32_t& c : plain_digits) {
    if (is_decimal(c)) c = static_cast<char32_t>('0' + decimal_value(c));
  }
  const std::string s = to_utf8(plain_digits);
  std::string out;
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] != '_') {
      out += s[i];
      continue;
    }
    const bool between = i > 0 && i + 1 < s.size() && std::isalnum(static_cast<unsigned char>(s[i - 1])) != 0 &&
                         std::isalnum(static_cast<unsigned char>(s[i + 1])) != 0;
    if (!between) return std::nullopt;
  }
  if (!out.empty() && out[0] == '+') out.erase(0, 1);
  if (out.empty() || out[0] == '+') return std::nullopt;
  return out;
}

std::optional<double> float_of(const Value& v) {
  if (v.is_number()) return v.number();
  if (!v.is_string()) return std::nullopt;
  const std::optional<std::string> s = digits_of(*v.text());
  if (!s) return std::nullopt;
  double d = 0;
  const auto result = std::from_chars(s->data(), s->data() + s->size(), d);
  if (result.ptr != s->data() + s->size() || result.ec == std::errc::invalid_argument) return std::nullopt;
  if (result.ec == std::errc::result_out_of_range) return std::strtod(s->c_str(), nullptr);
  return d;
}

Value integer(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"default", "base"};
  const Parameters p(r, "int", call, 0, kNames);
  r.require_defined(v);
  if (v.is_integer() || v.is_bool()) return v.integer();
  if (v.is_string()) {
    const std::int64_t base = p.integer(1, 10);
    std::optional<std::string> s = digits_of(*v.text());
    if (s) {
      const bool negative = (*s)[0] == '-';
      std::string digits = s->substr(negative ? 1 : 0);
      const char prefix = digits.size() > 2 && digits[0] == '0' ? static_cast<char>(digits[1] | 0x20) : '\0';
      if ((base == 16 && prefix == 'x') || (base == 8 && prefix == 'o') || (base == 2 && prefix == 'b'))
        digits.erase(0, 2);
      if (negative) digits.insert(0, 1, '-');
      std::int64_t n = 0;
      const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), n,
                                          static_cast<int>(std::clamp<std::int64_t>(base, 2, 36)));
      if (result.ptr == digits.data() + digits.size()) {
        if (result.ec == std::errc::result_out_of_range)
          r.refuse(text("integer ", digits.substr(0, 100), " is beyond 64 bits"));
        if (result.ec == std::errc{}) return n;
      }
    }
  }
  const std::optional<double> d = float_of(v);
  if (!d || !std::isfinite(*d)) return p.get(0, 0);
  if (std::abs(*d) >= 9.2e18) r.refuse("an integer beyond 64 bits");
  return static_cast<std::int64_t>(*d);
}

Value floating(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"default"};
  const Parameters p(r, "float", call, 0, kNames);
  r.require_defined(v);
  const std::optional<double> d = float_of(v);
  return d ? Value(*d) : p.get(0, 0.0);
}

Value rounded(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"precision", "method"};
  const Parameters p(r, "round", call, 0, kNames);
  r.require_defined(v);
  if (!v.is_number()) r.refuse(text("type ", v.type_name(), " doesn't define __round__ method"));
  const std::int64_t precision = p.integer(0, 0);
  const Text method = p.text(1, "common");
  if (precision < -300 || precision > 300) r.refuse(text("precision of round wanted -300 to 300, got ", precision));
  if (equal(method, "ceil") || equal(method, "floor")) {
    const double scale = std::pow(10.0, static_cast<double>(precision)), scaled = v.number() * scale;
    return (equal(method, "ceil") ? std::ceil(scaled) : std::floor(scaled)) / scale;
  }
  if (!equal(method, "common")) r.refuse("method must be common, ceil or floor");
  if (!v.is_float() && precision >= 0) return v.integer();
  if (precision < 0) {
    const double scale = std::pow(10.0, static_cast<double>(-precision)),
                 result = std::nearbyint(v.number() / scale) * scale;
    return v.is_float() ? Value(result) : Value(static_cast<std::int64_t>(result));
  }
  char buffer[700];
  std::snprintf(buffer, sizeof buffer, "%.*f", static_cast<int>(precision), v.number());
  return std::strtod(buffer, nullptr);
}

constexpr std::array<std::pair<std::string_view, FilterFn>, 7> kValueFilters{{
    {"abs", absolute},
    {"attr", attr},
    {"d", standard},
    {"default", standard},
    {"float", floating},
    {"int", integer},
    {"round", rounded},
}};

bool iterable(const Value& v) {
  return v.is_string() || v.sequence() != nullptr || v.dict() != nullptr || v.is_undefined();
}

using Test = bool (*)(Rendering&, const Value&, const Parameters&);

struct TestEntry {
  std::string_view name;
  std::size_t parameters;
  Test holds;
};

template <const char* kOperator>
bool compared(Rendering& r, const Value& v, const Parameters& p) {
  return r.compare(kOperator, v, p[0]);
}
constexpr char kEq[] = "==", kNe[] = "!=", kLt[] = "<", kLe[] = "<=", kGt[] = ">", kGe[] = ">=", kIn[] = "in";

bool cased(Rendering& r, const Value& v, std::string_view method) {
  return call_text_method(r, Value(r.text_of(v)), method, {}).truth();
}

bool odd(Rendering& r, const Value& v) { return r.binary("%", v, 2).number() == 1; }

constexpr std::array<TestEntry, 38> kTests{{
    {"boolean", 0, [](Rendering&, const Value& v, const Parameters&) { return v.is_bool(); }},
    {"callable", 0,
     [](Rendering&, const Value& v, const Parameters&) { return v.object() != nullptr && v.object()->callable(); }},
    {"defined", 0, [](Rendering&, const Value& v, const Parameters&) { return !v.is_undefined(); }},
    {"undefined", 0, [](Rendering&, const Value& v, const Parameters&) { return v.is_undefined(); }},
    {"divisibleby", 1,
     [](Rendering& r, const Value& v, const Parameters& p) { return r.binary("%", v, p[0]).number() == 0; }},
    {"eq", 1, compared<kEq>},
    {"equalto", 1, compared<kEq>},
    {"==", 1, compared<kEq>},
    {"ne", 1, compared<kNe>},
    {"!=", 1, compared<kNe>},
    {"lt", 1, compared<kLt>},
    {"lessthan", 1, compared<kLt>},
    {"<", 1, compared<kLt>},
    {"le", 1, compared<kLe>},
    {"<=", 1, compared<kLe>},
    {"gt", 1, compared<kGt>},
    {"greaterthan", 1, compared<kGt>},
    {">", 1, compared<kGt>},
    {"ge", 1, compared<kGe>},
    {">=", 1, compared<kGe>},
    {"in", 1, compared<kIn>},
    {"escaped", 0, [](Rendering&, const Value& v, const Parameters&) { return v.is_markup(); }},
    {"even", 0, [](Rendering& r, const Value& v, const Parameters&) { return !odd(r, v); }},
    {"odd", 0, [](Rendering& r, const Value& v, const Parameters&) { return odd(r, v); }},
    {"false", 0, [](Rendering&, const Value& v, const Parameters&) { return v.is_bool() && !v.truth(); }},
    {"true", 0, [](Rendering&, const Value& v, const Parameters&) { return v.is_bool() && v.truth(); }},
    {"float", 0, [](Rendering&, const Value& v, const Parameters&) { return v.is_float(); }},
    {"integer", 0, [](Rendering&, const Value& v, const Parameters&) { return v.is_integer(); }},
    {"iterable", 0, [](Rendering&, const Value& v, const Parameters&) { return iterable(v); }},
    {"lower", 0, [](Rendering& r, const Value& v, const Parameters&) { return cased(r, v, "islower"); }},
    {"upper", 0, [](Rendering& r, const Value& v, const Parameters&) { return cased(r, v, "isupper"); }},
    {"mapping", 0, [](Rendering&, const Value& v, const Parameters&) { return v.dict() != nullptr; }},
    {"none", 0, [](Rendering&, const Value& v, const Parameters&) { return v.is_none(); }},
    {"number", 0, [](Rendering&, const Value& v, const Parameters&) { return v.is_number(); }},
    {"sequence", 0,
     [](Rendering&, const Value& v, const Parameters&) {
       return iterable(v) && (v.sequence() == nullptr || v.sequence()->kind <= Sequence::Kind::kRange);
     }},
    {"string", 0, [](Rendering&, const Value& v, const Parameters&) { return v.is_string(); }},
    {"filter", 0,
     [](Rendering& r, const Value& v, const Parameters&) { return filter_named(to_utf8(r.text_of(v))) != nullptr; }},
    {"test", 0, [](Rendering& r, const Value& v, const Parameters&) { return known_test(to_utf8(r.text_of(v))); }},
}};

const TestEntry* test_named(std::string_view name) {
  const auto at = std::find_if(kTests.begin(), kTests.end(), [&](const TestEntry& t) { return t.name == name; });
  return at == kTests.end() ? nullptr : &*at;
}

}  // namespace

FilterFn value_filter(std::string_view name) {
  const auto at =
      std::find_if(kValueFilters.begin(), kValueFilters.end(), [&](const auto& f) { return f.first == name; });
  return at == kValueFilters.end() ? nullptr : at->second;
}

bool known_test(std::string_view name) { return name == "sameas" || test_named(name) != nullptr; }

FilterFn filter_named(std::string_view name) {
  for (const auto find_filter : {text_filter, sequence_filter, value_filter, markup_filter, layout_filter}) {
    if (const FilterFn f = find_filter(name)) return f;
  }
  return nullptr;
}

Value Rendering::filter(std::string_view name, const Value& value, const Call& c) {
  step();
  if (const FilterFn f = filter_named(name)) return f(*this, value, c);
  // A prompt must be the same each time.
  if (name == "random") unsupported("the filter 'random' is not supported: what it gives differs from run to run");
  unsupported(text("No filter named '", name, "'."));
}

bool Rendering::test(std::string_view name, const Value& value, const Call& c) {
  step();
  static constexpr std::string_view kNames[] = {"other"};
  if (name == "sameas") {
    const Parameters p(*this, name, c, 1, kNames);
    const bool one_type = value.type_name() == p[0].type_name();
    return one_type && equal(value, p[0]) && !value.is_string() &&
           (value.sequence() == nullptr || value.sequence() == p[0].sequence()) && value.dict() == p[0].dict();
  }
  const TestEntry* entry = test_named(name);
  if (entry == nullptr) unsupported(text("No test named '", name, "'."));
  const Parameters p(*this, name, c, entry->parameters, std::span(kNames, entry->parameters));
  if (entry->parameters > 0 && name != "in" && name != "eq" && name != "ne" && name != "equalto" && name != "==" &&
      name != "!=") {
    require_defined(value);
  }
  return entry->holds(*this, value, p);
}

}  // namespace ttt::jinja
