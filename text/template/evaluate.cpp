#include <algorithm>

#include "text/template/functions.h"
#include "text/template/rendering.h"

namespace ttt::jinja {

Value Rendering::evaluate(const Expression& e, Scope& scope) {
  using Kind = Expression::Kind;
  line_ = e.line;
  step();
  const auto part = [&](std::size_t i) { return evaluate(*e.parts[i], scope); };
  switch (e.kind) {
    case Kind::kConstant:
      return e.value;
    case Kind::kName:
      return lookup(e, scope);
    case Kind::kList:
      return Value::list(evaluate_all(e.parts, scope));
    case Kind::kTuple:
      return Value::tuple(evaluate_all(e.parts, scope));
    case Kind::kDict:
      return evaluate_dict(e, scope);
    case Kind::kNot:
      return !part(0).truth();
    case Kind::kNegative:
    case Kind::kPositive: {
      const Value v = part(0);
      require_defined(v);
      if (!v.is_number()) {
        refuse(text("bad operand type for unary ", e.kind == Kind::kNegative ? "-" : "+", ": '", v.type_name(), "'"));
      }
      if (e.kind == Kind::kPositive) return v.is_bool() ? Value(v.integer()) : v;
      return v.is_float() ? Value(-v.number()) : binary("-", Value(0), v);
    }
    case Kind::kBinary: {
      const Value a = part(0), b = part(1);
      line_ = e.line;
      return binary(e.name, a, b);
    }
    case Kind::kAnd: {
      Value a = part(0);
      return a.truth() ? part(1) : a;
    }
    case Kind::kOr: {
      Value a = part(0);
      return a.truth() ? a : part(1);
    }
    case Kind::kConcat:
      return concat(evaluate_all(e.parts, scope));
    case Kind::kCompare:
      return evaluate_compare(e, scope);
    case Kind::kFilter: {
      const Value v = part(0);
      const Call c = evaluate_call(e.arguments, scope);
      line_ = e.line;
      return filter(e.name, v, c);
    }
    case Kind::kTest: {
      const Value v = part(0);
      const Call c = evaluate_call(e.arguments, scope);
      line_ = e.line;
      return test(e.name, v, c);
    }
    case Kind::kCall:
      return evaluate_function(e, scope);
    case Kind::kAttribute:
      return attribute(part(0), e.name);
    case Kind::kItem: {
      const Value container = part(0);
      return item(container, part(1));
    }
    case Kind::kSlice:
      return slice(e, scope);
    case Kind::kChoice: {
      if (part(1).truth()) return part(0);
      if (e.parts[2] != nullptr) return part(2);
      return Undefined{std::make_shared<const std::string>(
          "the inline if-expression evaluated to false and no else section was defined.")};
    }
  }
  return {};
}

Value Rendering::evaluate_function(const Expression& e, Scope& scope) {
  const Expression& callee = *e.parts[0];
  Value self, function;
  if (callee.kind == Expression::Kind::kAttribute) {
    self = evaluate(*callee.parts[0], scope);
    line_ = callee.line;
    // A method that is called at once needs no object.
    if (!has_method(self, callee.name)) function = attribute(self, callee.name);
  } else {
    function = evaluate(callee, scope);
  }
  const Call c = evaluate_call(e.arguments, scope);
  line_ = e.line;
  if (callee.kind != Expression::Kind::kAttribute || !has_method(self, callee.name)) return call(function, c);
  step();
  return call_method(*this, self, callee.name, c);
}

Value Rendering::lookup(const Expression& e, Scope& scope) {
  if (const Value* found = scope.find(e.name)) return *found;
  return Undefined{std::make_shared<const std::string>(text("'", e.name, "' is undefined"))};
}

std::vector<Value> Rendering::evaluate_all(const std::vector<ExpressionPtr>& parts, Scope& scope) {
  std::vector<Value> values;
  values.reserve(parts.size());
  for (const ExpressionPtr& p : parts) values.push_back(evaluate(*p, scope));
  return values;
}

Value Rendering::evaluate_dict(const Expression& e, Scope& scope) {
  Dict d;
  for (std::size_t i = 0; i < e.parts.size(); i += 2) {
    const Value key = evaluate(*e.parts[i], scope);
    require_defined(key);
    require_hashable(key);
    d.set(key, evaluate(*e.parts[i + 1], scope));
  }
  return d;
}

Value Rendering::evaluate_compare(const Expression& e, Scope& scope) {
  Value left = evaluate(*e.parts[0], scope);
  for (std::size_t i = 0; i < e.operators.size(); ++i) {
    Value right = evaluate(*e.parts[i + 1], scope);
    line_ = e.line;
    if (!compare(e.operators[i], left, right)) return false;
    left = std::move(right);
  }
  return true;
}

void Rendering::require_hashable(const Value& key) {
  step(key.size());
  const Sequence* s = key.sequence();
  if (key.dict() != nullptr || (s != nullptr && s->kind == Sequence::Kind::kList)) {
    refuse(text("unhashable type: '", key.type_name(), "'"));
  }
  if (s == nullptr || s->kind != Sequence::Kind::kTuple) return;
  for (const Value& part : s->items) require_hashable(part);
}

Call Rendering::evaluate_call(const Arguments& arguments, Scope& scope) {
  Call c;
  for (const ExpressionPtr& a : arguments.positional) c.positional.push_back(evaluate(*a, scope));
  for (const auto& [name, a] : arguments.named) c.named.emplace_back(name, evaluate(*a, scope));
  if (arguments.more != nullptr) {
    for (Value& v : items(evaluate(*arguments.more, scope))) c.positional.push_back(std::move(v));
  }
  if (arguments.more_named != nullptr) {
    const Value more = evaluate(*arguments.more_named, scope);
    if (more.dict() == nullptr) refuse("argument after ** must be a mapping");
    for (const auto& [key, v] : more.dict()->entries) {
      if (!key.is_string()) refuse("keywords must be strings");
      c.named.emplace_back(to_utf8(*key.text()), v);
    }
  }
  return c;
}

Value Rendering::call(const Value& function, const Call& c) {
  require_defined(function);
  Object* object = function.object();
  if (object == nullptr || !object->callable()) refuse(text("'", function.type_name(), "' object is not callable"));
  step();
  const Depth depth(*this);
  return object->call(*this, c);
}

Undefined Rendering::missing(const Value& value, const Value& key) {
  const std::string type = value.is_none() ? "None" : text(value.type_name(), " object");
  const std::string shown = to_utf8(repr_of(key));
  return Undefined{std::make_shared<const std::string>(key.is_string() ? text("'", type, "' has no attribute ", shown)
                                                                       : text(type, " has no element ", shown))};
}

Value Rendering::attribute(const Value& value, std::string_view name) {
  require_defined(value);
  if (std::optional<Value> method = method_of(*this, value, name)) return *method;
  if (Object* o = value.object()) {
    if (std::optional<Value> found = o->attribute(*this, name)) return *found;
  }
  if (const Dict* d = value.dict()) {
    if (const Value* found = d->find(Value(name))) return *found;
  }
  if (const Sequence* s = value.sequence(); s != nullptr && s->group && (name == "grouper" || name == "list")) {
    return s->items[name == "list" ? 1 : 0];
  }
  return missing(value, Value(name));
}

Value Rendering::item(const Value& value, const Value& key) {
  require_defined(value);
  require_defined(key);
  if (const Dict* d = value.dict()) {
    step(key.size());
    if (const Value* found = d->find(key)) return *found;
  }
  if ((key.is_integer() || key.is_bool()) && value.dict() == nullptr) {
    const Text* t = value.text();
    const Sequence* s = value.sequence();
    const bool indexed =
        t != nullptr || (s != nullptr && (s->kind == Sequence::Kind::kList || s->kind == Sequence::Kind::kTuple ||
                                          s->kind == Sequence::Kind::kRange));
    const auto size = static_cast<std::int64_t>(t != nullptr ? t->size() : s != nullptr ? s->items.size() : 0);
    const std::int64_t i = key.integer() < 0 ? key.integer() + size : key.integer();
    if (indexed && i >= 0 && i < size) {
      const auto at = static_cast<std::size_t>(i);
      return t != nullptr ? Value(t->substr(at, 1)) : s->items[at];
    }
  }
  if (key.is_string()) {
    const std::string name = to_utf8(*key.text());
    if (std::optional<Value> method = method_of(*this, value, name)) return *method;
    if (Object* o = value.object()) {
      if (std::optional<Value> found = o->attribute(*this, name)) return *found;
    }
  }
  return missing(value, key);
}

Value Rendering::attribute_path(const Value& value, const Value& path) {
  if (!path.is_string()) return item(value, path);
  Value at = value;
  const Text& whole = *path.text();
  for (std::size_t begin = 0;;) {
    const std::size_t dot = find(whole, U".", begin);
    const Text part = whole.substr(begin, dot == Text::npos ? Text::npos : dot - begin);
    const bool number = !part.empty() && part.size() < 10 && std::all_of(part.begin(), part.end(), is_decimal);
    at = item(at, number ? Value(static_cast<std::int64_t>(std::stoll(to_utf8(part)))) : Value(part));
    if (dot == Text::npos) return at;
    begin = dot + 1;
  }
}

Value Rendering::slice(const Expression& e, Scope& scope) {
  const Value value = evaluate(*e.parts[0], scope);
  require_defined(value);
  std::optional<std::int64_t> bounds[3];
  for (std::size_t i = 0; i < 3; ++i) {
    if (e.parts[i + 1] == nullptr) continue;
    const Value bound = evaluate(*e.parts[i + 1], scope);
    require_defined(bound);
    if (bound.is_none()) continue;
    if (!bound.is_integer() && !bound.is_bool())
      refuse("slice indices must be integers or None or have an __index__ method");
    bounds[i] = bound.integer();
  }
  line_ = e.line;
  const Text* t = value.text();
  const Sequence* s = value.sequence();
  const bool sliced =
      t != nullptr || (s != nullptr && (s->kind == Sequence::Kind::kList || s->kind == Sequence::Kind::kTuple ||
                                        s->kind == Sequence::Kind::kRange));
  if (!sliced) return missing(value, Value(0));
  const auto size = static_cast<std::int64_t>(t != nullptr ? t->size() : s->items.size());
  const std::int64_t by = bounds[2].value_or(1);
  if (by == 0) refuse("slice step cannot be zero");
  const auto clipped = [&](std::optional<std::int64_t> bound, std::int64_t absent) {
    if (!bound) return absent;
    const std::int64_t at = *bound < 0 ? std::max(*bound, -size - 1) + size : *bound;
    return std::clamp<std::int64_t>(at, by < 0 ? -1 : 0, by < 0 ? size - 1 : size);
  };
  const std::int64_t begin = clipped(bounds[0], by < 0 ? size - 1 : 0), end = clipped(bounds[1], by < 0 ? -1 : size);
  Text out;
  std::vector<Value> taken;
  for (std::int64_t i = begin; by < 0 ? i > end : i < end;) {
    const auto at = static_cast<std::size_t>(i);
    if (t != nullptr) {
      out.push_back((*t)[at]);
    } else {
      taken.push_back(s->items[at]);
    }
    // A step beyond either end must not overflow.
    if (by > 0 ? by >= end - i : by <= end - i) break;
    i += by;
  }
  t != nullptr ? characters(out.size()) : step(static_cast<std::int64_t>(taken.size()) / 2);
  if (t != nullptr) return Value(std::move(out), value.is_markup());
  if (s->kind != Sequence::Kind::kRange) return Sequence{.kind = s->kind, .items = std::move(taken)};
  // A part of a range is a range. Its numbers were made, so these are within bounds.
  const std::int64_t each = s->range[2];
  return Sequence{.kind = s->kind,
                  .items = std::move(taken),
                  .range = {s->range[0] + begin * each, s->range[0] + end * each, each * by}};
}

std::vector<Value> Rendering::items(const Value& value) {
  std::vector<Value> all;
  if (value.is_undefined()) return all;
  if (const Sequence* s = value.sequence()) {
    const bool iterator = s->kind == Sequence::Kind::kIterator;
    all.assign(s->items.begin() + static_cast<std::ptrdiff_t>(iterator ? s->used : 0), s->items.end());
    if (iterator) s->used = s->items.size();
  } else if (const Dict* d = value.dict()) {
    for (const auto& [key, v] : d->entries) all.push_back(key);
  } else if (const Text* t = value.text()) {
    for (const char32_t c : *t) all.emplace_back(Text(1, c));
  } else {
    refuse(text("'", value.type_name(), "' object is not iterable"));
  }
  step(static_cast<std::int64_t>(all.size()) / 2);
  return all;
}

bool Rendering::equal(const Value& a, const Value& b) {
  step(std::min(a.size(), b.size()));
  return same(a, b);
}

Text Rendering::repr_of(const Value& value) {
  step(value.size());
  Text t = repr(value);
  characters(t.size());
  return t;
}

Text Rendering::text_of(const Value& value) {
  step(value.size());
  Text t = str(value);
  characters(t.size());
  return t;
}

}  // namespace ttt::jinja
