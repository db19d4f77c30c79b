#include "server/fields.h"

#include <cmath>
#include <utility>

namespace ttt::server {
namespace {

std::string shown(const Json& value) {
  constexpr std::size_t kLongest = 80;
  if (value.is_array() || value.is_object()) return std::string(value.type_name());
  std::string s = value.dump();
  if (s.size() <= kLongest) return s;
  std::size_t end = kLongest;
  while (end > 0 && (static_cast<unsigned char>(s[end]) & 0xC0) == 0x80) --end;
  return s.substr(0, end) + "...";
}

}  // namespace

Fields::Fields(const Json& object, std::string prefix) : object_(object), prefix_(std::move(prefix)) {
  if (object.is_object()) return;
  std::string param = prefix_.substr(0, prefix_.empty() ? 0 : prefix_.size() - 1);
  std::string message = text(param.empty() ? "the request" : param, " wanted an object, got ", object.type_name());
  refuse(std::move(param), std::move(message), "invalid_type");
}

void Fields::refuse_type(std::string_view name, std::string_view wanted, const Json& got) const {
  refuse(path(name), text(path(name), " wanted ", wanted, ", got ", shown(got)), "invalid_type");
}

const Json* Fields::value(std::string_view name) {
  known_.emplace(name);
  const Json* found = object_.find(name);
  return found == nullptr || found->is_null() ? nullptr : found;
}

std::optional<bool> Fields::boolean(std::string_view name) {
  const Json* v = value(name);
  if (v == nullptr) return std::nullopt;
  if (!v->is_bool()) refuse_type(name, "true or false", *v);
  return v->as_bool({});
}

std::optional<std::int64_t> Fields::integer(std::string_view name, std::int64_t min, std::int64_t max) {
  const Json* v = value(name);
  if (v == nullptr) return std::nullopt;
  const bool whole = v->is_integer() || (v->is_number() && std::trunc(v->as_number({})) == v->as_number({}));
  if (!whole) refuse_type(name, "an integer", *v);
  constexpr double kBeyond = 9223372036854775808.0;
  const bool fits = v->is_integer() || std::abs(v->as_number({})) < kBeyond;
  const std::int64_t n = fits ? v->as_integer({}) : 0;
  if (!fits || n < min || n > max) {
    refuse(path(name), text(path(name), " wanted an integer of ", min, " .. ", max, ", got ", shown(*v)));
  }
  return n;
}

std::optional<double> Fields::number(std::string_view name, double min, double max) {
  const Json* v = value(name);
  if (v == nullptr) return std::nullopt;
  if (!v->is_number()) refuse_type(name, "a number", *v);
  const double n = v->as_number({});
  // NaN is in no range.
  if (!(n >= min && n <= max)) {
    refuse(path(name), text(path(name), " wanted a number of ", min, " .. ", max, ", got ", shown(*v)));
  }
  return n;
}

std::optional<std::string> Fields::string(std::string_view name) {
  const Json* v = value(name);
  if (v == nullptr) return std::nullopt;
  if (!v->is_string()) refuse_type(name, "a string", *v);
  return v->as_string({});
}

std::string Fields::required_string(std::string_view name) {
  std::optional<std::string> s = string(name);
  if (!s) refuse(path(name), text(path(name), " is missing"), "missing_required_parameter");
  return *std::move(s);
}

const Json::Array* Fields::array(std::string_view name) {
  const Json* v = value(name);
  if (v == nullptr) return nullptr;
  if (!v->is_array()) refuse_type(name, "a list", *v);
  return &v->as_array({});
}

const Json* Fields::object(std::string_view name) {
  const Json* v = value(name);
  if (v != nullptr && !v->is_object()) refuse_type(name, "an object", *v);
  return v;
}

std::vector<std::int32_t> Fields::ids(std::string_view name, std::int64_t vocab, std::size_t most) {
  std::vector<std::int32_t> ids;
  const Json::Array* list = array(name);
  if (list == nullptr) return ids;
  if (list->size() > most) {
    refuse(path(name), text(path(name), " wanted at most ", most, " ids, got ", list->size()));
  }
  for (const Json& id : *list) ids.push_back(token_id(id, path(name), vocab));
  return ids;
}

void Fields::unsupported(std::string_view name, std::string_view why, const Json& harmless) {
  const Json* v = value(name);
  if (v == nullptr || *v == harmless) return;
  refuse_unsupported(path(name), text(path(name), " is not supported: ", why));
}

std::string Fields::unknown() const {
  for (const auto& [name, value] : object_.as_object({})) {
    if (!known_.contains(name)) return path(name);
  }
  return {};
}

std::int32_t token_id(const Json& value, const std::string& param, std::int64_t vocab) {
  const bool whole =
      value.is_integer() || (value.is_number() && std::trunc(value.as_number({})) == value.as_number({}));
  if (!whole) refuse(param, text(param, " wanted token ids, got ", shown(value)), "invalid_type");
  const double id = value.as_number({});
  if (!(id >= 0 && id < static_cast<double>(vocab))) {
    refuse(param, text(param, " wanted token ids of 0 .. ", vocab - 1, ", got ", shown(value)));
  }
  return static_cast<std::int32_t>(id);
}

}  // namespace ttt::server
