#include <cmath>

#include "text/template/functions.h"
#include "text/template/rendering.h"

namespace ttt::jinja {
namespace {

bool whole(const Value& v) { return v.is_integer() || v.is_bool(); }

std::int64_t floor_divided(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

// Nothing where the result is beyond 64 bits.
std::optional<std::int64_t> integer_result(std::string_view op, std::int64_t a, std::int64_t b) {
  std::int64_t r = 0;
  if (op == "+") return __builtin_add_overflow(a, b, &r) ? std::nullopt : std::optional(r);
  if (op == "-") return __builtin_sub_overflow(a, b, &r) ? std::nullopt : std::optional(r);
  if (op == "*") return __builtin_mul_overflow(a, b, &r) ? std::nullopt : std::optional(r);
  if (op == "//") return a == INT64_MIN && b == -1 ? std::nullopt : std::optional(floor_divided(a, b));
  if (op == "%") return b == -1 ? 0 : a - floor_divided(a, b) * b;
  r = 1;  // ** by squaring
  for (std::int64_t base = a;;) {
    if ((b & 1) != 0 && __builtin_mul_overflow(r, base, &r)) return std::nullopt;
    b >>= 1;
    if (b == 0) return r;
    if (__builtin_mul_overflow(base, base, &base)) return std::nullopt;
  }
}

double float_result(std::string_view op, double a, double b) {
  if (op == "+") return a + b;
  if (op == "-") return a - b;
  if (op == "*") return a * b;
  if (op == "/") return a / b;
  if (op == "**") return std::pow(a, b);
  // As Python: the remainder has the divisor's sign.
  double rest = std::fmod(a, b);
  if (rest != 0 && (rest < 0) != (b < 0)) rest += b;
  if (op == "%") return rest;
  return std::floor((a - rest) / b + 0.5);
}

}  // namespace

Value Rendering::binary(std::string_view op, const Value& a, const Value& b) {
  require_defined(a);
  require_defined(b);
  if (op == "%" && a.is_string()) return Value(percent_format(*this, *a.text(), b, a.is_markup()), a.is_markup());
  if (a.is_number() && b.is_number()) {
    const bool divides = op == "/" || op == "//" || op == "%";
    if (divides && b.number() == 0)
      refuse(op == "/"   ? "division by zero"
             : op == "%" ? "integer modulo by zero"
                         : "integer division or modulo by zero");
    const bool inverse = op == "**" && whole(b) && b.integer() < 0;
    if (inverse && a.number() == 0) refuse("0.0 cannot be raised to a negative power");
    if (!whole(a) || !whole(b) || op == "/" || inverse) return float_result(op, a.number(), b.number());
    const std::optional<std::int64_t> r = integer_result(op, a.integer(), b.integer());
    if (!r) refuse(text("the result of ", a.integer(), " ", op, " ", b.integer(), " is beyond 64 bits"));
    return *r;
  }
  if (op == "+" && a.is_string() && b.is_string()) {
    characters(a.text()->size() + b.text()->size());
    if (!a.is_markup() && !b.is_markup()) return *a.text() + *b.text();
    return Value((a.is_markup() ? *a.text() : escaped(*a.text())) + (b.is_markup() ? *b.text() : escaped(*b.text())),
                 true);
  }
  const Sequence *x = a.sequence(), *y = b.sequence();
  const auto joins = [](const Sequence* s) {
    return s != nullptr && (s->kind == Sequence::Kind::kList || s->kind == Sequence::Kind::kTuple);
  };
  if (op == "+" && joins(x) && joins(y) && x->kind == y->kind) {
    std::vector<Value> all = x->items;
    all.insert(all.end(), y->items.begin(), y->items.end());
    step(static_cast<std::int64_t>(all.size()) / 2);
    return Sequence{.kind = x->kind, .items = std::move(all)};
  }
  if (op == "*" && (whole(a) || whole(b)) && (a.is_string() || b.is_string() || joins(x) || joins(y))) {
    const Value& repeated = whole(a) ? b : a;
    const std::int64_t n = std::max<std::int64_t>((whole(a) ? a : b).integer(), 0);
    const std::size_t size = repeated.is_string() ? repeated.text()->size() : repeated.sequence()->items.size();
    constexpr std::int64_t kMost = 1 << 24;
    if (size > 0 && n > kMost / static_cast<std::int64_t>(size))
      refuse(text("a repetition of more than ", kMost, " items"));
    const std::size_t made = size * static_cast<std::size_t>(n);
    repeated.is_string() ? characters(made) : step(static_cast<std::int64_t>(made) / 2);
    Text t;
    std::vector<Value> all;
    for (std::int64_t i = 0; i < n; ++i) {
      if (repeated.is_string()) {
        t += *repeated.text();
      } else {
        all.insert(all.end(), repeated.sequence()->items.begin(), repeated.sequence()->items.end());
      }
    }
    if (repeated.is_string()) return Value(std::move(t), repeated.is_markup());
    return Sequence{.kind = repeated.sequence()->kind, .items = std::move(all)};
  }
  if (op == "+" && a.is_string()) refuse(text("can only concatenate str (not \"", b.type_name(), "\") to str"));
  if (op == "+" && joins(x)) {
    refuse(text("can only concatenate ", a.type_name(), " (not \"", b.type_name(), "\") to ", a.type_name()));
  }
  refuse(text("unsupported operand type(s) for ", op == "**" ? "** or pow()" : op, ": '", a.type_name(), "' and '",
              b.type_name(), "'"));
}

// Without escapes, whatever is marked safe: templates of models are rendered with autoescape off.
Value Rendering::concat(const std::vector<Value>& parts) {
  Text out;
  for (const Value& p : parts) {
    out += text_of(p);
    characters(out.size());
  }
  return out;
}

bool Rendering::compare(std::string_view op, const Value& a, const Value& b) {
  if (op == "==") return equal(a, b);
  if (op == "!=") return !equal(a, b);
  if (op == "in") return contains(b, a);
  if (op == "not in") return !contains(b, a);
  require_defined(a);
  require_defined(b);
  step(std::min(a.size(), b.size()));
  const auto ordered = [&](auto x, auto y) {
    return op == "<" ? x < y : op == "<=" ? x <= y : op == ">" ? x > y : x >= y;
  };
  if (a.is_number() && b.is_number()) {
    return whole(a) && whole(b) ? ordered(a.integer(), b.integer()) : ordered(a.number(), b.number());
  }
  if (a.is_string() && b.is_string()) return ordered(jinja::compare(*a.text(), *b.text()), 0);
  const Sequence *x = a.sequence(), *y = b.sequence();
  if (x != nullptr && y != nullptr && x->kind == y->kind &&
      (x->kind == Sequence::Kind::kList || x->kind == Sequence::Kind::kTuple)) {
    for (std::size_t i = 0; i < std::min(x->items.size(), y->items.size()); ++i) {
      step();
      if (!equal(x->items[i], y->items[i])) return compare(op, x->items[i], y->items[i]);
    }
    return ordered(x->items.size(), y->items.size());
  }
  refuse(text("'", op, "' not supported between instances of '", a.type_name(), "' and '", b.type_name(), "'"));
}

bool Rendering::contains(const Value& container, const Value& item) {
  if (const Text* t = container.text()) {
    require_defined(item);
    if (!item.is_string()) {
      refuse(text("'in <string>' requires string as left operand, not ", item.type_name()));
    }
    characters(t->size());
    return find(*t, *item.text()) != Text::npos;
  }
  if (const Dict* d = container.dict()) {
    require_hashable(item);
    return d->find(item) != nullptr;
  }
  if (const NamespaceState* n = namespace_of(container)) return n->values.find(item) != nullptr;
  if (container.sequence() == nullptr && !container.is_undefined()) {
    refuse(text("argument of type '", container.type_name(), "' is not iterable"));
  }
  for (const Value& v : items(container)) {
    step();
    if (equal(v, item)) return true;
  }
  return false;
}

}  // namespace ttt::jinja
