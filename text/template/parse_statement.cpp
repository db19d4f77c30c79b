#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/error.h"
#include "text/template/parser.h"

namespace ttt::jinja {
namespace {

class TemplateParser : ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  Block run() {
    Block all = block({});
    return all;
  }

 private:
  using Kind = Statement::Kind;
  using Ends = std::vector<std::string_view>;

  // Statements up to a tag whose name is among `ends`, which is left to be read; all to the end where there are none.
  Block block(const Ends& ends) {
    const Nesting nesting(*this);
    Block statements;
    for (;;) {
      const Token& token = now();
      if (token.kind == Token::Kind::kEnd) {
        if (!ends.empty())
          refuse(text("Unexpected end of template. The innermost block that needs to be closed ends with '",
                      ends.back(), "'"));
        return statements;
      }
      if (token.kind == Token::Kind::kData) {
        Statement s;
        s.line = token.line;
        s.text = to_text(token.text);
        take();
        statements.push_back(std::move(s));
      } else if (token.kind == Token::Kind::kVariableBegin) {
        take();
        Statement s{.kind = Kind::kPrint, .line = now().line};
        s.expression = tuple();
        expect(Token::Kind::kVariableEnd);
        statements.push_back(std::move(s));
      } else {
        take();
        if (now().kind != Token::Kind::kName) refuse("tag name expected");
        if (std::find(ends.begin(), ends.end(), now().text) != ends.end()) return statements;
        statement(statements, ends);
      }
    }
  }

  void expect(Token::Kind kind) {
    if (now().kind != kind) unexpected();
    take();
  }
  void end_tag() { expect(Token::Kind::kBlockEnd); }
  // Of a tag with a body: a colon may stand before the end.
  void begin_body() {
    skip_operator(":");
    end_tag();
  }

  // The body of a statement whose opening tag was read, with its closing tag.
  Block body_until(std::string_view end) {
    begin_body();
    Block body = block({end});
    take();
    return body;
  }

  void statement(Block& out, const Ends& ends) {
    const Token tag = now();
    Statement s;
    s.line = tag.line;
    using Method = void (TemplateParser::*)(Statement&);
    static constexpr std::array<std::pair<std::string_view, Method>, 13> kStatements{{
        {"for", &TemplateParser::read_for},
        {"if", &TemplateParser::read_if},
        {"set", &TemplateParser::read_set},
        {"with", &TemplateParser::read_with},
        {"macro", &TemplateParser::read_macro},
        {"call", &TemplateParser::read_call},
        {"filter", &TemplateParser::read_filter},
        {"block", &TemplateParser::read_block},
        {"print", &TemplateParser::read_print},
        {"generation", &TemplateParser::read_generation},
        {"autoescape", &TemplateParser::read_autoescape},
        {"break", &TemplateParser::read_break},
        {"continue", &TemplateParser::read_continue},
    }};
    for (const auto& [name, method] : kStatements) {
      if (tag.text != name) continue;
      take();
      (this->*method)(s);
      end_tag();
      out.push_back(std::move(s));
      return;
    }
    for (const std::string_view name : {"include", "import", "from", "extends"}) {
      if (tag.text == name) {
        fail(ErrorKind::kUnsupported,
             at_line(where_, tag.line) + text("{% ", name, " %} needs other templates, which a model does not have"));
      }
    }
    std::string open;
    if (!ends.empty()) open = text("; the innermost block is still to be closed with '", ends.back(), "'");
    refuse(text("Encountered unknown tag '", tag.text, "'", open));
  }

  // A name, a field of a namespace where `fields` says so, or targets in brackets, which are names only.
  Target one_target(bool fields) {
    if (skip_operator("(")) {
      const Nesting nesting(*this);
      Target t = targets(false, ")");
      expect_operator(")");
      return t;
    }
    if (now().kind != Token::Kind::kName) refuse(text("can't assign to '", described(now()), "'"));
    Target t;
    t.name = name();
    for (const std::string_view reserved : {"true", "false", "none", "True", "False", "None"}) {
      if (t.name == reserved) refuse(text("can't assign to '", t.name, "'"));
    }
    if (fields && skip_operator(".")) t.field = name();
    return t;
  }

  // One target, or several with commas between them, of which the last may be followed by `end`.
  Target targets(bool fields, std::string_view end) {
    Target whole;
    for (;;) {
      if ((is_operator(")") && end == ")") || (is_name("in") && end == "in") || now().kind == Token::Kind::kBlockEnd) {
        if (!whole.several && end != ")") refuse(text("Expected an expression, got '", described(now()), "'"));
        whole.several = true;
        return whole;
      }
      whole.parts.push_back(one_target(fields));
      if (!skip_operator(",")) break;
      whole.several = true;
    }
    return whole.several ? std::move(whole) : Target(std::move(whole.parts[0]));
  }

  void read_for(Statement& s) {
    s.kind = Kind::kFor;
    s.targets.push_back(targets(false, "in"));
    expect_name("in");
    s.expression = tuple(false, "recursive");
    if (skip_name("if")) s.condition = expression();
    s.recursive = skip_name("recursive");
    begin_body();
    ++loops_;
    s.body = block({"endfor", "else"});
    --loops_;
    if (take().text == "else") {
      begin_body();
      s.other = block({"endfor"});
      take();
    }
  }

  // Of a chain of elif, each branch is the `other` of the one before.
  void read_if(Statement& first) {
    Statement* s = &first;
    for (;;) {
      s->kind = Kind::kIf;
      s->expression = tuple(false);
      begin_body();
      s->body = block({"elif", "else", "endif"});
      const Token tag = take();
      if (tag.text == "endif") return;
      if (tag.text == "else") {
        begin_body();
        s->other = block({"endif"});
        take();
        return;
      }
      s->other.emplace_back();
      s = &s->other.back();
      s->line = tag.line;
      // Branches in one another: as deep a tree as blocks in blocks.
      if (++branches_ > kMostBranches) refuse(text("more than ", kMostBranches, " branches"));
    }
  }

  void read_set(Statement& s) {
    s.targets.push_back(targets(true, {}));
    if (skip_operator("=")) {
      s.kind = Kind::kSet;
      s.expression = tuple();
      return;
    }
    s.kind = Kind::kSetBlock;
    if (is_operator("|")) s.expression = filters(nullptr);
    s.body = body_until("endset");
  }

  void read_with(Statement& s) {
    s.kind = Kind::kWith;
    while (now().kind != Token::Kind::kBlockEnd) {
      if (!s.targets.empty()) expect_operator(",");
      s.targets.push_back(one_target(false));
      expect_operator("=");
      s.values.push_back(expression());
    }
    s.body = body_until("endwith");
  }

  void signature(Statement& s) {
    expect_operator("(");
    while (!is_operator(")")) {
      if (!s.parameters.empty()) expect_operator(",");
      Parameter p;
      p.name = name();
      if (skip_operator("=")) {
        p.standard = expression();
      } else if (!s.parameters.empty() && s.parameters.back().standard != nullptr) {
        refuse("non-default argument follows default argument");
      }
      s.parameters.push_back(std::move(p));
    }
    take();
  }

  void body_of_macro(Statement& s, std::string_view end) {
    const std::int64_t varargs = varargs_, kwargs = kwargs_, caller = caller_;
    const OutsideLoops outside(*this);
    s.body = body_until(end);
    s.uses_varargs = varargs_ > varargs;
    s.uses_kwargs = kwargs_ > kwargs;
    s.uses_caller = caller_ > caller;
  }

  void read_macro(Statement& s) {
    s.kind = Kind::kMacro;
    s.name = name();
    signature(s);
    body_of_macro(s, "endmacro");
  }

  void read_call(Statement& s) {
    s.kind = Kind::kCallBlock;
    if (is_operator("(")) signature(s);
    s.expression = expression();
    if (s.expression->kind != Expression::Kind::kCall) refuse("expected call");
    body_of_macro(s, "endcall");
  }

  void read_filter(Statement& s) {
    s.kind = Kind::kFilterBlock;
    s.expression = filters(nullptr);
    s.body = body_until("endfilter");
  }

  void read_block(Statement& s) {
    s.kind = Kind::kBlock;
    s.name = name();
    if (!blocks_.insert(s.name).second) refuse(text("block '", s.name, "' defined twice"));
    s.scoped = skip_name("scoped");
    const bool required = skip_name("required");
    const OutsideLoops outside(*this);
    s.body = body_until("endblock");
    if (required) {
      fail(ErrorKind::kUnsupported, at_line(where_, s.line) + "a required block needs other templates");
    }
    skip_name(s.name);
  }

  // Every expression between the commas is printed.
  void read_print(Statement& s) {
    s.kind = Kind::kScope;
    while (now().kind != Token::Kind::kBlockEnd) {
      if (!s.body.empty()) expect_operator(",");
      Statement print{.kind = Kind::kPrint, .line = now().line};
      print.expression = expression();
      s.body.push_back(std::move(print));
    }
  }

  void read_generation(Statement& s) {
    s.kind = Kind::kScope;
    const OutsideLoops outside(*this);
    s.body = body_until("endgeneration");
  }

  void read_autoescape(Statement& s) {
    s.kind = Kind::kScope;
    const std::int64_t line = now().line;
    const ExpressionPtr on = expression();
    if (on->kind != Expression::Kind::kConstant || on->value.truth()) {
      fail(ErrorKind::kUnsupported, at_line(where_, line) + "{% autoescape %} is supported with false only");
    }
    s.body = body_until("endautoescape");
  }

  void read_break(Statement& s) { jump(s, Kind::kBreak, "break"); }
  void read_continue(Statement& s) { jump(s, Kind::kContinue, "continue"); }
  void jump(Statement& s, Kind kind, std::string_view name) {
    if (loops_ == 0) refuse(text("'", name, "' outside loop"));
    s.kind = kind;
  }

  // A macro, and what Jinja2 makes a function of, does not end the loop that it stands in.
  class OutsideLoops {
   public:
    explicit OutsideLoops(TemplateParser& parser) : parser_(parser), loops_(std::exchange(parser.loops_, 0)) {}
    ~OutsideLoops() { parser_.loops_ = loops_; }
    OutsideLoops(const OutsideLoops&) = delete;
    OutsideLoops& operator=(const OutsideLoops&) = delete;

   private:
    TemplateParser& parser_;
    int loops_;
  };

  static constexpr int kMostBranches = 2000;
  int branches_ = 0;
  int loops_ = 0;
  std::set<std::string> blocks_;
};

}  // namespace

Block parse_template(std::string_view source, std::string_view where) {
  return TemplateParser(tokenize(source, where), where).run();
}

}  // namespace ttt::jinja
