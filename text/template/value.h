#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"
#include "text/template/marked_text.h"

// The values of a template: the values of Python that Jinja2 templates use. Lists and dictionaries never change once
// they are made, as in Jinja2's ImmutableSandboxedEnvironment, so values share them.
namespace ttt::jinja {

struct Sequence;
struct Dict;
class Object;

// An invalid use of values, where the line of the template is not known.
struct Misuse {
  std::string reason = {};
};

struct None {
  bool operator==(const None&) const = default;
};

// The value of a missing name, attribute or item. It prints as an empty text; using it in any other way raises
// `message`.
struct Undefined {
  std::shared_ptr<const std::string> message = {};
};

struct String {
  std::shared_ptr<const Text> text = {};
  bool markup = false;  // marked safe: joining it with other text escapes that text
};

class Value {
 public:
  Value() = default;  // None
  Value(bool v) : value_(v) {}
  Value(std::int64_t v) : value_(v) {}
  Value(int v) : value_(std::int64_t{v}) {}
  Value(double v) : value_(v) {}
  Value(Text v, bool markup = false) : value_(String{std::make_shared<const Text>(std::move(v)), markup}) {}
  Value(std::string_view v) : Value(to_text(v)) {}
  Value(const char* v) : Value(to_text(v)) {}
  Value(String v) : value_(std::move(v)) {}
  Value(Undefined v) : value_(std::move(v)) {}
  // A Misuse when the values in it are nested deeper than kMostNesting, or more than kMostParts.
  Value(Sequence v);
  Value(Dict v);
  Value(Object* v) : value_(v) {}  // owned by the rendering

  static constexpr int kMostNesting = 200;
  static constexpr std::int64_t kMostParts = 1 << 24;

  static Value list(std::vector<Value> items);
  static Value tuple(std::vector<Value> items);
  static Value iterator(std::vector<Value> items);
  // Strings in it are marked as input.
  static Value from_json(const Json& json);

  bool is_none() const { return std::holds_alternative<None>(value_); }
  bool is_undefined() const { return std::holds_alternative<Undefined>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_integer() const { return std::holds_alternative<std::int64_t>(value_); }  // not a bool
  bool is_float() const { return std::holds_alternative<double>(value_); }
  bool is_number() const { return is_bool() || is_integer() || is_float(); }
  bool is_string() const { return std::holds_alternative<String>(value_); }
  bool is_markup() const { return is_string() && std::get<String>(value_).markup; }

  // Null where the value is of another kind.
  const Text* text() const;
  const Sequence* sequence() const;
  const Dict* dict() const;
  Object* object() const;
  const Undefined* undefined() const { return std::get_if<Undefined>(&value_); }

  std::int64_t integer() const;  // of a bool or integer
  double number() const;         // of any number
  bool truth() const;

  int depth() const;
  std::int64_t size() const;  // steps of a rendering to read all of it

  std::string_view type_name() const;  // as Python names it: "str", "dict"

 private:
  std::variant<None, bool, std::int64_t, double, String, Undefined, std::shared_ptr<const Sequence>,
               std::shared_ptr<const Dict>, Object*>
      value_;
};

// Everything that is iterated over in order.
struct Sequence {
  enum class Kind : std::uint8_t { kList, kTuple, kRange, kKeys, kValues, kItems, kIterator };
  Kind kind = Kind::kList;
  std::vector<Value> items = {};
  std::vector<std::int64_t> range = {};  // of kRange: start, stop, step
  mutable std::size_t used = 0;          // of kIterator: items that were already taken
  bool group = false;                    // of a tuple: (grouper, list) of the filter groupby
  int depth = 1;                         // of nested sequences and dictionaries, this one included
  std::int64_t size = 1;                 // steps to visit all parts, shared ones each time
};

struct Less {  // an order of keys; numbers by value whatever their type
  bool operator()(const Value& a, const Value& b) const;
};

struct Dict {
  std::vector<std::pair<Value, Value>> entries = {};
  std::map<Value, std::size_t, Less> places = {};
  int depth = 1;
  std::int64_t size = 1;

  void set(const Value& key, Value value);
  const Value* find(const Value& key) const;
  const Value* find(std::string_view ascii) const;
};

inline Value Value::list(std::vector<Value> items) { return Sequence{.items = std::move(items)}; }
inline Value Value::tuple(std::vector<Value> items) {
  return Sequence{.kind = Sequence::Kind::kTuple, .items = std::move(items)};
}
inline Value Value::iterator(std::vector<Value> items) {
  return Sequence{.kind = Sequence::Kind::kIterator, .items = std::move(items)};
}

// Equality as Python's ==.
bool same(const Value& a, const Value& b);

// Text as Python's str() and repr() write it.
Text str(const Value& value);
Text repr(const Value& value);
std::string float_text(double v);

}  // namespace ttt::jinja
