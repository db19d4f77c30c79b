#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/template/value.h"

// The syntax tree of a template.
namespace ttt::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;

struct Arguments {
  std::vector<ExpressionPtr> positional = {};
  std::vector<std::pair<std::string, ExpressionPtr>> named = {};
  ExpressionPtr more = {}, more_named = {};  // of *more and **more_named
};

struct Expression {
  enum class Kind : std::uint8_t {
    kConstant,   // value
    kName,       // name
    kList,       // parts
    kTuple,      // parts
    kDict,       // parts: key, value, key, value ...
    kNot,        // parts[0]
    kNegative,   // parts[0]
    kPositive,   // parts[0]
    kBinary,     // parts[0] name parts[1]
    kAnd,        // parts[0] and parts[1]
    kOr,         // parts[0] or parts[1]
    kConcat,     // parts joined as text
    kCompare,    // parts[0] operators[0] parts[1] operators[1] parts[2] ...
    kFilter,     // parts[0] | name(arguments); parts[0] is null for the text of a block
    kTest,       // parts[0] is name(arguments)
    kCall,       // parts[0](arguments)
    kAttribute,  // parts[0].name
    kItem,       // parts[0][parts[1]]
    kSlice,      // parts[0][parts[1] : parts[2] : parts[3]], each of which may be null
    kChoice,     // parts[0] if parts[1] else parts[2], which may be null
  };
  Kind kind = Kind::kConstant;
  std::int64_t line = 1;
  std::string name = {};
  Value value = {};
  std::vector<ExpressionPtr> parts = {};
  std::vector<std::string> operators = {};
  Arguments arguments = {};
  int depth = 1;  // of nested expressions, this one included
};

struct Statement;
using Block = std::vector<Statement>;

// The target of an assignment: a name, a field of a namespace (name.field), or targets that unpack a value.
struct Target {
  std::string name = {}, field = {};
  std::vector<Target> parts = {};
  bool several = false;  // of parts, of which there may be none
};

struct Parameter {
  std::string name = {};
  ExpressionPtr standard = {};  // null: none
};

struct Statement {
  enum class Kind : std::uint8_t {
    kText,         // text
    kPrint,        // expression
    kFor,          // for targets[0] in expression if condition: body, else other; recursive
    kIf,           // if expression: body, else other
    kSet,          // targets[0] = expression
    kSetBlock,     // targets[0] = expression, a chain of filters or null, of the text of body
    kWith,         // targets = values: body
    kMacro,        // name(parameters): body
    kCallBlock,    // expression, a call, with a caller(parameters): body
    kFilterBlock,  // expression, a chain of filters, of the text of body
    kScope,        // body, with its own names
    kBlock,        // name, body, which sees the names of the whole template only, or, scoped, all of its place
    kBreak,
    kContinue,
  };
  Kind kind = Kind::kText;
  std::int64_t line = 1;
  std::string name = {};
  Text text = {};
  std::vector<Target> targets = {};
  std::vector<ExpressionPtr> values = {};
  bool recursive = false, scoped = false;
  bool uses_varargs = false, uses_kwargs = false, uses_caller = false;  // of a macro's body
  std::vector<Parameter> parameters = {};
  ExpressionPtr expression = {}, condition = {};
  Block body = {}, other = {};
};

// Error{kBadData} "WHERE line N: reason" for an invalid template, Error{kUnsupported} for parts of Jinja2 that need
// other files (include, import, extends).
Block parse_template(std::string_view source, std::string_view where);

// Calls `f` with all text between tags and all strings within them.
void for_each_literal(const Block& in, const std::function<void(const Text&)>& f);

// The {% block %} of that name, or null.
const Statement* find_block(const Block& in, std::string_view name);

}  // namespace ttt::jinja
