#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"

// Every Spec and ImplConfig has one
//     static void visit_fields(auto& self, auto&& visit) { visit("name", self.name); ... }
// over which JSON in and out, printing and comparison are written once.
//
// A field may be a number, bool, string, Format, an enumeration with `name_of`, an optional, a nested struct of this
// kind, or a variant of such structs, each with a `static constexpr std::string_view kName`.
namespace ttt {

template <class T>
concept HasFields = requires(T& t) {
  T::visit_fields(t, [](std::string_view, auto&) {});
};

namespace field_parts {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_variant = false;
template <class... T>
inline constexpr bool is_variant<std::variant<T...>> = true;
template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;

// Enumerations start at 0 and are spelled by name_of, which is empty beyond the last enumerator.
template <class E>
E enum_named(std::string_view name, std::string_view where) {
  std::string known;
  for (int i = 0; !name_of(static_cast<E>(i)).empty(); ++i) {
    const std::string_view n = name_of(static_cast<E>(i));
    if (n == name) return static_cast<E>(i);
    known += text(known.empty() ? "" : ", ", n);
  }
  fail(ErrorKind::kUsage, text(where, " wanted one of ", known, ", got \"", name, "\""));
}

}  // namespace field_parts

template <class T>
Json field_to_json(const T& value);
template <class T>
void field_from_json(T& value, const Json& json, const std::string& where);

template <HasFields T>
Json to_json(const T& value) {
  Json::Object members;
  T::visit_fields(value, [&](std::string_view name, const auto& field) {
    members.emplace_back(std::string(name), field_to_json(field));
  });
  return Json(std::move(members));
}

// Sets the fields that `json` names and leaves the others. An unknown name or a wrong type is Error{kUsage} naming it.
template <HasFields T>
void from_json(T& value, const Json& json, const std::string& where) {
  require(json.is_object(), ErrorKind::kUsage, where, " wanted an object, got ", json.type_name());
  for (const Json::Member& member : json.as_object(where)) {
    bool found = false;
    std::string known;
    T::visit_fields(value, [&](std::string_view name, auto& field) {
      known += text(known.empty() ? "" : ", ", name);
      if (name != member.first) return;
      found = true;
      field_from_json(field, member.second, text(where, ".", name));
    });
    require(found, ErrorKind::kUsage, where, " has no field \"", member.first, "\"; it has ", known);
  }
}

template <class T>
Json field_to_json(const T& value) {
  using namespace field_parts;
  if constexpr (is_optional<T>) {
    return value ? field_to_json(*value) : Json();
  } else if constexpr (is_variant<T>) {
    return std::visit(
        [](const auto& v) {
          Json::Object members{{"kind", Json(std::remove_cvref_t<decltype(v)>::kName)}};
          const Json fields = to_json(v);
          for (const auto& m : fields.as_object("fields")) members.push_back(m);
          return Json(std::move(members));
        },
        value);
  } else if constexpr (is_vector<T>) {
    Json::Array items;
    for (const auto& v : value) items.push_back(field_to_json(v));
    return Json(std::move(items));
  } else if constexpr (HasFields<T>) {
    return to_json(value);
  } else if constexpr (std::is_enum_v<T>) {
    return Json(name_of(value));
  } else if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::string>) {
    return Json(value);
  } else if constexpr (std::integral<T>) {
    return Json(static_cast<std::int64_t>(value));
  } else {
    return Json(static_cast<double>(value));
  }
}

namespace field_parts {

template <std::size_t I = 0, class V>
void variant_from_json(V& value, std::string_view kind, const Json& json, const std::string& where) {
  if constexpr (I == std::variant_size_v<V>) {
    fail(ErrorKind::kUsage, text(where, ".kind has no alternative \"", kind, "\""));
  } else {
    using Alternative = std::variant_alternative_t<I, V>;
    if (Alternative::kName != kind) return variant_from_json<I + 1>(value, kind, json, where);
    Alternative a = std::holds_alternative<Alternative>(value) ? std::get<Alternative>(value) : Alternative{};
    Json::Object rest;
    for (const auto& m : json.as_object(where)) {
      if (m.first != "kind") rest.push_back(m);
    }
    from_json(a, Json(std::move(rest)), where);
    value = a;
  }
}

}  // namespace field_parts

namespace field_parts {

inline void require_type(bool ok, const Json& json, std::string_view wanted, const std::string& where) {
  require(ok, ErrorKind::kUsage, where, " wanted ", wanted, ", got ", json.type_name());
}

template <class T>
T number_from_json(const Json& json, const std::string& where) {
  require_type(json.is_number(), json, std::integral<T> ? "integer" : "number", where);
  const double v = json.as_number(where);
  if constexpr (std::integral<T>) {
    require_type(json.is_integer(), json, "integer", where);
    const std::int64_t n = json.as_integer(where);
    require(std::in_range<T>(n), ErrorKind::kUsage, where, " wanted ", std::numeric_limits<T>::min(), " to ",
            std::numeric_limits<T>::max(), ", got ", n);
    return static_cast<T>(n);
  } else {
    const T narrow = static_cast<T>(v);
    require(std::isfinite(narrow) || !std::isfinite(v), ErrorKind::kUsage, where, " is out of range: ", v);
    return narrow;
  }
}

}  // namespace field_parts

template <class T>
void field_from_json(T& value, const Json& json, const std::string& where) {
  using namespace field_parts;
  if constexpr (is_optional<T>) {
    if (json.is_null()) {
      value.reset();
    } else {
      typename T::value_type v = value ? *value : typename T::value_type{};
      field_from_json(v, json, where);
      value = v;
    }
  } else if constexpr (is_variant<T>) {
    const Json* kind = json.find("kind");
    require(kind != nullptr && kind->is_string(), ErrorKind::kUsage, where, " wanted an object with a string \"kind\"");
    variant_from_json(value, kind->as_string(where), json, where);
  } else if constexpr (is_vector<T>) {
    require_type(json.is_array(), json, "array", where);
    value.clear();
    for (const Json& j : json.as_array(where)) {
      typename T::value_type v{};
      field_from_json(v, j, where);
      value.push_back(std::move(v));
    }
  } else if constexpr (HasFields<T>) {
    from_json(value, json, where);
  } else if constexpr (std::is_enum_v<T>) {
    require_type(json.is_string(), json, "string", where);
    value = enum_named<T>(json.as_string(where), where);
  } else if constexpr (std::is_same_v<T, bool>) {
    require_type(json.is_bool(), json, "bool", where);
    value = json.as_bool(where);
  } else if constexpr (std::is_same_v<T, std::string>) {
    require_type(json.is_string(), json, "string", where);
    value = json.as_string(where);
  } else {
    value = number_from_json<T>(json, where);
  }
}

}  // namespace ttt
