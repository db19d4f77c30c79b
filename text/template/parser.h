#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/template/lexer.h"
#include "text/template/syntax.h"

namespace ttt::jinja {

// Moves expressions into a vector, which an initialiser list cannot do.
template <class... P>
std::vector<ExpressionPtr> parts_of(P... parts) {
  std::vector<ExpressionPtr> all;
  (all.push_back(std::move(parts)), ...);
  return all;
}

// A reader of tokens with the expressions of Jinja2's grammar. Nesting is bounded, so that a hostile template causes
// an error and not a stack overflow.
class ExpressionParser {
 public:
  ExpressionParser(std::vector<Token> tokens, std::string_view where) : tokens_(std::move(tokens)), where_(where) {}

  ExpressionPtr expression(bool with_choice = true);
  // One expression, or a tuple where commas follow; `end` is a name that ends it.
  ExpressionPtr tuple(bool with_choice = true, std::string_view end = {});
  // | filter | filter ... of `target`, which may be null.
  ExpressionPtr filters(ExpressionPtr target);
  ExpressionPtr postfix(ExpressionPtr target);
  Arguments arguments();

 protected:
  static constexpr int kMostNesting = 200;
  static constexpr int kMostDepth = 1000;  // a + b + c + ... is a deep tree, too

  class Nesting {
   public:
    explicit Nesting(ExpressionParser& parser) : parser_(parser) {
      if (++parser_.depth_ > kMostNesting) parser_.refuse("nested too deeply");
    }
    ~Nesting() { --parser_.depth_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    ExpressionParser& parser_;
  };

  [[noreturn]] void refuse(std::string_view reason) const;
  [[noreturn]] void unexpected() const;
  static std::string_view described(const Token& token);  // as messages name it

  const Token& now() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  Token take() { return at_ + 1 < tokens_.size() ? tokens_[at_++] : tokens_[at_]; }
  bool is_operator(std::string_view op) const { return now().kind == Token::Kind::kOperator && now().text == op; }
  bool is_name(std::string_view name) const { return now().kind == Token::Kind::kName && now().text == name; }
  bool skip_operator(std::string_view op);
  bool skip_name(std::string_view name);
  void expect_operator(std::string_view op);
  void expect_name(std::string_view name);
  std::string name();
  std::string dotted_name();

  std::vector<Token> tokens_;
  std::string_view where_;
  std::size_t at_ = 0;
  // How often names were read that decide how a macro may be called.
  std::int64_t varargs_ = 0, kwargs_ = 0, caller_ = 0;

 private:
  friend class Nesting;
  using Kind = Expression::Kind;
  // `e` with its depth, which is bounded.
  ExpressionPtr finished(std::unique_ptr<Expression> e) const;
  ExpressionPtr make(Kind kind, std::int64_t line, std::vector<ExpressionPtr> parts, std::string name = {}) const;
  ExpressionPtr constant(Value value, std::int64_t line) const;
  ExpressionPtr either();
  ExpressionPtr both();
  ExpressionPtr negation();
  ExpressionPtr comparison();
  ExpressionPtr sum();
  ExpressionPtr concatenation();
  ExpressionPtr product();
  ExpressionPtr power();
  ExpressionPtr unary(bool with_filters);
  ExpressionPtr primary();
  ExpressionPtr number();
  ExpressionPtr list();
  ExpressionPtr dict();
  ExpressionPtr attribute(ExpressionPtr target);
  ExpressionPtr subscript(ExpressionPtr target);
  ExpressionPtr filters_and_tests(ExpressionPtr target);
  ExpressionPtr test(ExpressionPtr target);
  ExpressionPtr call(ExpressionPtr target);
  bool tuple_ends(std::string_view end) const;

  int depth_ = 0;
};

}  // namespace ttt::jinja
