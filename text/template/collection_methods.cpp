#include <algorithm>
#include <array>

#include "text/template/functions.h"
#include "text/template/rendering.h"

// Methods of Python's dict, list and tuple, and what all methods share.
namespace ttt::jinja {
namespace {

constexpr std::array<std::string_view, 5> kDictMethods{"copy", "get", "items", "keys", "values"};
constexpr std::array<std::string_view, 3> kListMethods{"copy", "count", "index"};
constexpr std::array<std::string_view, 2> kTupleMethods{"count", "index"};
// Those that change their object: the sandbox refuses them.
constexpr std::array<std::string_view, 6> kDictChanges{"clear", "pop", "popitem", "setdefault", "update", "fromkeys"};
constexpr std::array<std::string_view, 8> kListChanges{"append", "clear",  "extend",  "insert",
                                                       "pop",    "remove", "reverse", "sort"};

constexpr std::array<std::string_view, 11> kNumberAttributes{
    "real",      "imag",     "numerator",  "denominator",      "conjugate", "bit_length",
    "bit_count", "to_bytes", "is_integer", "as_integer_ratio", "hex"};

template <std::size_t N>
bool among(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

class BoundMethod final : public Object {
 public:
  BoundMethod(Value self, std::string_view name) : self_(std::move(self)), name_(name) {}
  std::string_view type_name() const override { return "builtin_function_or_method"; }
  Text repr() const override {
    return to_text(text("<built-in method ", name_, " of ", self_.type_name(), " object>"));
  }
  bool callable() const override { return true; }
  Value call(Rendering& rendering, const Call& call) override { return call_method(rendering, self_, name_, call); }

 private:
  Value self_;
  std::string name_;
};

Value call_dict(Rendering& r, const Dict& d, std::string_view name, const Call& call) {
  if (name == "get") {
    static constexpr std::string_view kNames[] = {"key", "default"};
    const Parameters p(r, name, call, 1, kNames);
    r.require_hashable(p[0]);
    const Value* found = d.find(p[0]);
    return found != nullptr ? *found : p.get(1, {});
  }
  Parameters(r, name, call, 0, {});
  r.step(static_cast<std::int64_t>(d.entries.size()));
  if (name == "copy") return d;
  std::vector<Value> items;
  for (const auto& [key, value] : d.entries) {
    items.push_back(name == "keys" ? key : name == "values" ? value : Value::tuple({key, value}));
  }
  using Kind = Sequence::Kind;
  return Sequence{.kind = name == "keys"     ? Kind::kKeys
                          : name == "values" ? Kind::kValues
                                             : Kind::kItems,
                  .items = std::move(items)};
}

}  // namespace

bool has_method(const Value& value, std::string_view name) {
  if (value.is_string()) return is_text_method(name);
  if (value.dict() != nullptr) return among(name, kDictMethods);
  const Sequence* s = value.sequence();
  if (s == nullptr) return false;
  return (s->kind == Sequence::Kind::kList && among(name, kListMethods)) ||
         (s->kind == Sequence::Kind::kTuple && among(name, kTupleMethods));
}

Value call_method(Rendering& rendering, const Value& self, std::string_view name, const Call& call) {
  return self.is_string() ? call_text_method(rendering, self, name, call)
                          : call_collection_method(rendering, self, name, call);
}

std::optional<Value> method_of(Rendering& rendering, const Value& value, std::string_view name) {
  if (has_method(value, name)) return Value(static_cast<Object*>(rendering.make<BoundMethod>(value, name)));
  if (value.is_number() && among(name, kNumberAttributes)) {
    rendering.unsupported(text("the attribute ", name, " of numbers is not supported"));
  }
  const Sequence* s = value.sequence();
  if ((value.dict() != nullptr && among(name, kDictChanges)) ||
      (s != nullptr && s->kind == Sequence::Kind::kList && among(name, kListChanges))) {
    return Undefined{std::make_shared<const std::string>(
        text("access to attribute '", name, "' of '", value.type_name(), "' object is unsafe."))};
  }
  return std::nullopt;
}

Value call_collection_method(Rendering& r, const Value& self, std::string_view name, const Call& call) {
  if (const Dict* d = self.dict()) return call_dict(r, *d, name, call);
  const Sequence& s = *self.sequence();
  if (name == "copy") {
    Parameters(r, name, call, 0, {});
    return self;
  }
  static constexpr std::string_view kNames[] = {"value", "start", "stop"};
  const Parameters p(r, name, call, 1, kNames);
  r.step(static_cast<std::int64_t>(s.items.size()));
  if (name == "count") {
    return static_cast<std::int64_t>(
        std::count_if(s.items.begin(), s.items.end(), [&](const Value& v) { return r.equal(v, p[0]); }));
  }
  const auto size = static_cast<std::int64_t>(s.items.size());
  const auto clipped = [&](std::int64_t i) { return std::clamp<std::int64_t>(i < 0 ? i + size : i, 0, size); };
  for (std::int64_t i = clipped(p.integer(1, 0)); i < clipped(p.integer(2, size)); ++i) {
    if (r.equal(s.items[static_cast<std::size_t>(i)], p[0])) return i;
  }
  r.refuse(text(to_utf8(r.repr_of(p[0])), " is not in ", self.type_name()));
}

}  // namespace ttt::jinja
