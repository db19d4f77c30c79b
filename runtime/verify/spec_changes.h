#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/fields.h"

// Specs that differ from a given one as configurations are commonly misread: other numbers for an eps, each other
// enumerator, each flag inverted.
namespace ttt {

struct SpecChange {
  std::string what = {};  // "eps 1e-05 instead of 0.01"
  Json spec = {};
  // Where it differs: names of fields from the outside in, and the value.
  std::vector<std::pair<std::vector<std::string>, Json>> edits = {};
};

// `a` with the edits of `b` on top; nothing when both edit the same field or one removes what the other edits.
std::optional<SpecChange> both(const SpecChange& a, const SpecChange& b);

namespace spec_changes_parts {

using Path = std::vector<std::string>;

struct Change {
  Path path;
  Json value;
};

// Values worth trying for a number of that name; `spec` holds the numbers that they depend on.
std::vector<Json> numbers_for(std::string_view name, const Json& spec);
// The changes as whole Specs, and some of several flags at once.
std::vector<SpecChange> applied(const Json& spec, const std::vector<Change>& changes);

template <class T>
void collect_field(const T& field, const Path& path, const Json& spec, std::vector<Change>& out);

template <HasFields T>
void collect(const T& value, Path path, const Json& spec, std::vector<Change>& out) {
  T::visit_fields(value, [&](std::string_view name, const auto& field) {
    path.emplace_back(name);
    collect_field(field, path, spec, out);
    path.pop_back();
  });
}

template <class T>
void collect_field(const T& field, const Path& path, const Json& spec, std::vector<Change>& out) {
  using namespace field_parts;
  if constexpr (std::is_enum_v<T>) {
    for (int i = 0; !name_of(static_cast<T>(i)).empty(); ++i) {
      if (static_cast<T>(i) != field) out.push_back({path, Json(name_of(static_cast<T>(i)))});
    }
  } else if constexpr (std::is_same_v<T, bool>) {
    out.push_back({path, Json(!field)});
  } else if constexpr (std::is_arithmetic_v<T>) {
    for (Json& v : numbers_for(path.back(), spec)) out.push_back({path, std::move(v)});
  } else if constexpr (is_optional<T>) {
    if (field) out.push_back({path, Json()});
    if constexpr (HasFields<typename T::value_type>) {
      if (!field) out.push_back({path, to_json(typename T::value_type{})});
    }
    collect_field(field.value_or(typename T::value_type{}), path, spec, out);
  } else if constexpr (is_variant<T>) {
    if (field.index() != 0) out.push_back({path, field_to_json(T{})});
    std::visit([&](const auto& v) { collect(v, path, spec, out); }, field);
  } else if constexpr (HasFields<T>) {
    collect(field, path, spec, out);
  }
}

}  // namespace spec_changes_parts

template <HasFields Spec>
std::vector<SpecChange> spec_changes(const Spec& spec) {
  const Json json = to_json(spec);
  std::vector<spec_changes_parts::Change> changes;
  spec_changes_parts::collect(spec, {}, json, changes);
  return spec_changes_parts::applied(json, changes);
}

}  // namespace ttt
