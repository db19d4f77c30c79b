#include "text/template/syntax.h"

namespace ttt::jinja {
namespace {

using OnText = std::function<void(const Text&)>;

void visit(const ExpressionPtr& e, const OnText& f) {
  if (e == nullptr) return;
  if (e->kind == Expression::Kind::kConstant && e->value.text() != nullptr) f(*e->value.text());
  for (const ExpressionPtr& part : e->parts) visit(part, f);
  for (const ExpressionPtr& a : e->arguments.positional) visit(a, f);
  for (const auto& [name, a] : e->arguments.named) visit(a, f);
  visit(e->arguments.more, f);
  visit(e->arguments.more_named, f);
}

}  // namespace

void for_each_literal(const Block& in, const OnText& f) {
  for (const Statement& s : in) {
    if (s.kind == Statement::Kind::kText) f(s.text);
    visit(s.expression, f);
    visit(s.condition, f);
    for (const ExpressionPtr& v : s.values) visit(v, f);
    for (const Parameter& p : s.parameters) visit(p.standard, f);
    for_each_literal(s.body, f);
    for_each_literal(s.other, f);
  }
}

const Statement* find_block(const Block& in, std::string_view name) {
  for (const Statement& s : in) {
    if (s.kind == Statement::Kind::kBlock && s.name == name) return &s;
    for (const Block* inner : {&s.body, &s.other}) {
      if (const Statement* found = find_block(*inner, name)) return found;
    }
  }
  return nullptr;
}

}  // namespace ttt::jinja
