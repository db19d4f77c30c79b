#include "base/error.h"
#include "text/template/parser.h"

// What may follow an expression: attributes, items, slices, calls, filters and tests.
namespace ttt::jinja {

ExpressionPtr ExpressionParser::postfix(ExpressionPtr target) {
  for (;;) {
    if (is_operator(".")) {
      target = attribute(std::move(target));
    } else if (is_operator("[")) {
      target = subscript(std::move(target));
    } else if (is_operator("(")) {
      target = call(std::move(target));
    } else {
      return target;
    }
  }
}

ExpressionPtr ExpressionParser::attribute(ExpressionPtr target) {
  const std::int64_t line = take().line;
  if (now().kind == Token::Kind::kName) return make(Kind::kAttribute, line, parts_of(std::move(target)), take().text);
  if (now().kind != Token::Kind::kInteger) refuse("expected name or number");
  return make(Kind::kItem, line, parts_of(std::move(target), number()));
}

ExpressionPtr ExpressionParser::subscript(ExpressionPtr target) {
  const std::int64_t line = take().line;
  ExpressionPtr bounds[3];
  std::size_t colons = 0;
  std::vector<ExpressionPtr> items;
  for (;;) {
    if (skip_operator(":")) {
      if (++colons > 2 || !items.empty()) unexpected();
      continue;
    }
    if (is_operator("]") || is_operator(",")) {
      if (skip_operator(",")) {
        if (colons > 0 || bounds[0] == nullptr) unexpected();
        items.push_back(std::move(bounds[0]));
        if (!is_operator("]")) continue;
      }
      break;
    }
    if (bounds[colons] != nullptr) unexpected();
    bounds[colons] = expression();
  }
  expect_operator("]");
  if (colons > 0) {
    return make(Kind::kSlice, line,
                parts_of(std::move(target), std::move(bounds[0]), std::move(bounds[1]), std::move(bounds[2])));
  }
  if (items.empty() && bounds[0] != nullptr)
    return make(Kind::kItem, line, parts_of(std::move(target), std::move(bounds[0])));
  if (bounds[0] != nullptr) items.push_back(std::move(bounds[0]));
  return make(Kind::kItem, line, parts_of(std::move(target), make(Kind::kTuple, line, std::move(items))));
}

ExpressionPtr ExpressionParser::filters_and_tests(ExpressionPtr target) {
  for (;;) {
    if (is_operator("|")) {
      target = filters(std::move(target));
    } else if (is_name("is")) {
      target = test(std::move(target));
    } else if (is_operator("(")) {
      target = call(std::move(target));
    } else {
      return target;
    }
  }
}

ExpressionPtr ExpressionParser::filters(ExpressionPtr target) {
  // A block's filter stands without the bar before the first one.
  bool first = target == nullptr && !is_operator("|");
  while (first || is_operator("|")) {
    if (!first) take();
    first = false;
    auto e = std::make_unique<Expression>();
    e->kind = Kind::kFilter;
    e->line = now().line;
    e->name = dotted_name();
    e->parts.push_back(std::move(target));
    if (is_operator("(")) e->arguments = arguments();
    target = finished(std::move(e));
  }
  return target;
}

ExpressionPtr ExpressionParser::test(ExpressionPtr target) {
  const std::int64_t line = take().line;
  const bool negated = skip_name("not");
  auto e = std::make_unique<Expression>();
  e->kind = Kind::kTest;
  e->line = line;
  e->name = dotted_name();
  e->parts.push_back(std::move(target));
  const Token::Kind kind = now().kind;
  const bool value = kind == Token::Kind::kName || kind == Token::Kind::kString || kind == Token::Kind::kInteger ||
                     kind == Token::Kind::kFloat || is_operator("[") || is_operator("{");
  if (is_operator("(")) {
    e->arguments = arguments();
  } else if (value && !is_name("else") && !is_name("or") && !is_name("and")) {
    if (is_name("is")) refuse("You cannot chain multiple tests with is");
    e->arguments.positional.push_back(postfix(primary()));
  }
  ExpressionPtr whole = finished(std::move(e));
  return negated ? make(Kind::kNot, line, parts_of(std::move(whole))) : std::move(whole);
}

ExpressionPtr ExpressionParser::call(ExpressionPtr target) {
  auto e = std::make_unique<Expression>();
  e->kind = Kind::kCall;
  e->line = now().line;
  e->parts.push_back(std::move(target));
  e->arguments = arguments();
  return finished(std::move(e));
}

Arguments ExpressionParser::arguments() {
  expect_operator("(");
  Arguments a;
  bool first = true;
  while (!is_operator(")")) {
    if (!first) {
      expect_operator(",");
      if (is_operator(")")) break;
    }
    first = false;
    if (skip_operator("*")) {
      if (a.more != nullptr || a.more_named != nullptr) refuse("invalid syntax for function call expression");
      a.more = expression();
    } else if (skip_operator("**")) {
      if (a.more_named != nullptr) refuse("invalid syntax for function call expression");
      a.more_named = expression();
    } else if (now().kind == Token::Kind::kName && ahead().kind == Token::Kind::kOperator && ahead().text == "=") {
      if (a.more_named != nullptr) refuse("invalid syntax for function call expression");
      std::string key = take().text;
      take();
      a.named.emplace_back(std::move(key), expression());
    } else {
      if (a.more != nullptr || a.more_named != nullptr || !a.named.empty()) {
        refuse("invalid syntax for function call expression");
      }
      a.positional.push_back(expression());
    }
  }
  expect_operator(")");
  return a;
}

}  // namespace ttt::jinja
