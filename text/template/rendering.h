#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "text/template/object.h"
#include "text/template/syntax.h"
#include "text/template/template.h"

namespace ttt::jinja {

// The names that are known at a place, and those around it.
struct Scope {
  Scope* around = nullptr;
  std::vector<std::pair<std::string_view, Value>> names = {};
  std::map<std::string_view, std::size_t> places = {};  // of names, where they are many

  void set(std::string_view name, Value value);
  const Value* find(std::string_view name) const;  // here or around
  std::size_t place(std::string_view name) const;  // of this scope's names; their number where it is none of them
};

// One rendering of a template: its remaining budget, the objects that it made, and the place for messages.
class Rendering {
 public:
  enum class Flow : std::uint8_t { kOn, kBreak, kContinue };

  Rendering(std::string_view where, const TemplateLimits& limits, const RenderOptions& options);

  // Statements: text is appended to `out`.
  Flow run(const Block& block, Scope& scope, Text& out);
  Value evaluate(const Expression& e, Scope& scope);

  // Calls anything that can be called.
  Value call(const Value& function, const Call& call);
  Value filter(std::string_view name, const Value& value, const Call& call);
  bool test(std::string_view name, const Value& value, const Call& call);
  // value.name and value[key], as Jinja2 looks them up; a missing one is an Undefined.
  Value attribute(const Value& value, std::string_view name);
  Value item(const Value& value, const Value& key);
  // a.b.0 of a filter's argument `attribute`.
  Value attribute_path(const Value& value, const Value& path);

  // The items of anything that can be iterated over.
  std::vector<Value> items(const Value& value);
  // Text as str() gives it, after the check that it may be used.
  Text text_of(const Value& value);
  Value binary(std::string_view op, const Value& a, const Value& b);
  bool compare(std::string_view op, const Value& a, const Value& b);
  bool contains(const Value& container, const Value& item);
  Value concat(const std::vector<Value>& parts);

  template <class T, class... A>
  T* make(A&&... arguments) {
    auto object = std::make_unique<T>(std::forward<A>(arguments)...);
    T* pointer = object.get();
    objects_.push_back(std::move(object));
    return pointer;
  }
  Scope& inner(Scope& around);
  Scope& globals() { return scopes_.front(); }
  // The names of the whole template: the variables of the request and those that are set outside of loops and macros.
  Scope& top() { return scopes_[1]; }

  // Counts work; fails when the budget is used up. `characters` of new text are counted too.
  void step(std::int64_t n = 1);
  void characters(std::size_t n);
  // Fails with the current line.
  [[noreturn]] void refuse(const std::string& reason) const;
  [[noreturn]] void unsupported(const std::string& what) const;
  // Fails when the value is undefined.
  void require_defined(const Value& value) const;
  // Fails when the value cannot be a key; counts the work of the look-up.
  void require_hashable(const Value& key);
  bool equal(const Value& a, const Value& b);  // as ==
  Text repr_of(const Value& value);
  void require_output(const Text& out) const;

  const RenderOptions& options() const { return options_; }

  // One more level of nested calls; restored when it ends.
  class Depth {
   public:
    explicit Depth(Rendering& rendering);
    ~Depth() { --rendering_.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;

   private:
    Rendering& rendering_;
  };

  // For-loops, which loop objects may call recursively.
  Flow run_loop(const Statement& s, const Value& iterated, Scope& scope, Text& out, std::int64_t level);
  // Whether a for-statement with a condition takes this item.
  bool takes(const Statement& s, Scope& scope, const Value& item);
  void assign(const Target& target, Scope& scope, const Value& value);

 private:
  friend class Depth;
  Flow run(const Statement& s, Scope& scope, Text& out);
  Flow run_if(const Statement& s, Scope& scope, Text& out);
  Flow set_block(const Statement& s, Scope& scope);
  Flow run_filter_block(const Statement& s, Scope& scope, Text& out);
  Flow run_with(const Statement& s, Scope& scope, Text& out);
  void run_call_block(const Statement& s, Scope& scope, Text& out);
  Value filters_of(const Expression& chain, Value value, Scope& scope);
  Value lookup(const Expression& e, Scope& scope);
  Value evaluate_function(const Expression& e, Scope& scope);
  Value slice(const Expression& e, Scope& scope);
  Value evaluate_dict(const Expression& e, Scope& scope);
  Value evaluate_compare(const Expression& e, Scope& scope);
  std::vector<Value> evaluate_all(const std::vector<ExpressionPtr>& parts, Scope& scope);
  Call evaluate_call(const Arguments& arguments, Scope& scope);
  Undefined missing(const Value& value, const Value& key);
  void release(std::size_t scopes);

  std::string_view where_;
  TemplateLimits limits_;
  const RenderOptions& options_;
  std::int64_t line_ = 1, steps_ = 0;
  std::int64_t depth_ = 0;
  std::uintptr_t stack_;  // where the rendering began
  std::deque<Scope> scopes_;
  std::vector<std::unique_ptr<Object>> objects_;
  std::int64_t captured_ = 0;  // macros and loops that keep a scope
};

}  // namespace ttt::jinja
