#include <algorithm>
#include <array>
#include <ctime>

#include "text/template/functions.h"
#include "text/template/rendering.h"

namespace ttt::jinja {
namespace {

using BuiltIn = Value (*)(Rendering&, const Call&);

Value from_keys(Rendering& r, const Call& call) {
  constexpr std::string_view kNames[] = {"iterable", "value"};
  const Parameters p(r, "fromkeys", call, 1, kNames);
  Dict d;
  for (const Value& key : r.items(p[0])) {
    r.require_hashable(key);
    d.set(key, p.get(1, {}));
  }
  return d;
}

class Function final : public Object {
 public:
  Function(std::string_view name, BuiltIn body) : name_(name), body_(body) {}
  std::string_view type_name() const override { return "function"; }
  Text repr() const override { return to_text(text("<function ", name_, ">")); }
  bool callable() const override { return true; }
  Value call(Rendering& rendering, const Call& call) override { return body_(rendering, call); }
  std::optional<Value> attribute(Rendering& rendering, std::string_view name) override {
    if (name_ != "dict" || name != "fromkeys") return std::nullopt;
    return Value(static_cast<Object*>(rendering.make<Function>("fromkeys", from_keys)));
  }

 private:
  std::string_view name_;
  BuiltIn body_;
};

class Namespace final : public Object, public NamespaceState {
 public:
  std::string_view type_name() const override { return "Namespace"; }
  Text repr() const override { return to_text("<Namespace ") + jinja::repr(Value(values)) + to_text(">"); }
  std::optional<Value> attribute(Rendering&, std::string_view name) override {
    const Value* found = values.find(Value(name));
    return found == nullptr ? std::nullopt : std::optional(*found);
  }
};

class Cycler final : public Object {
 public:
  explicit Cycler(std::vector<Value> items) : items_(std::move(items)) {}
  std::string_view type_name() const override { return "Cycler"; }
  std::optional<Value> attribute(Rendering& rendering, std::string_view name) override {
    if (name == "current") return items_[at_];
    if (name == "next" || name == "reset")
      return Value(static_cast<Object*>(rendering.make<Method>(*this, name == "next")));
    return std::nullopt;
  }

 private:
  class Method final : public Object {
   public:
    Method(Cycler& cycler, bool next) : cycler_(cycler), next_(next) {}
    std::string_view type_name() const override { return "method"; }
    bool callable() const override { return true; }
    Value call(Rendering&, const Call&) override {
      const std::size_t at = std::exchange(cycler_.at_, next_ ? (cycler_.at_ + 1) % cycler_.items_.size() : 0);
      return next_ ? cycler_.items_[at] : Value();
    }

   private:
    Cycler& cycler_;
    bool next_;
  };

  std::vector<Value> items_;
  std::size_t at_ = 0;
};

class Joiner final : public Object {
 public:
  explicit Joiner(Text separator) : separator_(std::move(separator)) {}
  std::string_view type_name() const override { return "Joiner"; }
  bool callable() const override { return true; }
  Value call(Rendering&, const Call&) override { return std::exchange(used_, true) ? separator_ : Text(); }

 private:
  Text separator_;
  bool used_ = false;
};

Value range(Rendering& r, const Call& call) {
  constexpr std::string_view kNames[] = {"start", "stop", "step"};
  const Parameters p(r, "range", call, 1, kNames);
  const bool one = !p.has(1);
  const std::int64_t start = one ? 0 : p.integer(0), stop = one ? p.integer(0) : p.integer(1), step = p.integer(2, 1);
  if (step == 0) r.refuse("range() arg 3 must not be zero");
  constexpr std::int64_t kMost = 100000;  // of Jinja2's sandbox
  std::vector<Value> items;
  for (std::int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (static_cast<std::int64_t>(items.size()) == kMost) {
      r.refuse(text("Range too big. The sandbox blocks ranges larger than MAX_RANGE (", kMost, ")."));
    }
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  r.step(static_cast<std::int64_t>(items.size()) / 2);
  return Sequence{.kind = Sequence::Kind::kRange, .items = std::move(items), .range = {start, stop, step}};
}

// Key and value pairs of dict(...) and namespace(...).
Dict pairs(Rendering& r, const Call& call) {
  Dict d;
  if (call.positional.size() > 1) r.refuse(text("dict expected at most 1 argument, got ", call.positional.size()));
  if (!call.positional.empty()) {
    const Value& from = call.positional[0];
    r.require_defined(from);
    if (from.dict() != nullptr) {
      r.step(static_cast<std::int64_t>(from.dict()->entries.size()));
      d = *from.dict();
    } else {
      for (const Value& pair : r.items(from)) {
        const std::vector<Value> both = r.items(pair);
        if (both.size() != 2) r.refuse("dictionary update sequence elements must have length 2");
        r.require_hashable(both[0]);
        d.set(both[0], both[1]);
      }
    }
  }
  for (const auto& [name, value] : call.named) d.set(Value(std::string_view(name)), value);
  return d;
}

Value dict(Rendering& r, const Call& call) { return pairs(r, call); }

Value make_namespace(Rendering& r, const Call& call) {
  auto* n = r.make<Namespace>();
  for (const auto& [key, value] : pairs(r, call).entries) {
    if (key.is_string()) {
      n->set(r, to_utf8(*key.text()), value);
    } else {
      n->values.set(key, value);
    }
  }
  return Value(static_cast<Object*>(n));
}

Value cycler(Rendering& r, const Call& call) {
  if (call.positional.empty()) r.refuse("at least one item has to be provided");
  return Value(static_cast<Object*>(r.make<Cycler>(call.positional)));
}

Value joiner(Rendering& r, const Call& call) {
  constexpr std::string_view kNames[] = {"sep"};
  const Parameters p(r, "joiner", call, 0, kNames);
  return Value(static_cast<Object*>(r.make<Joiner>(p.text(0, ", "))));
}

Value raise_exception(Rendering& r, const Call& call) {
  constexpr std::string_view kNames[] = {"message"};
  const Parameters p(r, "raise_exception", call, 1, kNames);
  r.refuse(to_utf8(r.text_of(p[0])));
}

Value strftime_now(Rendering& r, const Call& call) {
  constexpr std::string_view kNames[] = {"format"};
  const Parameters p(r, "strftime_now", call, 1, kNames);
  const std::time_t now = r.options().time < 0 ? std::time(nullptr) : static_cast<std::time_t>(r.options().time);
  std::tm local{};
  localtime_r(&now, &local);
  const std::string format = to_utf8(p.text(0));
  if (format.size() > 4096) r.refuse("the format of strftime_now is longer than 4096 bytes");
  if (format.empty()) return Text();
  std::string out(format.size() * 64 + 64, '\0');
  out.resize(std::strftime(out.data(), out.size(), format.c_str(), &local));
  return to_text(out);
}

Value lipsum(Rendering& r, const Call&) { r.unsupported("the function lipsum is not supported"); }

}  // namespace

void NamespaceState::set(Rendering& rendering, std::string_view name, Value value) {
  if (name.starts_with('_')) {
    rendering.refuse(
        text("Chat templates cannot store underscore-prefixed attributes on a namespace, but got '", name, "'"));
  }
  values.set(Value(name), std::move(value));
}

NamespaceState* namespace_of(const Value& value) { return dynamic_cast<Namespace*>(value.object()); }

void add_globals(Rendering& rendering, Scope& scope) {
  static constexpr std::array<std::pair<std::string_view, BuiltIn>, 8> kAll{{{"range", range},
                                                                             {"dict", dict},
                                                                             {"namespace", make_namespace},
                                                                             {"cycler", cycler},
                                                                             {"joiner", joiner},
                                                                             {"raise_exception", raise_exception},
                                                                             {"strftime_now", strftime_now},
                                                                             {"lipsum", lipsum}}};
  for (const auto& [name, body] : kAll)
    scope.set(name, Value(static_cast<Object*>(rendering.make<Function>(name, body))));
}

}  // namespace ttt::jinja
