#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"

namespace ttt {

// Keywords of a JSON schema that say nothing about values.
bool is_annotation(std::string_view keyword);

// Joins schemas into one that holds where all of them do.
class SchemaMerger {
 public:
  // `root`: what references are found in. `where` opens every message.
  SchemaMerger(const Json& root, std::string_view where) : root_(root), where_(where) {}

  // The schema that "$ref" names. `path`: of the schema that holds it, for messages.
  const Json& target(const std::string& reference, std::string_view path) const;
  // Error{kUnsupported} naming a keyword of both that cannot be joined. References are replaced, where needed, by what
  // they name.
  Json merge(const Json& a, const Json& b, std::string_view path);
  // The schema with what "$ref" and "allOf" say put into it. It has neither.
  Json flat(const Json& schema, std::string_view path);

 private:
  void spend(const Json& json);
  void join(Json& into, std::string_view keyword, const Json& value, std::string_view path);
  void join_objects(Json& into, const Json& other, std::string_view path);

  const Json& root_;
  std::string where_;
  std::int64_t steps_ = 0;
  int depth_ = 0;
};

}  // namespace ttt
