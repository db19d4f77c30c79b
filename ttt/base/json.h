#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"

namespace ttt {

// A JSON document held in memory. Objects keep the order of the file and refuse duplicate keys.
//
// Reads what Python's json module writes: NaN, Infinity and -Infinity are numbers; integers beyond 64 bits become
// doubles. Anything else outside RFC 8259, invalid UTF-8, and nesting beyond `JsonLimits::depth` is Error{kBadData}.
struct JsonLimits {
  std::int64_t bytes = std::int64_t{16} << 20;
  int depth = 64;
  bool wide_integers = true;  // integers beyond 64 bits become doubles; otherwise they are Error{kBadData}
};

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;  // null
  Json(std::nullptr_t) {}
  Json(bool v) : value_(v) {}
  Json(std::int64_t v) : value_(v) {}
  Json(int v) : value_(std::int64_t{v}) {}
  Json(double v) : value_(v) {}
  Json(std::string v) : value_(std::move(v)) {}
  Json(std::string_view v) : value_(std::string(v)) {}
  Json(const char* v) : value_(std::string(v)) {}
  Json(Array v) : value_(std::move(v)) {}
  Json(Object v) : value_(std::move(v)) {}
  // Written out: in libstdc++ 12 the copy of a variant of vectors and strings is undefined behaviour when memory ends
  // in the middle of it.
  Json(const Json& other);
  Json& operator=(const Json& other);
  Json(Json&&) noexcept = default;
  Json& operator=(Json&&) noexcept = default;
  ~Json() = default;

  // `where` (a file name) opens every message.
  static Json parse(std::string_view bytes, std::string_view where, const JsonLimits& limits = {});

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_integer() const { return std::holds_alternative<std::int64_t>(value_); }
  bool is_number() const { return is_integer() || std::holds_alternative<double>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }

  // Each throws Error{kBadData} "WHERE wanted TYPE, got TYPE" on another type.
  bool as_bool(std::string_view where) const;
  std::int64_t as_integer(std::string_view where) const;  // 3.0 is the integer 3; 3.5 is refused
  double as_number(std::string_view where) const;
  const std::string& as_string(std::string_view where) const;
  const Array& as_array(std::string_view where) const;
  const Object& as_object(std::string_view where) const;

  // Null when this is no object or lacks the key. Linear in the number of members.
  const Json* find(std::string_view key) const;
  // Throws when the key is missing.
  const Json& at(std::string_view key, std::string_view where) const;
  // Appends or replaces a member of an object (null becomes an object).
  void set(std::string_view key, Json value);
  void push(Json value);  // appends to an array (null becomes an array)

  std::string_view type_name() const;
  // indent < 0: one line. Invalid UTF-8 is written as U+FFFD; NaN and infinities as Python writes them.
  std::string dump(int indent = -1) const;

  bool operator==(const Json&) const = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

}  // namespace ttt
