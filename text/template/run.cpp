#include <algorithm>

#include "text/template/functions.h"
#include "text/template/lexer.h"
#include "text/template/rendering.h"

namespace ttt::jinja {

void Scope::set(std::string_view name, Value value) {
  for (auto& [known, v] : names) {
    if (known == name) {
      v = std::move(value);
      return;
    }
  }
  names.emplace_back(name, std::move(value));
}

const Value* Scope::find(std::string_view name) const {
  for (const Scope* s = this; s != nullptr; s = s->around) {
    for (const auto& [known, v] : s->names) {
      if (known == name) return &v;
    }
  }
  return nullptr;
}

Rendering::Rendering(std::string_view where, const TemplateLimits& limits, const RenderOptions& options)
    : where_(where), limits_(limits), options_(options), scopes_(1) {}

Rendering::Depth::Depth(Rendering& rendering) : rendering_(rendering) {
  if (++rendering.depth_ > rendering.limits_.depth) {
    --rendering.depth_;
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
      assign(s, scope, evaluate(*s.expression, scope));
      return Flow::kOn;
    case Kind::kSetBlock:
      set_block(s, scope);
      return Flow::kOn;
    case Kind::kSetField:
      set_field(s, scope);
      return Flow::kOn;
    case Kind::kWith:
      run_with(s, scope, out);
      return Flow::kOn;
    case Kind::kMacro:
      ++captured_;
      scope.set(s.name, make_macro(*this, s, scope));
      return Flow::kOn;
    case Kind::kCallBlock:
      run_call_block(s, scope, out);
      return Flow::kOn;
    case Kind::kFilterBlock: {
      Text body;
      run(s.body, inner(scope), body);
      out += text_of(filters_of(*s.expression, Value(std::move(body)), scope));
      require_output(out);
      return Flow::kOn;
    }
    case Kind::kScope:
      return run(s.body, inner(scope), out);
    case Kind::kBlock:
      return run(s.body, inner(root()), out);
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
  std::vector<Value> all = items(iterated);
  const std::size_t mark = scopes_.size();
  const std::int64_t captured = captured_;
  if (s.condition != nullptr) {
    std::vector<Value> kept;
    Scope& trial = inner(scope);
    for (Value& v : all) {
      trial.names.clear();
      assign_names(s.targets, 0, s.single ? 1 : s.targets.size(), trial, v);
      step();
      if (evaluate(*s.condition, trial).truth()) kept.push_back(std::move(v));
    }
    all = std::move(kept);
  }
  if (all.empty()) return run(s.other, inner(scope), out);
  LoopState* loop = make_loop(*this, s, scope, std::move(all), level);
  for (loop->index = 0; loop->index < loop->items.size(); ++loop->index) {
    line_ = s.line;
    step();
    if (captured_ == captured) release(mark);
    Scope& body = inner(scope);
    body.set("loop", Value(loop->object()));
    assign_names(s.targets, 0, s.single ? 1 : s.targets.size(), body, loop->items[loop->index]);
    if (run(s.body, body, out) == Flow::kBreak) break;
  }
  return Flow::kOn;
}

void Rendering::assign(const Statement& s, Scope& scope, const Value& value) {
  assign_names(s.targets, 0, s.single ? 1 : s.targets.size(), scope, value);
}

void Rendering::assign_names(const std::vector<std::string>& targets, std::size_t begin, std::size_t end, Scope& scope,
                             const Value& value) {
  if (end - begin == 1 && targets.size() == 1) {
    scope.set(targets[begin], value);
    return;
  }
  // The parts of this level: a name, or everything from a bracket to its partner.
  std::vector<std::pair<std::size_t, std::size_t>> parts;
  for (std::size_t i = begin; i < end;) {
    const std::size_t from = i;
    int open = 0;
    do {
      open += targets[i] == "(" ? 1 : targets[i] == ")" ? -1 : 0;
      ++i;
    } while (open > 0);
    parts.emplace_back(from, i);
  }
  const std::vector<Value> values = items(value);
  if (values.size() < parts.size()) {
    refuse(text("not enough values to unpack (expected ", parts.size(), ", got ", values.size(), ")"));
  }
  if (values.size() > parts.size()) refuse(text("too many values to unpack (expected ", parts.size(), ")"));
  for (std::size_t k = 0; k < parts.size(); ++k) {
    const auto [from, to] = parts[k];
    if (to - from == 1) {
      scope.set(targets[from], values[k]);
    } else {
      assign_names(targets, from + 1, to - 1, scope, values[k]);
    }
  }
}

void Rendering::set_field(const Statement& s, Scope& scope) {
  const Value value = evaluate(*s.expression, scope);
  const Value* found = scope.find(s.targets[0]);
  NamespaceState* fields = found == nullptr ? nullptr : namespace_of(*found);
  if (fields == nullptr) refuse("cannot assign attribute on non-namespace object");
  fields->values.set(Value(std::string_view(s.name)), value);
}

void Rendering::set_block(const Statement& s, Scope& scope) {
  Text body;
  run(s.body, inner(scope), body);
  Value value(std::move(body));
  if (s.expression != nullptr) value = filters_of(*s.expression, std::move(value), scope);
  assign(s, scope, value);
}

void Rendering::run_with(const Statement& s, Scope& scope, Text& out) {
  Scope& with = inner(scope);
  std::vector<Value> values;
  for (const Parameter& p : s.parameters) values.push_back(evaluate(*p.standard, scope));
  for (std::size_t i = 0; i < values.size(); ++i) with.set(s.parameters[i].name, std::move(values[i]));
  run(s.body, with, out);
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
