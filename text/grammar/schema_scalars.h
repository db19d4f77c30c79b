#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "text/grammar/json_number.h"
#include "text/grammar/json_text.h"

namespace ttt {

// Writes the strings and numbers that a JSON schema describes into a grammar. `path`: of the schema, for messages,
// which are as those of read_json_schema.
class SchemaScalars {
 public:
  using State = GrammarGraph::State;
  SchemaScalars(GrammarGraph& graph, JsonText& text) : graph_(graph), text_(text) {}

  State string(State from, const Json& schema, const std::string& path);
  State number(State from, bool integer, const Json& schema, const std::string& path);

  // The number of a keyword such as minItems, at least 0.
  std::int64_t count(const Json& schema, std::string_view keyword, std::int64_t otherwise,
                     const std::string& path) const;
  // Refuses min`what` above max`what`.
  void check_order(std::int64_t least, std::int64_t most, std::string_view what, const std::string& path) const;

 private:
  [[noreturn]] void refuse(ErrorKind kind, const std::string& path, std::string_view problem) const;
  [[noreturn]] void unsupported(const std::string& path, std::string_view what) const;
  std::string place(const std::string& path, std::string_view keyword) const;
  std::optional<DecimalBound> bound(const Json& schema, std::string_view keyword, const std::string& path) const;
  std::optional<DecimalBound> tighter(const Json& schema, std::string_view inclusive, std::string_view exclusive,
                                      bool larger, const std::string& path) const;

  GrammarGraph& graph_;
  JsonText& text_;
};

}  // namespace ttt
