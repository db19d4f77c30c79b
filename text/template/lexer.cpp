#include "text/template/lexer.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"
#include "base/utf8.h"
#include "text/template/marked_text.h"

namespace ttt::jinja {
namespace {

// Bytes of the white space at the beginning of `s`, of any alphabet; 0 where there is none.
std::size_t space_length(std::string_view s) {
  if (s.empty()) return 0;
  if (static_cast<unsigned char>(s[0]) < 0x80) return is_space(static_cast<unsigned char>(s[0])) ? 1 : 0;
  const std::size_t n = utf8_length(s);
  return n > 0 && is_space(utf8_decode(s.data())) ? n : 0;
}

// The length of `s` without the white space at its end.
std::size_t without_space(std::string_view s) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < s.size();) {
    const std::size_t n = space_length(s.substr(i));
    i += std::max<std::size_t>(n, 1);
    if (n == 0) kept = i;
  }
  return kept;
}

bool digit(char c) { return c >= '0' && c <= '9'; }
bool name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

// As Jinja2 reads a source: every kind of newline is \n, and one newline at the end is dropped.
std::string with_plain_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
    } else {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class Lexer {
 public:
  Lexer(std::string_view source, std::string_view where) : source_(with_plain_newlines(source)), where_(where) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) read_data();
    add(Token::Kind::kEnd, {});
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void refuse(std::string_view reason) const {
    fail(ErrorKind::kBadData, at_line(where_, line_) + std::string(reason));
  }

  void add(Token::Kind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }

  bool next_is(std::string_view s, std::size_t at) const { return source_.compare(at, s.size(), s) == 0; }
  bool next_is(std::string_view s) const { return next_is(s, at_); }

  // Moves on to `to`, counting lines.
  void go(std::size_t to) {
    line_ += std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                        source_.begin() + static_cast<std::ptrdiff_t>(to), '\n');
    at_ = to;
  }
  bool signed_at(std::size_t at) const { return at < source_.size() && (source_[at] == '-' || source_[at] == '+'); }
  std::size_t past_space(std::size_t at) const {
    while (const std::size_t n = space_length(std::string_view(source_).substr(at))) at += n;
    return at;
  }
  void skip_space() { go(past_space(at_)); }

  // The place of the next {%, {{ or {#.
  std::size_t next_tag(std::size_t from) const {
    for (std::size_t i = from; i + 1 < source_.size(); ++i) {
      if (source_[i] == '{' && (source_[i + 1] == '%' || source_[i + 1] == '{' || source_[i + 1] == '#')) return i;
    }
    return std::string::npos;
  }

  // Text before a tag at `tag`: what the tag's sign and lstrip_blocks leave of it.
  std::string before_tag(std::size_t tag, bool variable) const {
    std::string text = source_.substr(at_, tag - at_);
    const char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    if (sign == '-') {
      text.resize(without_space(text));
    } else if (sign != '+' && !variable) {
      const std::size_t newline = text.rfind('\n'), start = newline == std::string::npos ? 0 : newline + 1;
      const bool begins_line = start > 0 || line_start_;
      if (begins_line && without_space(std::string_view(text).substr(start)) == 0) text.resize(start);
    }
    return text;
  }

  void read_data() {
    const std::size_t tag = next_tag(at_);
    if (tag == std::string::npos) {
      add(Token::Kind::kData, source_.substr(at_));
      go(source_.size());
      return;
    }
    const bool variable = source_[tag + 1] == '{';
    std::string text = before_tag(tag, variable);
    if (!text.empty()) add(Token::Kind::kData, std::move(text));
    go(tag);
    if (source_[tag + 1] == '#') return read_comment();
    if (!variable && read_raw()) return;
    add(variable ? Token::Kind::kVariableBegin : Token::Kind::kBlockBegin, {});
    go(tag + 2 + (signed_at(tag + 2) ? 1 : 0));
    read_tag(variable);
  }

  // Goes past the end of a tag whose last characters (%} or #}) begin at `end`: with - all white space after it goes
  // too, without + one newline.
  void close(std::size_t end, bool minus, bool trims) {
    const std::size_t after = end + 2;
    go(after);
    if (minus) {
      skip_space();
    } else if (trims && at_ < source_.size() && source_[at_] == '\n') {
      go(at_ + 1);
    }
    line_start_ = at_ > 0 && source_[at_ - 1] == '\n';
  }

  void read_comment() {
    // The sign of the beginning is none of the end: {#-#}
    const std::size_t begin = at_ + 2 + (signed_at(at_ + 2) ? 1 : 0);
    if (begin == source_.size()) return go(begin);  // as Jinja2: nothing is missing at the very end
    const std::size_t end = source_.find("#}", begin);
    if (end == std::string::npos) refuse("Missing end of comment tag");
    const char sign = end > begin ? source_[end - 1] : '\0';
    close(end, sign == '-', sign != '+');
  }

  // {% raw %} ... {% endraw %}: false when this tag is another one.
  bool read_raw() {
    std::size_t at = at_ + 2 + (signed_at(at_ + 2) ? 1 : 0);
    at = past_space(at);
    if (!next_is("raw", at)) return false;
    at += 3;
    at = past_space(at);
    const bool minus = next_is("-%}", at);
    if (!minus && !next_is("%}", at)) return false;
    close(at + (minus ? 1 : 0), minus, false);
    if (at_ == source_.size()) return true;  // as Jinja2: nothing is missing at the very end
    for (std::size_t tag = source_.find("{%", at_); tag != std::string::npos; tag = source_.find("{%", tag + 2)) {
      std::size_t name = tag + 2;
      if (name < source_.size() && (source_[name] == '-' || source_[name] == '+')) ++name;
      name = past_space(name);
      if (!next_is("endraw", name)) continue;
      std::size_t end = name + 6;
      end = past_space(end);
      const bool signed_end = end < source_.size() && (source_[end] == '-' || source_[end] == '+');
      if (!next_is("%}", end + (signed_end ? 1 : 0))) continue;
      std::string text = before_tag(tag, false);
      if (!text.empty()) add(Token::Kind::kData, std::move(text));
      close(end + (signed_end ? 1 : 0), signed_end && source_[end] == '-', !(signed_end && source_[end] == '+'));
      return true;
    }
    refuse("Missing end of raw directive");
  }

  // True when the tag ended here.
  bool read_tag_end(bool variable) {
    if (!open_.empty()) return false;  // inside brackets }} are two of them
    const std::string_view end = variable ? "}}" : "%}";
    const bool minus = source_[at_] == '-' && next_is(end, at_ + 1);
    const bool plus = !variable && source_[at_] == '+' && next_is(end, at_ + 1);
    if (!minus && !plus && !next_is(end)) return false;
    add(variable ? Token::Kind::kVariableEnd : Token::Kind::kBlockEnd, {});
    close(at_ + (minus || plus ? 1 : 0), minus, !variable && !plus);
    return true;
  }

  void read_tag(bool variable) {
    open_.clear();
    for (;;) {
      skip_space();
      if (at_ == source_.size())
        refuse(variable ? "unexpected end of template, expected '}}'" : "unexpected end of template, expected '%}'");
      if (read_tag_end(variable)) return;
      const char c = source_[at_];
      if (digit(c)) {
        read_number();
      } else if (name_start(c)) {
        read_name();
      } else if (c == '"' || c == '\'') {
        read_string();
      } else {
        read_operator();
      }
    }
  }

  void read_name() {
    std::size_t end = at_;
    while (end < source_.size() && (name_start(source_[end]) || digit(source_[end]))) ++end;
    add(Token::Kind::kName, source_.substr(at_, end - at_));
    go(end);
  }

  // Digits that single underscores may part; appended to `out` without them.
  std::size_t digits(std::size_t at, std::string_view allowed, std::string& out) const {
    const auto good = [&](std::size_t i) {
      return i < source_.size() && allowed.find(source_[i]) != std::string_view::npos;
    };
    while (good(at) || (at < source_.size() && source_[at] == '_' && good(at + 1))) {
      if (source_[at] != '_') out += source_[at];
      ++at;
    }
    return at;
  }

  void read_number() {
    constexpr std::string_view kDecimal = "0123456789";
    std::string text;
    if (source_[at_] == '0' && at_ + 1 < source_.size()) {
      const char base = static_cast<char>(source_[at_ + 1] | 0x20);
      const std::string_view allowed = base == 'x'   ? "0123456789abcdefABCDEF"
                                       : base == 'o' ? "01234567"
                                       : base == 'b' ? "01"
                                                     : "";
      if (!allowed.empty()) {
        const std::size_t end = digits(at_ + 2, allowed, text);
        if (text.empty()) refuse("a number without digits");
        add(Token::Kind::kInteger, std::string("0") + base + text);
        return go(end);
      }
    }
    std::size_t end = digits(at_, kDecimal, text);
    bool whole = true;
    // After a dot a number is the name of an item: a.0.1
    const bool item = !tokens_.empty() && tokens_.back().kind == Token::Kind::kOperator && tokens_.back().text == ".";
    if (!item && end + 1 < source_.size() && source_[end] == '.' && digit(source_[end + 1])) {
      text += '.';
      end = digits(end + 1, kDecimal, text);
      whole = false;
    }
    if (!item && end < source_.size() && (source_[end] | 0x20) == 'e') {
      std::size_t exponent = end + 1;
      std::string power = "e";
      if (exponent < source_.size() && (source_[exponent] == '+' || source_[exponent] == '-'))
        power += source_[exponent++];
      if (exponent < source_.size() && digit(source_[exponent])) {
        end = digits(exponent, kDecimal, power);
        text += power;
        whole = false;
      }
    }
    add(whole ? Token::Kind::kInteger : Token::Kind::kFloat, std::move(text));
    go(end);
  }

  void append_escape(std::string& out, std::size_t& i, std::size_t end) const {
    const char c = source_[i];
    const auto code = [&](std::string_view allowed, std::size_t first, std::size_t most, bool exact,
                          std::uint32_t base) {
      std::uint32_t value = 0;
      std::size_t n = 0;
      while (n < most && first + n < end) {
        const char lower = source_[first + n] >= 'A' && source_[first + n] <= 'F'
                               ? static_cast<char>(source_[first + n] | 0x20)
                               : source_[first + n];
        const std::size_t digit_value = allowed.find(lower);
        if (digit_value == std::string_view::npos) break;
        value = value * base + static_cast<std::uint32_t>(digit_value);
        ++n;
      }
      if ((exact && n != most) || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000))
        refuse("invalid escape in a string");
      append_utf8(out, value);
      i = first + n - 1;
    };
    constexpr std::string_view kHex = "0123456789abcdef";
    constexpr std::string_view kNamed = "abfnrtv\\'\"", kValues = "\a\b\f\n\r\t\v\\'\"";
    if (c == '\n') return;  // the line goes on
    if (const std::size_t k = kNamed.find(c); k != std::string_view::npos) {
      out += kValues[k];
    } else if (c == 'x' || c == 'u' || c == 'U') {
      code(kHex, i + 1, c == 'x' ? 2 : c == 'u' ? 4 : 8, true, 16);
    } else if (c >= '0' && c <= '7') {
      code(kHex.substr(0, 8), i, 3, false, 8);
    } else if (c == 'N') {
      fail(ErrorKind::kUnsupported, at_line(where_, line_) + "names of characters (\\N{...}) are not supported");
    } else {
      out += '\\';
      out += c;
    }
  }

  void read_string() {
    const char quote = source_[at_];
    std::size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) refuse("a string without its closing quote");
    std::string out;
    for (std::size_t i = at_ + 1; i < end; ++i) {
      if (source_[i] != '\\') {
        out += source_[i];
      } else {
        ++i;
        append_escape(out, i, end);
      }
    }
    add(Token::Kind::kString, std::move(out));
    go(end + 1);
  }

  void read_operator() {
    constexpr std::array<std::string_view, 25> kOperators{"**", "//", "==", "!=", ">=", "<=", "+", "-", "*",
                                                          "/",  "%",  "~",  "(",  ")",  "[",  "]", "{", "}",
                                                          "<",  ">",  "=",  ".",  ",",  ":",  "|"};
    for (const std::string_view op : kOperators) {
      if (!next_is(op)) continue;
      balance(op[0]);
      add(Token::Kind::kOperator, std::string(op));
      return go(at_ + op.size());
    }
    refuse(text("unexpected char '",
                source_.substr(at_, std::max<std::size_t>(utf8_length(std::string_view(source_).substr(at_)), 1)),
                "'"));
  }

  void balance(char c) {
    constexpr std::string_view kOpen = "([{", kClose = ")]}";
    if (kOpen.find(c) != std::string_view::npos) {
      open_ += c;
    } else if (const std::size_t k = kClose.find(c); k != std::string_view::npos) {
      if (open_.empty()) refuse(text("unexpected '", c, "'"));
      if (open_.back() != kOpen[k])
        refuse(text("unexpected '", c, "', expected '", kClose[kOpen.find(open_.back())], "'"));
      open_.pop_back();
    }
  }

  std::string source_;
  std::string_view where_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1;
  bool line_start_ = true;  // the last tag ended its line
  std::string open_;        // brackets
  std::vector<Token> tokens_;
};

}  // namespace

std::string at_line(std::string_view where, std::int64_t line) { return text(where, " line ", line, ": "); }

std::vector<Token> tokenize(std::string_view source, std::string_view where) { return Lexer(source, where).run(); }

}  // namespace ttt::jinja
