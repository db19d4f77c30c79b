#include "python/src/constraint.h"

#include "base/error.h"
#include "text/grammar/constraint_cache.h"

namespace ttt::python {
namespace {

Grammar grammar_of(const std::string& kind, const Json& value) {
  const GrammarOptions options{.where = kind};
  if (kind == "json") return json_object_grammar(options);
  if (kind == "schema") return json_schema_grammar(value, options);
  require(value.is_string(), ErrorKind::kUsage, kind, " wanted a str, got ", value.type_name());
  if (kind == "regex") return regex_grammar(value.as_string(kind), options);
  return gbnf_grammar(value.as_string(kind), options);
}

}  // namespace

std::shared_ptr<const TokenConstraint> constraint_of(PyModel& model, const std::string& kind, const Json& value) {
  return model.constraints().get(kind + ' ' + value.dump(), [&] { return grammar_of(kind, value); });
}

}  // namespace ttt::python
