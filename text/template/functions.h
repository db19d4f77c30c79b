#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/template/object.h"
#include "text/template/syntax.h"

namespace ttt::jinja {

struct Scope;

// Shared by the for-statement and its `loop`.
struct LoopState {
  virtual ~LoopState() = default;
  virtual Object* object() = 0;
  // Whether there is an item i. With a condition, items are evaluated only when they are needed.
  virtual bool reach(Rendering& rendering, std::size_t i) = 0;
  std::vector<Value> items = {};
  std::size_t index = 0;
};
LoopState* make_loop(Rendering& rendering, const Statement& s, Scope& scope, std::vector<Value> items,
                     std::int64_t level);

Value make_macro(Rendering& rendering, const Statement& s, Scope& scope);

// `self`, whose attributes are the blocks of the template.
Value make_self(Rendering& rendering, const Block& whole);

struct NamespaceState {
  Dict values = {};
  void set(Rendering& rendering, std::string_view name, Value value);  // fails for names that begin with _
};
// Null for any other value.
NamespaceState* namespace_of(const Value& value);

// The method `name` of a string, list, tuple or dictionary, bound to it; nothing where there is none.
std::optional<Value> method_of(Rendering& rendering, const Value& value, std::string_view name);
bool has_method(const Value& value, std::string_view name);
// Calls it.
Value call_method(Rendering& rendering, const Value& self, std::string_view name, const Call& call);
Value call_text_method(Rendering& rendering, const Value& self, std::string_view name, const Call& call);
Value call_collection_method(Rendering& rendering, const Value& self, std::string_view name, const Call& call);
bool is_text_method(std::string_view name);

// range, dict, namespace, cycler, joiner, raise_exception, strftime_now.
void add_globals(Rendering& rendering, Scope& scope);

// "%s and %d" % values, and "{} and {0}".format(...).
// With `escapes` values that are not marked safe are escaped, as in a format that is.
Text percent_format(Rendering& rendering, const Text& format, const Value& values, bool escapes = false);
Text brace_format(Rendering& rendering, const Text& format, const Call& call);

// Python's json.dumps with ensure_ascii=False. indent < 0: one line.
struct JsonStyle {
  bool ascii = false;
  std::int64_t indent = -1;
  Text item_separator, key_separator;
  bool sorted = false;
};
Text json_text(Rendering& rendering, const Value& value, const JsonStyle& style);

// Filters by where they stand in the source; null where the name is not known. filter_named asks all of them.
using FilterFn = Value (*)(Rendering&, const Value&, const Call&);
FilterFn filter_named(std::string_view name);
FilterFn text_filter(std::string_view name);
FilterFn sequence_filter(std::string_view name);
FilterFn value_filter(std::string_view name);
FilterFn markup_filter(std::string_view name);
FilterFn layout_filter(std::string_view name);
bool known_test(std::string_view name);

Text escaped(const Text& text);  // & < > ' " as HTML writes them

}  // namespace ttt::jinja
