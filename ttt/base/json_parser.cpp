#include <algorithm>
#include <charconv>
#include <limits>
#include <system_error>

#include "base/json.h"
#include "base/json_scanner.h"

namespace ttt {
namespace {

// For a number outside double's range: the power of ten of its first digit that is not 0.
bool magnitude_is_large(std::string_view token) {
  const std::size_t e = std::min(token.find_first_of("eE"), token.size());
  if (e < token.size()) {
    const std::string_view exponent = token.substr(e + 1);
    const bool negative = exponent.front() == '-';
    std::int64_t power = 0;
    const std::size_t skip = negative || exponent.front() == '+' ? 1 : 0;
    const auto read = std::from_chars(exponent.data() + skip, exponent.data() + exponent.size(), power);
    const auto length = static_cast<std::int64_t>(token.size());
    if (read.ec != std::errc{} || power > length) return !negative;  // outweighs every digit written
  }
  return token.substr(0, std::min(token.find('.'), e)).find_first_of("123456789") != std::string_view::npos;
}

bool fits_64_bits(std::string_view integer, std::int64_t& v) {
  return std::from_chars(integer.data(), integer.data() + integer.size(), v).ec == std::errc{};
}

Json number(std::string_view token) {
  const char* const end = token.data() + token.size();
  double v = 0;
  if (std::from_chars(token.data(), end, v).ec == std::errc::result_out_of_range) {
    // from_chars does not say which way it left the range. Python reads 1e999 as inf and 1e-999 as 0.
    v = magnitude_is_large(token) ? std::numeric_limits<double>::infinity() : 0.0;
    if (token.front() == '-') v = -v;
  }
  return Json(v);
}

// A document over the tokens that JsonScanner reads.
class JsonParser {
 public:
  JsonParser(std::string_view bytes, std::string_view where, const JsonLimits& limits)
      : scan_(bytes, where, "not JSON at byte"), depth_(limits.depth), wide_integers_(limits.wide_integers) {}

  Json document() {
    if (scan_.ahead(3) == "\xEF\xBB\xBF") scan_.refuse("a byte order mark is not allowed");
    Json value = parse_value(depth_);
    scan_.skip_space();
    if (!scan_.at_end()) scan_.refuse("text after the end of the document");
    return value;
  }

 private:
  Json parse_value(int depth) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    switch (scan_.peek()) {
      case '{':
        return parse_object(depth);
      case '[':
        return parse_array(depth);
      case '"':
        return Json(scan_.string());
      case 't':
        if (scan_.take_word("true")) return Json(true);
        break;
      case 'f':
        if (scan_.take_word("false")) return Json(false);
        break;
      case 'n':
        if (scan_.take_word("null")) return Json();
        break;
      case 'N':
        if (scan_.take_word("NaN")) return Json(std::numeric_limits<double>::quiet_NaN());
        break;
      case 'I':
        if (scan_.take_word("Infinity")) return Json(kInfinity);
        break;
      case '-':
        if (scan_.take_word("-Infinity")) return Json(-kInfinity);
        [[fallthrough]];
      default:
        const JsonScanner::Number n = scan_.number();
        std::int64_t v = 0;
        if (n.is_integer && fits_64_bits(n.text, v)) return Json(v);
        if (n.is_integer && !wide_integers_) scan_.refuse("an integer is beyond 64 bits");
        return number(n.text);
    }
    scan_.refuse("wanted a value");
  }

  void enter(int depth) {
    if (depth <= 0) scan_.refuse(text("nested deeper than ", depth_, " levels"));
  }

  Json parse_array(int depth) {
    enter(depth);
    scan_.expect('[');
    Json::Array items;
    if (scan_.take(']')) return Json(std::move(items));
    for (;;) {
      items.push_back(parse_value(depth - 1));
      if (scan_.take(']')) return Json(std::move(items));
      if (!scan_.take(',')) scan_.refuse("wanted ',' or ']'");
    }
  }

  Json parse_object(int depth) {
    enter(depth);
    scan_.expect('{');
    Json::Object members;
    if (scan_.take('}')) return Json(std::move(members));
    for (;;) {
      if (scan_.peek() != '"') scan_.refuse("wanted a key");
      std::string key = scan_.string();
      scan_.expect(':');
      members.emplace_back(std::move(key), parse_value(depth - 1));
      if (scan_.take('}')) break;
      if (!scan_.take(',')) scan_.refuse("wanted ',' or '}'");
    }
    refuse_duplicates(members);
    return Json(std::move(members));
  }

  // Sorted, not hashed: a vocabulary has hundreds of thousands of keys, and chosen keys cannot make sorting quadratic.
  void refuse_duplicates(const Json::Object& members) const {
    std::vector<std::string_view> keys;
    keys.reserve(members.size());
    for (const auto& [key, value] : members) keys.emplace_back(key);
    std::sort(keys.begin(), keys.end(), [](std::string_view a, std::string_view b) {
      return a.size() != b.size() ? a.size() < b.size() : a < b;
    });
    const auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice != keys.end()) scan_.refuse(text("duplicate key \"", twice->substr(0, 200), "\""));
  }

  JsonScanner scan_;
  int depth_;
  bool wide_integers_;
};

}  // namespace

Json Json::parse(std::string_view bytes, std::string_view where, const JsonLimits& limits) {
  require(static_cast<std::int64_t>(bytes.size()) <= limits.bytes, ErrorKind::kBadData, where, ": wanted at most ",
          limits.bytes, " bytes of JSON, got ", bytes.size());
  return JsonParser(bytes, where, limits).document();
}

}  // namespace ttt
