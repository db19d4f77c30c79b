#include <charconv>
#include <cmath>

#include "base/error.h"
#include "text/template/parser.h"

namespace ttt::jinja {

std::string_view ExpressionParser::described(const Token& token) {
  using TokenKind = Token::Kind;
  switch (token.kind) {
    case TokenKind::kData:
      return "template data";
    case TokenKind::kBlockBegin:
      return "begin of statement block";
    case TokenKind::kBlockEnd:
      return "end of statement block";
    case TokenKind::kVariableBegin:
      return "begin of print statement";
    case TokenKind::kVariableEnd:
      return "end of print statement";
    case TokenKind::kEnd:
      return "end of template";
    default:
      return token.text;
  }
}

void ExpressionParser::refuse(std::string_view reason) const {
  fail(ErrorKind::kBadData, at_line(where_, now().line) + std::string(reason));
}

void ExpressionParser::unexpected() const { refuse(text("unexpected '", described(now()), "'")); }

bool ExpressionParser::skip_operator(std::string_view op) {
  const bool found = is_operator(op);
  if (found) take();
  return found;
}

bool ExpressionParser::skip_name(std::string_view name) {
  const bool found = is_name(name);
  if (found) take();
  return found;
}

void ExpressionParser::expect_operator(std::string_view op) {
  if (!skip_operator(op)) refuse(text("expected token '", op, "', got '", described(now()), "'"));
}

void ExpressionParser::expect_name(std::string_view name) {
  if (!skip_name(name)) refuse(text("expected token '", name, "', got '", described(now()), "'"));
}

std::string ExpressionParser::name() {
  if (now().kind != Token::Kind::kName) refuse(text("expected token 'name', got '", described(now()), "'"));
  return take().text;
}

std::string ExpressionParser::dotted_name() {
  std::string whole = name();
  while (skip_operator(".")) whole += "." + name();
  return whole;
}

ExpressionPtr ExpressionParser::finished(std::unique_ptr<Expression> e) const {
  const auto include = [&](const ExpressionPtr& part) {
    if (part != nullptr) e->depth = std::max(e->depth, part->depth + 1);
  };
  for (const ExpressionPtr& part : e->parts) include(part);
  for (const ExpressionPtr& a : e->arguments.positional) include(a);
  for (const auto& [key, a] : e->arguments.named) include(a);
  include(e->arguments.more);
  include(e->arguments.more_named);
  if (e->depth > kMostDepth) refuse("an expression of too many parts");
  return e;
}

ExpressionPtr ExpressionParser::make(Kind kind, std::int64_t line, std::vector<ExpressionPtr> parts,
                                     std::string name) const {
  auto e = std::make_unique<Expression>();
  e->kind = kind;
  e->line = line;
  e->name = std::move(name);
  e->parts = std::move(parts);
  return finished(std::move(e));
}

ExpressionPtr ExpressionParser::constant(Value value, std::int64_t line) const {
  auto e = std::make_unique<Expression>();
  e->line = line;
  e->value = std::move(value);
  return e;
}

ExpressionPtr ExpressionParser::expression(bool with_choice) {
  const Nesting nesting(*this);
  ExpressionPtr e = either();
  while (with_choice && is_name("if")) {
    const std::int64_t line = take().line;
    ExpressionPtr condition = either(), other;
    if (skip_name("else")) other = expression();
    e = make(Kind::kChoice, line, parts_of(std::move(e), std::move(condition), std::move(other)));
  }
  return e;
}

ExpressionPtr ExpressionParser::either() {
  ExpressionPtr e = both();
  while (is_name("or")) {
    const std::int64_t line = take().line;
    e = make(Kind::kOr, line, parts_of(std::move(e), both()));
  }
  return e;
}

ExpressionPtr ExpressionParser::both() {
  ExpressionPtr e = negation();
  while (is_name("and")) {
    const std::int64_t line = take().line;
    e = make(Kind::kAnd, line, parts_of(std::move(e), negation()));
  }
  return e;
}

ExpressionPtr ExpressionParser::negation() {
  if (!is_name("not")) return comparison();
  const Nesting nesting(*this);
  const std::int64_t line = take().line;
  return make(Kind::kNot, line, parts_of(negation()));
}

ExpressionPtr ExpressionParser::comparison() {
  const std::int64_t line = now().line;
  std::vector<ExpressionPtr> parts;
  std::vector<std::string> operators;
  parts.push_back(sum());
  for (;;) {
    if (is_operator("==") || is_operator("!=") || is_operator("<") || is_operator("<=") || is_operator(">") ||
        is_operator(">=")) {
      operators.push_back(take().text);
    } else if (skip_name("in")) {
      operators.emplace_back("in");
    } else if (is_name("not") && ahead().kind == Token::Kind::kName && ahead().text == "in") {
      take();
      take();
      operators.emplace_back("not in");
    } else {
      break;
    }
    parts.push_back(sum());
  }
  if (operators.empty()) return std::move(parts[0]);
  auto e = std::make_unique<Expression>();
  e->kind = Kind::kCompare;
  e->line = line;
  e->parts = std::move(parts);
  e->operators = std::move(operators);
  return finished(std::move(e));
}

ExpressionPtr ExpressionParser::sum() {
  ExpressionPtr e = concatenation();
  while (is_operator("+") || is_operator("-")) {
    const Token op = take();
    e = make(Kind::kBinary, op.line, parts_of(std::move(e), concatenation()), op.text);
  }
  return e;
}

ExpressionPtr ExpressionParser::concatenation() {
  const std::int64_t line = now().line;
  std::vector<ExpressionPtr> parts;
  parts.push_back(product());
  while (skip_operator("~")) parts.push_back(product());
  if (parts.size() == 1) return std::move(parts[0]);
  return make(Kind::kConcat, line, std::move(parts));
}

ExpressionPtr ExpressionParser::product() {
  ExpressionPtr e = power();
  while (is_operator("*") || is_operator("/") || is_operator("//") || is_operator("%")) {
    const Token op = take();
    e = make(Kind::kBinary, op.line, parts_of(std::move(e), power()), op.text);
  }
  return e;
}

ExpressionPtr ExpressionParser::power() {
  ExpressionPtr e = unary(true);
  while (is_operator("**")) {
    const Token op = take();
    e = make(Kind::kBinary, op.line, parts_of(std::move(e), unary(true)), op.text);
  }
  return e;
}

ExpressionPtr ExpressionParser::unary(bool with_filters) {
  const Nesting nesting(*this);
  ExpressionPtr e;
  if (is_operator("-") || is_operator("+")) {
    const Token op = take();
    e = make(op.text == "-" ? Kind::kNegative : Kind::kPositive, op.line, parts_of(unary(false)));
  } else {
    e = primary();
  }
  e = postfix(std::move(e));
  return with_filters ? filters_and_tests(std::move(e)) : std::move(e);
}

ExpressionPtr ExpressionParser::primary() {
  const Token& token = now();
  const std::int64_t line = token.line;
  switch (token.kind) {
    case Token::Kind::kName: {
      const std::string word = take().text;
      if (word == "true" || word == "True") return constant(true, line);
      if (word == "false" || word == "False") return constant(false, line);
      if (word == "none" || word == "None") return constant({}, line);
      varargs_ += word == "varargs";
      kwargs_ += word == "kwargs";
      caller_ += word == "caller";
      return make(Kind::kName, line, {}, word);
    }
    case Token::Kind::kString: {
      std::string whole;
      while (now().kind == Token::Kind::kString) whole += take().text;
      return constant(Value(std::string_view(whole)), line);
    }
    case Token::Kind::kInteger:
    case Token::Kind::kFloat:
      return number();
    default:
      break;
  }
  if (skip_operator("(")) {
    ExpressionPtr e;
    if (is_operator(")")) {
      e = make(Kind::kTuple, line, {});
    } else {
      e = tuple();
    }
    expect_operator(")");
    return e;
  }
  if (is_operator("[")) return list();
  if (is_operator("{")) return dict();
  unexpected();
}

ExpressionPtr ExpressionParser::number() {
  const Token token = now();
  if (token.kind == Token::Kind::kFloat) {
    double v = 0;
    const auto r = std::from_chars(token.text.data(), token.text.data() + token.text.size(), v);
    // Out of range from_chars leaves v as it was; Python takes infinity or zero.
    if (r.ec == std::errc::result_out_of_range) v = token.text.find("e-") == std::string::npos ? HUGE_VAL : 0.0;
    take();
    return constant(v, token.line);
  }
  std::string_view digits = token.text;
  int base = 10;
  if (digits.size() > 1 && (digits[1] == 'x' || digits[1] == 'o' || digits[1] == 'b')) {
    base = digits[1] == 'x' ? 16 : digits[1] == 'o' ? 8 : 2;
    digits.remove_prefix(2);
  }
  std::int64_t v = 0;
  const auto r = std::from_chars(digits.data(), digits.data() + digits.size(), v, base);
  if (r.ec != std::errc{}) refuse(text("integer ", token.text.substr(0, 100), " is beyond 64 bits"));
  take();
  return constant(v, token.line);
}

ExpressionPtr ExpressionParser::list() {
  const std::int64_t line = take().line;
  std::vector<ExpressionPtr> parts;
  while (!is_operator("]")) {
    if (!parts.empty()) expect_operator(",");
    if (is_operator("]")) break;
    parts.push_back(expression());
  }
  expect_operator("]");
  return make(Kind::kList, line, std::move(parts));
}

ExpressionPtr ExpressionParser::dict() {
  const std::int64_t line = take().line;
  std::vector<ExpressionPtr> parts;
  while (!is_operator("}")) {
    if (!parts.empty()) expect_operator(",");
    if (is_operator("}")) break;
    parts.push_back(expression());
    expect_operator(":");
    parts.push_back(expression());
  }
  expect_operator("}");
  return make(Kind::kDict, line, std::move(parts));
}

bool ExpressionParser::tuple_ends(std::string_view end) const {
  return now().kind == Token::Kind::kVariableEnd || now().kind == Token::Kind::kBlockEnd || is_operator(")") ||
         (!end.empty() && is_name(end));
}

ExpressionPtr ExpressionParser::tuple(bool with_choice, std::string_view end) {
  const std::int64_t line = now().line;
  if (tuple_ends(end)) refuse(text("Expected an expression, got '", described(now()), "'"));
  std::vector<ExpressionPtr> parts;
  bool several = false;
  for (;;) {
    parts.push_back(expression(with_choice));
    if (!skip_operator(",")) break;
    several = true;
    if (tuple_ends(end)) break;
  }
  if (!several) return std::move(parts[0]);
  return make(Kind::kTuple, line, std::move(parts));
}

}  // namespace ttt::jinja
