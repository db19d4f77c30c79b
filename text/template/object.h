#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/template/value.h"

// Values with an identity: functions, macros, namespaces, loops. A rendering owns them.
namespace ttt::jinja {

class Rendering;

struct Call {
  std::vector<Value> positional = {};
  std::vector<std::pair<std::string, Value>> named = {};
};

class Object {
 public:
  virtual ~Object() = default;
  virtual std::string_view type_name() const = 0;
  virtual Text repr() const;
  virtual bool callable() const { return false; }
  virtual Value call(Rendering& rendering, const Call& call);
  // Nothing where there is no such attribute.
  virtual std::optional<Value> attribute(Rendering& rendering, std::string_view name);
};

// Arguments of a built-in function by their names in Python.
class Parameters {
 public:
  // Fails for arguments beyond `names`, unknown names, and fewer than `needed` arguments.
  Parameters(Rendering& rendering, std::string_view function, const Call& call, std::size_t needed,
             std::span<const std::string_view> names);

  bool has(std::size_t i) const { return values_[i].has_value(); }
  const Value& operator[](std::size_t i) const { return *values_[i]; }
  Value get(std::size_t i, Value absent) const { return has(i) ? *values_[i] : std::move(absent); }
  // Each fails when the value is of another type.
  Text text(std::size_t i) const;
  Text text(std::size_t i, std::string_view absent) const { return has(i) ? text(i) : to_text(absent); }
  std::int64_t integer(std::size_t i) const;
  std::int64_t integer(std::size_t i, std::int64_t absent) const { return has(i) ? integer(i) : absent; }
  bool truth(std::size_t i, bool absent) const { return has(i) ? values_[i]->truth() : absent; }

 private:
  Rendering& rendering_;
  std::string_view function_;
  std::span<const std::string_view> names_;
  std::vector<std::optional<Value>> values_;
};

}  // namespace ttt::jinja
