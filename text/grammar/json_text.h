#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/json.h"
#include "text/grammar/regular.h"

namespace ttt {

// The white space of generated JSON, always of limited length.
enum class JsonSpace : std::uint8_t {
  kCompact,  // none
  kSpaced,   // after a comma or colon one space, or none
  kIndented  // also there, after an opening and before a closing bracket: a line end and up to 20 spaces or tabs
};

// Writes texts of JSON (RFC 8259) into a grammar. Each function adds what is read from a state on, and returns where
// that ends.
class JsonText {
 public:
  using State = GrammarGraph::State;
  JsonText(GrammarGraph& graph, JsonSpace space) : graph_(graph), space_(space) {}

  GrammarGraph& graph() { return graph_; }

  State comma(State from) { return gap(graph_.literal(from, ","), true); }
  State colon(State from) { return gap(graph_.literal(from, ":"), true); }
  State open(State from, char bracket) { return gap(graph_.literal(from, {&bracket, 1}), false); }
  State close(State from, char bracket) { return graph_.literal(gap(from, false), {&bracket, 1}); }

  State any_value(State from);
  State any_object(State from);
  State any_array(State from);
  // A string of so many characters; kUnlimited.
  State any_string(State from, std::int64_t least = 0, std::int64_t most = GrammarGraph::kUnlimited);
  // A string whose value is of a language, written in one way only.
  State string_of(State from, const Regular& language);
  // At most 18 digits, and 18 after the point, and two of an exponent: every number is finite in 64 bits.
  State any_number(State from);
  State any_integer(State from);
  State word(State from, std::string_view word) { return graph_.literal(from, word); }
  // Exactly this value: members in this order, numbers and strings as they are written here.
  State exactly(State from, const Json& value);

 private:
  State gap(State from, bool separator);
  std::uint32_t rule(std::optional<std::uint32_t>& index, std::string_view name, State (JsonText::*write)(State));
  State call(State from, std::uint32_t rule);
  State write_value(State from);
  State write_string(State from);
  State write_indent(State from);
  void add_string_character(State from, State to);

  GrammarGraph& graph_;
  JsonSpace space_;
  std::optional<std::uint32_t> value_, string_, indent_;
};

}  // namespace ttt
