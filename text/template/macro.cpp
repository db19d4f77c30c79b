#include <algorithm>

#include "text/template/functions.h"
#include "text/template/rendering.h"

namespace ttt::jinja {
namespace {

// A macro, or the block of a call statement.
class Macro final : public Object {
 public:
  Macro(const Statement& statement, Scope& scope) : statement_(statement), scope_(scope) {}

  std::string_view type_name() const override { return "Macro"; }
  Text repr() const override { return to_text(text("<Macro '", statement_.name, "'>")); }
  bool callable() const override { return true; }

  std::optional<Value> attribute(Rendering&, std::string_view name) override {
    if (name == "name") return Value(std::string_view(statement_.name));
    return std::nullopt;
  }

  Value call(Rendering& rendering, const Call& call) override {
    const auto& parameters = statement_.parameters;
    Scope& scope = rendering.inner(scope_);
    const std::size_t given = std::min(call.positional.size(), parameters.size());
    if (call.positional.size() > parameters.size() && !statement_.uses_varargs) {
      rendering.refuse(text("macro '", statement_.name, "' takes not more than ", parameters.size(), " argument(s)"));
    }
    std::vector<bool> used(call.named.size(), false);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const Parameter& p = parameters[i];
      const auto at =
          std::find_if(call.named.begin(), call.named.end(), [&](const auto& n) { return n.first == p.name; });
      if (i < given) {
        if (at != call.named.end()) {
          rendering.refuse(text("macro '", statement_.name, "' got multiple values for argument '", p.name, "'"));
        }
        scope.set(p.name, call.positional[i]);
      } else if (at != call.named.end()) {
        used[static_cast<std::size_t>(at - call.named.begin())] = true;
        scope.set(p.name, at->second);
      } else if (p.standard != nullptr) {
        scope.set(p.name, rendering.evaluate(*p.standard, scope));
      } else {
        scope.set(p.name,
                  Undefined{std::make_shared<const std::string>(text("parameter '", p.name, "' was not provided"))});
      }
    }
    bind_others(rendering, call, used, scope, given);
    Text out;
    rendering.run(statement_.body, scope, out);
    return out;
  }

 private:
  void bind_others(Rendering& rendering, const Call& call, const std::vector<bool>& used, Scope& scope,
                   std::size_t given) const {
    Dict others;
    bool has_caller = false;
    for (std::size_t i = 0; i < call.named.size(); ++i) {
      if (used[i]) continue;
      const auto& [name, value] = call.named[i];
      if (name == "caller" && statement_.uses_caller) {
        scope.set("caller", value);
        has_caller = true;
      } else if (statement_.uses_kwargs) {
        others.set(Value(std::string_view(name)), value);
      } else if (name == "caller") {
        rendering.refuse(text("macro '", statement_.name,
                              "' was invoked with two values for the special caller argument or takes none"));
      } else {
        rendering.refuse(text("macro '", statement_.name, "' takes no keyword argument '", name, "'"));
      }
    }
    if (statement_.uses_caller && !has_caller) {
      const bool parameter = std::any_of(statement_.parameters.begin(), statement_.parameters.end(),
                                         [](const Parameter& p) { return p.name == "caller"; });
      if (!parameter) scope.set("caller", Undefined{std::make_shared<const std::string>("No caller defined")});
    }
    if (statement_.uses_kwargs) scope.set("kwargs", Value(std::move(others)));
    if (statement_.uses_varargs) {
      scope.set("varargs",
                Value::tuple({call.positional.begin() + static_cast<std::ptrdiff_t>(given), call.positional.end()}));
    }
  }

  const Statement& statement_;
  Scope& scope_;
};

// `loop` inside a for-statement.
class Loop final : public Object, public LoopState {
 public:
  Loop(const Statement& statement, Scope& scope, std::vector<Value> all, std::int64_t level)
      : statement_(statement), scope_(scope), level_(level) {
    (statement.condition == nullptr ? items : waiting_) = std::move(all);
  }

  Object* object() override { return this; }
  bool reach(Rendering& rendering, std::size_t i) override {
    while (items.size() <= i && next_ < waiting_.size()) {
      Value item = std::move(waiting_[next_++]);
      if (rendering.takes(statement_, scope_, item)) items.push_back(std::move(item));
    }
    return i < items.size();
  }
  std::string_view type_name() const override { return "LoopContext"; }
  Text repr() const override { return to_text(text("<LoopContext ", index + 1, "/", items.size(), ">")); }
  bool callable() const override { return true; }

  Value call(Rendering& rendering, const Call& call) override {
    if (!statement_.recursive) {
      rendering.refuse("The loop must have the 'recursive' marker to be called recursively.");
    }
    static constexpr std::string_view kNames[] = {"iterable"};
    const Parameters p(rendering, "loop", call, 1, kNames);
    Text out;
    rendering.run_loop(statement_, p[0], scope_, out, level_ + 1);
    return out;
  }

  std::optional<Value> attribute(Rendering& rendering, std::string_view name) override {
    const auto at = static_cast<std::int64_t>(index);
    if (name == "index") return at + 1;
    if (name == "index0") return at;
    if (name == "last") return !reach(rendering, index + 1);
    if (name == "nextitem") return reach(rendering, index + 1) ? items[index + 1] : none("there is no next item");
    const bool all = name == "revindex" || name == "revindex0" || name == "length";
    if (all) reach(rendering, items.size() + waiting_.size());
    const auto size = static_cast<std::int64_t>(items.size());
    if (name == "revindex") return size - at;
    if (name == "revindex0") return size - at - 1;
    if (name == "first") return at == 0;
    if (name == "length") return size;
    if (name == "depth") return level_ + 1;
    if (name == "depth0") return level_;
    if (name == "previtem") return index > 0 ? items[index - 1] : none("there is no previous item");
    if (name == "cycle" || name == "changed") return Value(rendering.make<Method>(*this, name == "cycle"));
    return std::nullopt;
  }

 private:
  static Value none(std::string_view message) { return Undefined{std::make_shared<const std::string>(message)}; }

  class Method final : public Object {
   public:
    Method(Loop& loop, bool cycle) : loop_(loop), cycle_(cycle) {}
    std::string_view type_name() const override { return "method"; }
    bool callable() const override { return true; }
    Value call(Rendering& rendering, const Call& call) override {
      if (cycle_) {
        if (call.positional.empty()) rendering.refuse("no items for cycling given");
        return call.positional[loop_.index % call.positional.size()];
      }
      const Value now = Value::tuple(call.positional);
      const bool changed = !loop_.last_ || !rendering.equal(*loop_.last_, now);
      loop_.last_ = now;
      return changed;
    }

   private:
    Loop& loop_;
    bool cycle_;
  };

  const Statement& statement_;
  Scope& scope_;
  std::int64_t level_;
  std::vector<Value> waiting_ = {};  // items whose condition is still to be looked at
  std::size_t next_ = 0;
  std::optional<Value> last_;
};

class BlockReference final : public Object {
 public:
  explicit BlockReference(const Statement& block) : block_(block) {}
  std::string_view type_name() const override { return "BlockReference"; }
  bool callable() const override { return true; }
  Value call(Rendering& rendering, const Call& call) override {
    const Parameters none(rendering, block_.name, call, 0, {});
    Text out;
    rendering.run(block_.body, rendering.inner(rendering.top()), out);
    return out;
  }

 private:
  const Statement& block_;
};

class Self final : public Object {
 public:
  explicit Self(const Block& whole) : whole_(whole) {}
  std::string_view type_name() const override { return "TemplateReference"; }
  Text repr() const override { return to_text("<TemplateReference None>"); }
  std::optional<Value> attribute(Rendering& rendering, std::string_view name) override {
    const Statement* block = find_block(whole_, name);
    if (block == nullptr) return std::nullopt;
    return Value(static_cast<Object*>(rendering.make<BlockReference>(*block)));
  }

 private:
  const Block& whole_;
};

}  // namespace

Value make_self(Rendering& rendering, const Block& whole) {
  return Value(static_cast<Object*>(rendering.make<Self>(whole)));
}

Value make_macro(Rendering& rendering, const Statement& s, Scope& scope) {
  return Value(static_cast<Object*>(rendering.make<Macro>(s, scope)));
}

LoopState* make_loop(Rendering& rendering, const Statement& s, Scope& scope, std::vector<Value> items,
                     std::int64_t level) {
  return rendering.make<Loop>(s, scope, std::move(items), level);
}

}  // namespace ttt::jinja
