#include <algorithm>
#include <cmath>
#include <cstdio>

#include "text/template/functions.h"
#include "text/template/rendering.h"

// Python's two ways to format text: "%s" % values, and "{}".format(...).
namespace ttt::jinja {
namespace {

// [[fill]align][sign][#][0][width][,][.precision][type], in both of them.
struct Style {
  char32_t fill = U' ';
  char align = '\0';  // < > ^ =
  char sign = '-';    // - + or space
  bool alternative = false, comma = false;
  std::int64_t width = 0, precision = -1;
  char type = '\0';
};

constexpr std::int64_t kMostWidth = 1 << 20;

std::int64_t read_number(Rendering& r, const Text& t, std::size_t& i) {
  std::int64_t n = 0;
  for (; i < t.size() && plain(t[i]) >= '0' && plain(t[i]) <= '9'; ++i) {
    n = n * 10 + static_cast<std::int64_t>(plain(t[i]) - '0');
    if (n > kMostWidth) r.refuse(text("a width of more than ", kMostWidth));
  }
  return n;
}

Text aligned(const Style& s, const Text& t, char absent) {
  const std::int64_t missing = s.width - static_cast<std::int64_t>(t.size());
  if (missing <= 0) return t;
  const auto fill = [&](std::int64_t n) { return Text(static_cast<std::size_t>(n), s.fill); };
  const char align = s.align != '\0' ? s.align : absent;
  if (align == '<') return t + fill(missing);
  if (align == '^') return fill(missing / 2) + t + fill(missing - missing / 2);
  if (align == '=') {
    const std::size_t sign = !t.empty() && (t[0] == U'-' || t[0] == U'+' || t[0] == U' ') ? 1 : 0;
    return t.substr(0, sign) + fill(missing) + t.substr(sign);
  }
  return fill(missing) + t;
}

std::string grouped(std::string digits) {
  const std::size_t dot = std::min(digits.find_first_of(".e"), digits.size());
  for (std::size_t i = dot; i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

std::string in_base(std::uint64_t value, std::uint64_t base, bool upper) {
  const std::string_view letters = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  std::string s;
  for (std::uint64_t rest = value; s.empty() || rest != 0; rest /= base) s += letters[rest % base];
  std::reverse(s.begin(), s.end());
  return s;
}

Text number_text(Rendering& r, const Style& s, const Value& v) {
  const bool whole = !v.is_float();
  char type = s.type == '\0' ? (whole ? 'd' : 'r') : s.type == 'i' || s.type == 'u' ? 'd' : s.type;
  bool negative = whole ? v.integer() < 0 : std::signbit(v.number());
  std::string digits;
  if (type == 'd' || type == 'x' || type == 'X' || type == 'o' || type == 'b' || type == 'n') {
    const std::int64_t i = whole ? v.integer() : static_cast<std::int64_t>(v.number());
    negative = i < 0;
    const std::uint64_t size = negative ? 0 - static_cast<std::uint64_t>(i) : static_cast<std::uint64_t>(i);
    const std::uint64_t base = type == 'o' ? 8 : type == 'b' ? 2 : type == 'x' || type == 'X' ? 16 : 10;
    digits = in_base(size, base, type == 'X');
    if (s.alternative && base != 10) digits = std::string("0") + type + digits;
  } else {
    const double x = std::abs(v.number());
    if (type == 'r' && s.precision < 0) {
      digits = float_text(x);
    } else {
      std::string format = "%.*";
      format += type == 'r' || type == '%' ? (type == '%' ? 'f' : 'g') : type;
      const std::int64_t precision = s.precision < 0 ? 6 : s.precision;
      if (precision > 1000) r.refuse("a precision of more than 1000");
      char buffer[1400];
      const int n =
          std::snprintf(buffer, sizeof buffer, format.c_str(), static_cast<int>(precision), type == '%' ? x * 100 : x);
      digits.assign(buffer, static_cast<std::size_t>(n));
      if (type == '%') digits += '%';
    }
  }
  if (s.comma) digits = grouped(std::move(digits));
  std::string sign;
  if (negative) {
    sign = "-";
  } else if (s.sign != '-') {
    sign = std::string(1, s.sign);
  }
  return aligned(s, to_text(sign + digits), '>');
}

Text styled(Rendering& r, const Style& s, const Value& v) {
  r.characters(static_cast<std::size_t>(s.width));
  const bool numeric = s.type != '\0' && s.type != 's' && s.type != 'c';
  if (v.is_number() && (!v.is_bool() || numeric) && s.type != 's') return number_text(r, s, v);
  if (numeric) r.refuse(text("Unknown format code '", s.type, "' for object of type '", v.type_name(), "'"));
  Text t = r.text_of(v);
  if (s.precision >= 0) t = t.substr(0, static_cast<std::size_t>(s.precision));
  return aligned(s, t, '<');
}

Style read_style(Rendering& r, const Text& t) {
  Style s;
  std::size_t i = 0;
  const auto is_align = [](char32_t c) {
    return plain(c) == '<' || plain(c) == '>' || plain(c) == '^' || plain(c) == '=';
  };
  const auto now = [&] { return i < t.size() ? plain(t[i]) : U'\0'; };
  if (t.size() > 1 && is_align(t[1])) {
    s.fill = t[0];
    s.align = static_cast<char>(plain(t[1]));
    i = 2;
  } else if (!t.empty() && is_align(t[0])) {
    s.align = static_cast<char>(plain(t[0]));
    i = 1;
  }
  if (now() == U'+' || now() == U'-' || now() == U' ') s.sign = static_cast<char>(plain(t[i++]));
  if (now() == U'#') {
    s.alternative = true;
    ++i;
  }
  if (now() == U'0') {
    if (s.align == '\0') {
      s.fill = U'0';
      s.align = '=';
    }
    ++i;
  }
  s.width = read_number(r, t, i);
  if (now() == U',') {
    s.comma = true;
    ++i;
  }
  if (now() == U'.') {
    ++i;
    s.precision = read_number(r, t, i);
  }
  if (i < t.size()) s.type = static_cast<char>(plain(t[i++]));
  constexpr std::string_view kTypes("\0sdxXobneEfFgG%c", 17);
  if (i != t.size() || kTypes.find(s.type) == std::string_view::npos) {
    r.refuse(text("Invalid format specifier '", to_utf8(t), "'"));
  }
  return s;
}

// How fields without a name are counted; a format does it itself or leaves it to format(), never both.
struct Numbering {
  std::size_t next = 0;
  bool automatic = false, manual = false;
};

// name.attribute[item] of a replacement field.
Value field_value(Rendering& r, const Text& name, const Call& call, Numbering& numbering) {
  std::size_t i = 0;
  while (i < name.size() && plain(name[i]) != '.' && plain(name[i]) != '[') ++i;
  const Text first = name.substr(0, i);
  Value v;
  const bool number = !first.empty() && first.size() < 10 && std::all_of(first.begin(), first.end(), is_decimal);
  if (first.empty() || number) {
    (first.empty() ? numbering.automatic : numbering.manual) = true;
    if (numbering.automatic && numbering.manual) {
      r.refuse("cannot switch between manual field specification and automatic field numbering");
    }
    const std::size_t at = first.empty() ? numbering.next++ : static_cast<std::size_t>(std::stoull(to_utf8(first)));
    if (at >= call.positional.size()) r.refuse("Replacement index out of range for positional args tuple");
    v = call.positional[at];
  } else {
    const std::string key = to_utf8(first);
    const auto found =
        std::find_if(call.named.begin(), call.named.end(), [&](const auto& n) { return n.first == key; });
    if (found == call.named.end()) r.refuse(text("format() has no argument '", key, "'"));
    v = found->second;
  }
  while (i < name.size()) {
    const bool dot = plain(name[i]) == '.';
    const std::size_t begin = ++i;
    while (i < name.size() && (dot ? plain(name[i]) != '.' && plain(name[i]) != '[' : plain(name[i]) != ']')) ++i;
    const Text key = name.substr(begin, i - begin);
    const bool index = !dot && !key.empty() && key.size() < 10 && std::all_of(key.begin(), key.end(), is_decimal);
    v = dot ? r.attribute(v, to_utf8(key))
            : r.item(v, index ? Value(static_cast<std::int64_t>(std::stoll(to_utf8(key)))) : Value(key));
    r.require_defined(v);
    if (!dot) ++i;
  }
  return v;
}

}  // namespace

Text percent_format(Rendering& r, const Text& format, const Value& values, bool escapes) {
  const Sequence* tuple = values.sequence();
  if (tuple != nullptr && tuple->kind != Sequence::Kind::kTuple) tuple = nullptr;
  std::size_t used = 0;
  Text out;
  const auto next = [&]() -> Value {
    const std::size_t count = tuple == nullptr ? 1 : tuple->items.size();
    if (used >= count) r.refuse("not enough arguments for format string");
    ++used;
    return tuple == nullptr ? values : tuple->items[used - 1];
  };
  bool by_name = false;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (plain(format[i]) != '%') {
      out.push_back(format[i]);
      continue;
    }
    ++i;
    std::optional<Value> named;
    if (i < format.size() && plain(format[i]) == '(') {
      const std::size_t end = find(format, U")", i);
      if (end == Text::npos) r.refuse("incomplete format key");
      if (values.dict() == nullptr) r.refuse("format requires a mapping");
      named = r.item(values, Value(format.substr(i + 1, end - i - 1)));
      r.require_defined(*named);
      by_name = true;
      i = end + 1;
    }
    Style s;
    for (; i < format.size(); ++i) {
      const char32_t c = plain(format[i]);
      if (c == '-') {
        s.align = '<';
      } else if (c == '0') {
        s.fill = U'0';
      } else if (c == '+' || c == ' ') {
        s.sign = static_cast<char>(c);
      } else if (c == '#') {
        s.alternative = true;
      } else {
        break;
      }
    }
    if (s.align == '<') s.fill = U' ';
    if (s.fill == U'0') s.align = '=';
    s.width = read_number(r, format, i);
    if (i < format.size() && plain(format[i]) == '.') {
      ++i;
      s.precision = read_number(r, format, i);
    }
    if (i >= format.size()) r.refuse("incomplete format");
    s.type = static_cast<char>(plain(format[i]) < 0x80 ? plain(format[i]) : 0);
    if (s.type == '%') {
      out.push_back(U'%');
      continue;
    }
    constexpr std::string_view kTypes = "srdiuxXoeEfFgGca";
    if (kTypes.find(s.type) == std::string_view::npos) {
      r.refuse(text("unsupported format character '", to_utf8(format.substr(i, 1)), "'"));
    }
    Value v = named ? *named : next();
    r.require_defined(v);
    if (s.type == 's' || s.type == 'r' || s.type == 'a' || s.type == 'c') {
      if (s.type == 'r' || s.type == 'a') v = Value(r.repr_of(v));
      if (s.type == 'c' && v.is_integer()) {
        const std::int64_t c = v.integer();
        if (c < 0 || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) r.refuse("%c arg not in range(0x110000)");
        v = Value(Text(1, static_cast<char32_t>(c)));
      }
      if (escapes && !v.is_markup()) v = Value(escaped(r.text_of(v)), true);
      s.type = 's';
      if (s.align != '<') s.align = '>';
      s.fill = U' ';
      out += styled(r, s, v);
    } else {
      if (!v.is_number()) r.refuse(text("%", s.type, " format: a number is required, not ", v.type_name()));
      if (s.precision >= 0 && (s.type == 'd' || s.type == 'i' || s.type == 'u')) {  // at least so many digits
        Style plain_style{.sign = s.sign, .type = 'd'};
        Text digits = number_text(r, plain_style, v);
        const std::size_t sign = !digits.empty() && !is_decimal(digits[0]) ? 1 : 0;
        const auto wanted = static_cast<std::size_t>(s.precision) + sign;
        if (digits.size() < wanted) digits.insert(sign, wanted - digits.size(), U'0');
        out += aligned(s, digits, '>');
      } else {
        out += number_text(r, s, v);
      }
    }
    r.require_output(out);
  }
  if (!by_name && tuple != nullptr && used < tuple->items.size())
    r.refuse("not all arguments converted during string formatting");
  if (!by_name && tuple == nullptr && used == 0 && values.dict() == nullptr && values.sequence() == nullptr) {
    r.refuse("not all arguments converted during string formatting");
  }
  return out;
}

Text brace_format(Rendering& r, const Text& format, const Call& call) {
  Text out;
  Numbering numbering;
  for (std::size_t i = 0; i < format.size(); ++i) {
    const char32_t c = plain(format[i]);
    const bool doubled = i + 1 < format.size() && plain(format[i + 1]) == c;
    if (c != '{' && c != '}') {
      out.push_back(format[i]);
      continue;
    }
    if (doubled) {
      out.push_back(format[i++]);
      continue;
    }
    if (c == '}') r.refuse("Single '}' encountered in format string");
    const std::size_t end = find(format, U"}", i);
    if (end == Text::npos) r.refuse("expected '}' before end of string");
    const Text field = format.substr(i + 1, end - i - 1);
    if (find(field, U"{") != Text::npos) r.unsupported("format fields within format fields are not supported");
    const std::size_t colon = std::min(find(field, U":"), field.size());
    std::size_t name_end = std::min(find(field, U"!"), colon);
    Value v = field_value(r, field.substr(0, name_end), call, numbering);
    r.require_defined(v);
    if (name_end < colon) {
      const Text conversion = field.substr(name_end + 1, colon - name_end - 1);
      v = equal(conversion, "r") ? Value(r.repr_of(v)) : Value(r.text_of(v));
    }
    const Text style = colon < field.size() ? field.substr(colon + 1) : Text();
    out += style.empty() ? r.text_of(v) : styled(r, read_style(r, style), v);
    r.require_output(out);
    i = end;
  }
  return out;
}

}  // namespace ttt::jinja
