#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "server/api_error.h"

namespace ttt::server {

// Reads the members of an object of a request. A member that is null counts as absent. What has the wrong type or lies
// beyond its range is an ApiException that names it: "temperature", or "messages[0].content" with the prefix
// "messages[0].".
class Fields {
 public:
  explicit Fields(const Json& object, std::string prefix = {});

  const Json* value(std::string_view name);  // null: absent
  bool has(std::string_view name) { return value(name) != nullptr; }
  std::optional<bool> boolean(std::string_view name);
  std::optional<std::int64_t> integer(std::string_view name,
                                      std::int64_t min = std::numeric_limits<std::int64_t>::min(),
                                      std::int64_t max = std::numeric_limits<std::int64_t>::max());
  std::optional<double> number(std::string_view name, double min, double max);
  std::optional<std::string> string(std::string_view name);
  std::string required_string(std::string_view name);
  const Json::Array* array(std::string_view name);
  const Json* object(std::string_view name);
  // A token id or a list of them, each below `vocab`.
  std::vector<std::int32_t> ids(std::string_view name, std::int64_t vocab, std::size_t most);

  // The field is known and not supported: refused unless it is absent, or has the value that changes nothing.
  void unsupported(std::string_view name, std::string_view why, const Json& harmless = {});
  void ignore(std::string_view name) { known_.emplace(name); }
  // The name of a member that was not asked for; empty: there is none.
  std::string unknown() const;

  std::string path(std::string_view name) const { return prefix_ + std::string(name); }
  [[noreturn]] void refuse_type(std::string_view name, std::string_view wanted, const Json& got) const;

 private:
  const Json& object_;
  std::string prefix_;
  std::set<std::string, std::less<>> known_;
};

// A token id from a request. `param` names it.
std::int32_t token_id(const Json& value, const std::string& param, std::int64_t vocab);

}  // namespace ttt::server
