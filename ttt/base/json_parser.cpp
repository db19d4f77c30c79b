#include <algorithm>
#include <charconv>
#include <limits>
#include <system_error>

#include "base/json.h"
#include "base/utf8.h"

namespace ttt {
namespace {

class JsonParser {
 public:
  JsonParser(std::string_view bytes, std::string_view where, const JsonLimits& limits)
      : s_(bytes), where_(where), depth_(limits.depth), wide_integers_(limits.wide_integers) {}

  Json document() {
    if (s_.substr(0, 3) == "\xEF\xBB\xBF") refuse("a byte order mark is not allowed");
    Json value = parse_value(depth_);
    skip_space();
    if (at_ != s_.size()) refuse("text after the end of the document");
    return value;
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    fail(ErrorKind::kBadData, text(where_, ": not JSON at byte ", at_, ": ", what));
  }

  char peek() const { return at_ < s_.size() ? s_[at_] : '\0'; }

  void skip_space() {
    while (at_ < s_.size() && (s_[at_] == ' ' || s_[at_] == '\n' || s_[at_] == '\r' || s_[at_] == '\t')) ++at_;
  }

  bool take(char c) {
    if (at_ >= s_.size() || s_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool take_word(std::string_view word) {
    if (s_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  Json parse_value(int depth) {
    skip_space();
    switch (peek()) {
      case '{':
        return parse_object(depth);
      case '[':
        return parse_array(depth);
      case '"':
        return Json(parse_string());
      case 't':
        if (take_word("true")) return Json(true);
        break;
      case 'f':
        if (take_word("false")) return Json(false);
        break;
      case 'n':
        if (take_word("null")) return Json();
        break;
      case 'N':
        if (take_word("NaN")) return Json(std::numeric_limits<double>::quiet_NaN());
        break;
      case 'I':
        if (take_word("Infinity")) return Json(std::numeric_limits<double>::infinity());
        break;
      default:
        return parse_number();
    }
    refuse("wanted a value");
  }

  void enter(int depth) {
    if (depth <= 0) refuse(text("nested deeper than ", depth_, " levels"));
    ++at_;
    skip_space();
  }

  Json parse_array(int depth) {
    enter(depth);
    Json::Array items;
    if (take(']')) return Json(std::move(items));
    for (;;) {
      items.push_back(parse_value(depth - 1));
      skip_space();
      if (take(']')) return Json(std::move(items));
      if (!take(',')) refuse("wanted ',' or ']'");
    }
  }

  Json parse_object(int depth) {
    enter(depth);
    Json::Object members;
    if (take('}')) return Json(std::move(members));
    for (;;) {
      skip_space();
      if (peek() != '"') refuse("wanted a key");
      std::string key = parse_string();
      skip_space();
      if (!take(':')) refuse("wanted ':'");
      members.emplace_back(std::move(key), parse_value(depth - 1));
      skip_space();
      if (take('}')) break;
      if (!take(',')) refuse("wanted ',' or '}'");
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
    if (twice != keys.end()) refuse(text("duplicate key \"", twice->substr(0, 200), "\""));
  }

  Json parse_number() {
    const std::size_t start = at_;
    const auto digits = [&] {
      const std::size_t from = at_;
      while (peek() >= '0' && peek() <= '9') ++at_;
      return at_ - from;
    };
    const bool minus = take('-');
    if (minus && take_word("Infinity")) return Json(-std::numeric_limits<double>::infinity());
    const std::size_t first = at_;
    const std::size_t whole = digits();
    if (whole == 0) refuse("wanted a value");
    if (whole > 1 && s_[first] == '0') refuse("a number starts with 0");
    bool integer = true;
    if (take('.')) {
      integer = false;
      if (digits() == 0) refuse("wanted a digit");
    }
    if (peek() == 'e' || peek() == 'E') {
      integer = false;
      ++at_;
      if (!take('+')) take('-');
      if (digits() == 0) refuse("wanted a digit");
    }
    return number(s_.substr(start, at_ - start), integer);
  }

  Json number(std::string_view token, bool integer) const {
    const char* const end = token.data() + token.size();
    if (integer) {
      std::int64_t v = 0;
      if (std::from_chars(token.data(), end, v).ec == std::errc{}) return Json(v);
      require(wide_integers_, ErrorKind::kBadData, where_, ": integer ", token.substr(0, 100), " is beyond 64 bits");
    }
    double v = 0;
    if (std::from_chars(token.data(), end, v).ec == std::errc::result_out_of_range) {
      // from_chars does not say which way it left the range. Python reads 1e999 as inf and 1e-999 as 0.
      v = magnitude_is_large(token) ? std::numeric_limits<double>::infinity() : 0.0;
      if (token.front() == '-') v = -v;
    }
    return Json(v);
  }

  // For a number outside double's range: the power of ten of its first digit that is not 0.
  static bool magnitude_is_large(std::string_view token) {
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

  unsigned hex4() {
    unsigned v = 0;
    const std::string_view token = s_.substr(at_, 4);
    const auto read = std::from_chars(token.data(), token.data() + token.size(), v, 16);
    if (token.size() != 4 || read.ptr != token.data() + 4) refuse("wanted four hexadecimal digits");
    at_ += 4;
    return v;
  }

  void parse_unicode_escape(std::string& out) {
    char32_t c = hex4();
    if (c >= 0xDC00 && c < 0xE000) refuse("a low surrogate without its high one");
    if (c >= 0xD800 && c < 0xDC00) {
      if (!take_word("\\u")) refuse("a high surrogate without its low one");
      const char32_t low = hex4();
      if (low < 0xDC00 || low >= 0xE000) refuse("a high surrogate without its low one");
      c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out, c);
  }

  void parse_escape(std::string& out) {
    const char c = peek();
    ++at_;
    switch (c) {
      case '"':
      case '\\':
      case '/':
        out.push_back(c);
        return;
      case 'b':
        out.push_back('\b');
        return;
      case 'f':
        out.push_back('\f');
        return;
      case 'n':
        out.push_back('\n');
        return;
      case 'r':
        out.push_back('\r');
        return;
      case 't':
        out.push_back('\t');
        return;
      case 'u':
        return parse_unicode_escape(out);
      default:
        --at_;
        refuse("unknown escape");
    }
  }

  std::string parse_string() {
    ++at_;
    std::string out;
    for (;;) {
      const std::size_t from = at_;
      while (at_ < s_.size()) {
        const auto c = static_cast<unsigned char>(s_[at_]);
        if (c == '"' || c == '\\' || c < 0x20) break;
        const std::size_t length = c < 0x80 ? 1 : utf8_length(s_.substr(at_, 4));
        if (length == 0) refuse("invalid UTF-8");
        at_ += length;
      }
      out.append(s_, from, at_ - from);
      if (at_ >= s_.size()) refuse("unfinished string");
      if (take('"')) return out;
      if (!take('\\')) refuse("a control character in a string");
      parse_escape(out);
    }
  }

  std::string_view s_;
  std::string_view where_;
  std::size_t at_ = 0;
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
