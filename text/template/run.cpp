#include <algorithm>

#include "text/template/functions.h"
#include "text/template/lexer.h"
#include "text/template/rendering.h"

namespace ttt::jinja {

namespace {

constexpr std::size_t kFewNames = 16;  // are found faster by looking at all

}  // namespace

std::size_t Scope::place(std::string_view name) const {
  if (names.size() > kFewNames) {
    const auto at = places.find(name);
    return at == places.end() ? names.size() : at->second;
  }
  std::size_t i = 0;
  while (i < names.size() && names[i].first != name) ++i;
  return i;
}

void Scope::set(std::string_view name, Value value) {
  const std::size_t i = place(name);
  if (i < names.size()) {
    names[i].second = std::move(value);
    return;
  }
  names.emplace_back(name, std::move(value));
  if (names.size() == kFewNames + 1) {
    for (std::size_t k = 0; k < names.size(); ++k) places.emplace(names[k].first, k);
  } else if (names.size() > kFewNames) {
    places.emplace(name, i);
  }
}

const Value* Scope::find(std::string_view name) const {
  for (const Scope* s = this; s != nullptr; s = s->around) {
    const std::size_t i = s->place(name);
    if (i < s->names.size()) return &s->names[i].second;
  }
  return nullptr;
}

Rendering::Rendering(std::string_view where, const TemplateLimits& limits, const RenderOptions& options)
    : where_(where),
      limits_(limits),
      options_(options),
      stack_(reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0))),
      scopes_(1) {
  inner(globals());
}

Rendering::Depth::Depth(Rendering& rendering) : rendering_(rendering) {
  // Bytes; a call can stand deep within an expression and within blocks, so that their number alone is no bound.
  constexpr std::uintptr_t kMostStack = 3 << 20;
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  const std::uintptr_t used = here < rendering.stack_ ? rendering.stack_ - here : here - rendering.stack_;
  if (++rendering.depth_ > rendering.limits_.depth || used > kMostStack) {
    --rendering.depth_;
    if (used > kMostStack) rendering.refuse("calls are nested too deeply within expressions and blocks");
    rendering.refuse(text("calls are nested deeper than ", rendering.limits_.depth));
  }
}

void Rendering::step(std::int64_t n) {
  steps_ += n;
  if (steps_ > limits_.steps) refuse(text("the template takes more than ", limits_.steps, " steps"));
}

void Rendering::characters(std::size_t n) {
  if (n > static_cast<std::size_t>(limits_.output)) refuse(text("text of more than ", limits_.output, " characters"));
  step(static_cast<std::int64_t>(n / 64));
}

void Rendering::refuse(const std::string& reason) const { fail(ErrorKind::kBadData, at_line(where_, line_) + reason); }

void Rendering::unsupported(const std::string& what) const {
  fail(ErrorKind::kUnsupported, at_line(where_, line_) + what);
}

void Rendering::require_defined(const Value& value) const {
  if (const Undefined* u = value.undefined()) refuse(u->message ? *u->message : std::string("value is undefined"));
}

void Rendering::require_output(const Text& out) const {
  if (out.size() > static_cast<std::size_t>(limits_.output)) {
    refuse(text("the result is longer than ", limits_.output, " characters"));
  }
}

Scope& Rendering::inner(Scope& around) { return scopes_.emplace_back(Scope{.around = &around}); }

// Scopes that nothing has kept are given back.
void Rendering::release(std::size_t scopes) {
  while (scopes_.size() > scopes) scopes_.pop_back();
}

Rendering::Flow Rendering::run(const Block& block, Scope& scope, Text& out) {
  for (const Statement& s : block) {
    if (const Flow flow = run(s, scope, out); flow != Flow::kOn) return flow;
  }
  return Flow::kOn;
}

Rendering::Flow Rendering::run(const Statement& s, Scope& scope, Text& out) {
  using Kind = Statement::Kind;
  line_ = s.line;
  step();
  switch (s.kind) {
    case Kind::kText:
      characters(s.text.size());
      out += s.text;
      require_output(out);
      return Flow::kOn;
    case Kind::kPrint: {
      const Text printed = text_of(evaluate(*s.expression, scope));
      characters(printed.size());
      out += printed;
      require_output(out);
      return Flow::kOn;
    }
    case Kind::kIf:
      return run_if(s, scope, out);
    case Kind::kFor:
      return run_loop(s, evaluate(*s.expression, scope), scope, out, 0);
    case Kind::kSet:
      assign(s.targets[0], scope, evaluate(*s.expression, scope));
      return Flow::kOn;
    case Kind::kSetBlock:
      return set_block(s, scope);
    case Kind::kWith:
      return run_with(s, scope, out);
    case Kind::kMacro:
      ++captured_;
      scope.set(s.name, make_macro(*this, s, scope));
      return Flow::kOn;
    case Kind::kCallBlock:
      run_call_block(s, scope, out);
      return Flow::kOn;
    case Kind::kFilterBlock:
      return run_filter_block(s, scope, out);
    case Kind::kScope:
      return run(s.body, inner(scope), out);
    case Kind::kBlock:
      return run(s.body, inner(s.scoped ? scope : top()), out);
    case Kind::kBreak:
      return Flow::kBreak;
    case Kind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kOn;
}

Rendering::Flow Rendering::run_if(const Statement& first, Scope& scope, Text& out) {
  const Statement* s = &first;
  while (!evaluate(*s->expression, scope).truth()) {
    const bool chained = s->other.size() == 1 && s->other[0].kind == Statement::Kind::kIf;
    if (!chained) return run(s->other, scope, out);
    s = &s->other[0];
    line_ = s->line;
    step();
  }
  return run(s->body, scope, out);
}

Rendering::Flow Rendering::run_loop(const Statement& s, const Value& iterated, Scope& scope, Text& out,
                                    std::int64_t level) {
  const Depth depth(*this);
  const std::size_t mark = scopes_.size();
  if (s.recursive) ++captured_;
  const std::int64_t captured = captured_;
  LoopState* loop = make_loop(*this, s, scope, items(iterated), level);
  // As in Jinja2 the else-branch also runs where no iteration came to its end.
  bool completed = false;
  for (loop->index = 0; loop->reach(*this, loop->index); ++loop->index) {
    line_ = s.line;
    step();
    if (captured_ == captured) release(mark);
    Scope& body = inner(scope);
    body.set("loop", Value(loop->object()));
    assign(s.targets[0], body, loop->items[loop->index]);
    const Flow flow = run(s.body, body, out);
    if (flow == Flow::kBreak) break;
    completed = completed || flow == Flow::kOn;
  }
  return completed ? Flow::kOn : run(s.other, inner(scope), out);
}

bool Rendering::takes(const Statement& s, Scope& scope, const Value& item) {
  Scope trial{.around = &scope};
  assign(s.targets[0], trial, item);
  step();
  return evaluate(*s.condition, trial).truth();
}

void Rendering::assign(const Target& target, Scope& scope, const Value& value) {
  if (!target.several && target.field.empty()) return scope.set(target.name, value);
  if (!target.several) {
    const Value* found = scope.find(target.name);
    NamespaceState* fields = found == nullptr ? nullptr : namespace_of(*found);
    if (fields == nullptr) refuse("cannot assign attribute on non-namespace object");
    return fields->set(*this, target.field, value);
  }
  const std::vector<Value> values = items(value);
  if (values.size() < target.parts.size()) {
    refuse(text("not enough values to unpack (expected ", target.parts.size(), ", got ", values.size(), ")"));
  }
  if (values.size() > target.parts.size()) {
    refuse(text("too many values to unpack (expected ", target.parts.size(), ")"));
  }
  for (std::size_t i = 0; i < values.size(); ++i) assign(target.parts[i], scope, values[i]);
}

Rendering::Flow Rendering::set_block(const Statement& s, Scope& scope) {
  Text body;
  if (const Flow flow = run(s.body, inner(scope), body); flow != Flow::kOn) return flow;
  Value value(std::move(body));
  if (s.expression != nullptr) value = filters_of(*s.expression, std::move(value), scope);
  assign(s.targets[0], scope, value);
  return Flow::kOn;
}

Rendering::Flow Rendering::run_filter_block(const Statement& s, Scope& scope, Text& out) {
  Text body;
  if (const Flow flow = run(s.body, inner(scope), body); flow != Flow::kOn) return flow;
  out += text_of(filters_of(*s.expression, Value(std::move(body)), scope));
  require_output(out);
  return Flow::kOn;
}

Rendering::Flow Rendering::run_with(const Statement& s, Scope& scope, Text& out) {
  Scope& with = inner(scope);
  std::vector<Value> values;
  for (const ExpressionPtr& v : s.values) values.push_back(evaluate(*v, scope));
  for (std::size_t i = 0; i < values.size(); ++i) assign(s.targets[i], with, values[i]);
  return run(s.body, with, out);
}

void Rendering::run_call_block(const Statement& s, Scope& scope, Text& out) {
  const Value function = evaluate(*s.expression->parts[0], scope);
  Call c = evaluate_call(s.expression->arguments, scope);
  ++captured_;
  c.named.emplace_back("caller", make_macro(*this, s, scope));
  const Text result = text_of(call(function, c));
  characters(result.size());
  out += result;
  require_output(out);
}

// A chain of filters whose first one has no target of its own.
Value Rendering::filters_of(const Expression& chain, Value value, Scope& scope) {
  if (chain.parts[0] != nullptr) value = filters_of(*chain.parts[0], std::move(value), scope);
  line_ = chain.line;
  return filter(chain.name, value, evaluate_call(chain.arguments, scope));
}

}  // namespace ttt::jinja
