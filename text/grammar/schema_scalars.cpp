#include "text/grammar/schema_scalars.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "text/grammar/json_format.h"
#include "text/grammar/regular_expression.h"

namespace ttt {

using State = GrammarGraph::State;

std::string SchemaScalars::place(const std::string& path, std::string_view keyword) const {
  return text(graph_.where(), ": ", path, "/", keyword);
}
void SchemaScalars::refuse(ErrorKind kind, const std::string& path, std::string_view problem) const {
  fail(kind, text(graph_.where(), ": ", path, ": ", problem));
}
void SchemaScalars::unsupported(const std::string& path, std::string_view what) const {
  refuse(ErrorKind::kUnsupported, path, text(what, " is not supported"));
}

// -------------------------------------------------------------------------------------------
std::int64_t SchemaScalars::count(const Json& schema, std::string_view keyword, std::int64_t otherwise,
                                  const std::string& path) const {
  const Json* json = schema.find(keyword);
  if (json == nullptr) return otherwise;
  const std::int64_t n = json->as_integer(place(path, keyword));
  require(n >= 0, ErrorKind::kBadData, place(path, keyword), " wanted a number of at least 0, got ", n);
  return n;
}
void SchemaScalars::check_order(std::int64_t least, std::int64_t most, std::string_view what,
                                const std::string& path) const {
  if (most != GrammarGraph::kUnlimited && most < least) {
    refuse(ErrorKind::kBadData, path, text("min", what, " ", least, " is above max", what, " ", most));
  }
}

State SchemaScalars::string(State from, const Json& schema, const std::string& path) {
  const std::int64_t least = count(schema, "minLength", 0, path);
  const std::int64_t most = count(schema, "maxLength", GrammarGraph::kUnlimited, path);
  check_order(least, most, "Length", path);
  std::vector<Regular> all;
  if (const Json* pattern = schema.find("pattern")) {
    const std::string where = place(path, "pattern");
    for (const Json& one : pattern->is_array() ? pattern->as_array(where) : Json::Array{*pattern}) {
      all.push_back(resolve_assertions(read_regular_expression(one.as_string(where), graph_.limits(), where), true));
    }
  }
  if (const Json* format = schema.find("format")) {
    const std::string where = place(path, "format");
    std::optional<Regular> known = json_format(format->as_string(where), graph_.limits(), where);
    if (!known) unsupported(path, text("the format ", format->as_string(where)));
    all.push_back(std::move(*known));
  }
  if (all.empty()) return text_.any_string(from, least, most);
  if (least > 0 || most != GrammarGraph::kUnlimited) {
    all.push_back(characters(all_characters(), least, most, graph_.limits(), place(path, "maxLength")));
  }
  while (all.size() > 1) {
    const Regular last = std::move(all.back());
    all.pop_back();
    all.back() = intersect(all.back(), last);
  }
  return text_.string_of(from, all[0]);
}

std::optional<DecimalBound> SchemaScalars::bound(const Json& schema, std::string_view keyword,
                                                 const std::string& path) const {
  const Json* json = schema.find(keyword);
  if (json == nullptr) return std::nullopt;
  return decimal_bound(*json, keyword.starts_with("exclusive"), place(path, keyword));
}
// The tighter of the inclusive and the exclusive keyword.
std::optional<DecimalBound> SchemaScalars::tighter(const Json& schema, std::string_view inclusive,
                                                   std::string_view exclusive, bool larger,
                                                   const std::string& path) const {
  const std::optional<DecimalBound> one = bound(schema, inclusive, path), other = bound(schema, exclusive, path);
  if (!one || !other) return one ? one : other;
  const double a = schema.find(inclusive)->as_number(path), b = schema.find(exclusive)->as_number(path);
  return a != b && (a > b) == larger ? one : other;
}

State SchemaScalars::number(State from, bool integer, const Json& schema, const std::string& path) {
  const Json* multiple = schema.find("multipleOf");
  // Of fractions a check in binary numbers would refuse some that are multiples.
  constexpr std::int64_t kLargestDivisor = 1000;
  if (multiple != nullptr && !(multiple->is_integer() && *multiple != Json(0) && multiple->as_integer(path) > 0 &&
                               multiple->as_integer(path) <= kLargestDivisor)) {
    unsupported(path, text("multipleOf ", multiple->dump()));
  }
  integer = integer || multiple != nullptr;
  const auto least = tighter(schema, "minimum", "exclusiveMinimum", true, path);
  const auto most = tighter(schema, "maximum", "exclusiveMaximum", false, path);
  if (!least && !most && multiple == nullptr) return integer ? text_.any_integer(from) : text_.any_number(from);
  const State to = graph_.state();
  Regular numbers = bounded_numbers(least, most, integer, graph_.limits(), graph_.where());
  if (multiple != nullptr) {
    numbers = intersect(numbers, multiples(multiple->as_integer(path), graph_.limits(), graph_.where()));
  }
  insert(graph_, from, to, numbers, CharacterForm::kPlain);
  return to;
}

}  // namespace ttt
