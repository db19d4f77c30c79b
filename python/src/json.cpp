#include "python/src/json.h"

#include <nanobind/stl/string.h>

#include <utility>

#include "base/error.h"

namespace nb = nanobind;

namespace ttt::python {
namespace {

std::string python_type(nb::handle value) { return nb::cast<std::string>(value.type().attr("__name__")); }

std::int64_t integer(nb::handle value, const std::string& where) {
  const nb::object index = nb::steal(PyNumber_Index(value.ptr()));
  if (!index.is_valid()) throw nb::python_error();
  int overflow = 0;
  const long long v = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
  require(overflow == 0, ErrorKind::kUsage, where, " wanted an integer of 64 bits, got a larger one");
  return v;
}

Json convert(nb::handle value, const std::string& where, int depth) {
  require(depth > 0, ErrorKind::kUsage, where, " wanted a document of at most ", JsonLimits{}.depth, " levels");
  if (value.is_none()) return {};
  if (nb::isinstance<nb::bool_>(value)) return nb::cast<bool>(value);
  if (nb::isinstance<nb::str>(value)) return nb::cast<std::string>(value);
  if (nb::isinstance<nb::float_>(value)) return nb::cast<double>(value);
  if (nb::isinstance<nb::dict>(value)) {
    Json::Object members;
    for (const auto& [key, member] : nb::cast<nb::dict>(value)) {
      require(nb::isinstance<nb::str>(key), ErrorKind::kUsage, where, " wanted keys of type str, got ",
              python_type(key));
      std::string name = nb::cast<std::string>(key);
      Json converted = convert(member, text(where, ".", name), depth - 1);
      members.emplace_back(std::move(name), std::move(converted));
    }
    return members;
  }
  if (nb::isinstance<nb::list>(value) || nb::isinstance<nb::tuple>(value)) {
    Json::Array items;
    for (const nb::handle item : value) {
      items.push_back(convert(item, text(where, "[", items.size(), "]"), depth - 1));
    }
    return items;
  }
  if (PyIndex_Check(value.ptr()) != 0) return integer(value, where);
  require(PyNumber_Check(value.ptr()) != 0, ErrorKind::kUsage, where,
          " wanted dict, list, str, a number, bool or None, got ", python_type(value));
  return nb::cast<double>(nb::float_(value));
}

}  // namespace

Json to_json(nb::handle value, const std::string& where) { return convert(value, where, JsonLimits{}.depth); }

nb::object from_json(const Json& json) {
  if (json.is_null()) return nb::none();
  if (json.is_bool()) return nb::cast(json.as_bool(""));
  if (json.is_integer()) return nb::cast(json.as_integer(""));
  if (json.is_number()) return nb::cast(json.as_number(""));
  if (json.is_string()) return nb::cast(json.as_string(""));
  if (json.is_array()) {
    nb::list items;
    for (const Json& item : json.as_array("")) items.append(from_json(item));
    return items;
  }
  nb::dict members;
  for (const auto& [key, value] : json.as_object("")) members[nb::cast(key)] = from_json(value);
  return members;
}

}  // namespace ttt::python
