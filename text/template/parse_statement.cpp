#include <algorithm>
#include <array>

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

  // The body of a statement whose opening tag was read, with its closing tag.
  Block body_until(std::string_view end) {
    end_tag();
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

  // A name, or several with commas between them, also in brackets; "(" and ")" stand around those of a nested target.
  void target(Statement& s, bool nested) {
    std::size_t names = 0;
    bool several = false;
    do {
      if (several && (is_name("in") || is_operator("=") || is_operator(")") || now().kind == Token::Kind::kBlockEnd))
        break;
      if (skip_operator("(")) {
        const Nesting nesting(*this);
        s.targets.emplace_back("(");
        target(s, true);
        expect_operator(")");
        s.targets.emplace_back(")");
      } else {
        const std::string word = name();
        for (const std::string_view reserved : {"true", "false", "none", "True", "False", "None"}) {
          if (word == reserved) refuse(text("can't assign to '", word, "'"));
        }
        s.targets.push_back(word);
      }
      ++names;
      several = several || is_operator(",");
    } while (skip_operator(","));
    if (!nested) s.single = !several && s.targets[0] != "(";
  }

  void read_for(Statement& s) {
    s.kind = Kind::kFor;
    target(s, false);
    expect_name("in");
    s.expression = tuple(false, "recursive");
    if (skip_name("if")) s.condition = expression();
    s.recursive = skip_name("recursive");
    end_tag();
    s.body = block({"endfor", "else"});
    if (take().text == "else") {
      end_tag();
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
      end_tag();
      s->body = block({"elif", "else", "endif"});
      const Token tag = take();
      if (tag.text == "endif") return;
      if (tag.text == "else") {
        end_tag();
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
    if (now().kind == Token::Kind::kName && ahead().kind == Token::Kind::kOperator && ahead().text == ".") {
      s.kind = Kind::kSetField;
      s.targets.push_back(take().text);
      take();
      s.name = name();
    } else {
      target(s, false);
    }
    if (skip_operator("=")) {
      if (s.kind != Kind::kSetField) s.kind = Kind::kSet;
      s.expression = tuple();
      return;
    }
    if (s.kind == Kind::kSetField) {
      fail(ErrorKind::kUnsupported, at_line(where_, s.line) + "a block that is set to a field of a namespace");
    }
    s.kind = Kind::kSetBlock;
    if (is_operator("|")) s.expression = filters(nullptr);
    s.body = body_until("endset");
  }

  void read_with(Statement& s) {
    s.kind = Kind::kWith;
    while (now().kind != Token::Kind::kBlockEnd) {
      if (!s.parameters.empty()) expect_operator(",");
      Parameter p;
      p.name = name();
      expect_operator("=");
      p.standard = expression();
      s.parameters.push_back(std::move(p));
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
    skip_name("scoped");
    end_tag();
    s.body = block({"endblock"});
    take();
    skip_name(s.name);
  }

  void read_print(Statement& s) {
    s.kind = Kind::kPrint;
    s.expression = tuple();
  }

  void read_generation(Statement& s) {
    s.kind = Kind::kScope;
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

  void read_break(Statement& s) { s.kind = Kind::kBreak; }
  void read_continue(Statement& s) { s.kind = Kind::kContinue; }

  static constexpr int kMostBranches = 2000;
  int branches_ = 0;
};

}  // namespace

Block parse_template(std::string_view source, std::string_view where) {
  return TemplateParser(tokenize(source, where), where).run();
}

}  // namespace ttt::jinja
