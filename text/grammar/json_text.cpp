#include "text/grammar/json_text.h"

#include "base/error.h"

namespace ttt {

using State = GrammarGraph::State;

// A rule that is written when it is first used.
std::uint32_t JsonText::rule(std::optional<std::uint32_t>& index, std::string_view name,
                             State (JsonText::*write)(State)) {
  if (index) return *index;
  index = graph_.add_rule(name);
  const State begin = graph_.state();
  graph_.at(*index).begin = begin;
  const State end = (this->*write)(begin);
  graph_.at(*index).end = end;
  return *index;
}

State JsonText::call(State from, std::uint32_t rule) {
  const State to = graph_.state();
  graph_.rule(from, to, rule);
  return to;
}

State JsonText::write_indent(State from) {
  const State low = graph_.size();
  const State line = graph_.state(), end = graph_.state();
  graph_.bytes(line, end, ' ', ' ');
  graph_.bytes(line, end, '\t', '\t');
  constexpr int kDeepest = 20;
  const GrammarGraph::Part spaces = graph_.repeat(graph_.part_since(low, line, end), 0, kDeepest);
  graph_.bytes(from, spaces.begin, '\n', '\n');
  return spaces.end;
}

State JsonText::gap(State from, bool separator) {
  if (space_ == JsonSpace::kCompact || (space_ == JsonSpace::kSpaced && !separator)) return from;
  const State to = graph_.state();
  graph_.edge(from, to);
  if (separator) graph_.bytes(from, to, ' ', ' ');
  if (space_ == JsonSpace::kIndented) {
    graph_.rule(from, to, rule(indent_, "JSON line end", &JsonText::write_indent));
  }
  return to;
}

// As it is, or by any escape; surrogates come in pairs.
void JsonText::add_string_character(State from, State to) {
  CharSet plain = CharSet::range(0, 0x1F);
  plain.add(CharSet::of('"'));
  plain.add(CharSet::of('\\'));
  plain.invert();
  add_characters(graph_, from, to, plain, CharacterForm::kPlain);
  const State slash = graph_.literal(from, "\\");
  for (const char c : std::string_view("\"\\/bfnrt")) {
    graph_.bytes(slash, to, static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(c));
  }
  const auto digits = [&](State at, State end, std::string_view ranges) {
    for (std::size_t i = 0; i < ranges.size(); i += 2) {
      graph_.bytes(at, end, static_cast<std::uint8_t>(ranges[i]), static_cast<std::uint8_t>(ranges[i + 1]));
    }
  };
  constexpr std::string_view kAny = "09AFaf";
  const auto any = [&](State at, int count, State end) {
    for (; count > 1; --count) {
      const State next = graph_.state();
      digits(at, next, kAny);
      at = next;
    }
    digits(at, end, kAny);
  };
  const State unicode = graph_.literal(slash, "u");
  const State three = graph_.state(), behind_d = graph_.state(), two = graph_.state(), high = graph_.state();
  digits(unicode, three, "09ACEFacef");
  any(three, 3, to);
  digits(unicode, behind_d, "DDdd");
  digits(behind_d, two, "07");
  any(two, 2, to);
  digits(behind_d, high, "89ABab");
  const State low_begin = graph_.state(), low_d = graph_.state(), low = graph_.state();
  any(high, 2, low_begin);
  digits(graph_.literal(low_begin, "\\u"), low_d, "DDdd");
  digits(low_d, low, "CFcf");
  any(low, 2, to);
}

State JsonText::write_string(State from) {
  const State inside = graph_.literal(from, "\"");
  add_string_character(inside, inside);
  return graph_.literal(inside, "\"");
}

State JsonText::any_string(State from, std::int64_t least, std::int64_t most) {
  if (least == 0 && most == GrammarGraph::kUnlimited) {
    return call(from, rule(string_, "JSON string", &JsonText::write_string));
  }
  const State inside = graph_.literal(from, "\"");
  const State low = graph_.size();
  const State begin = graph_.state(), end = graph_.state();
  add_string_character(begin, end);
  const GrammarGraph::Part part = graph_.repeat(graph_.part_since(low, begin, end), least, most);
  graph_.edge(inside, part.begin);
  return graph_.literal(part.end, "\"");
}

State JsonText::string_of(State from, const Regular& language) {
  const State inside = graph_.literal(from, "\""), end = graph_.state();
  insert(graph_, inside, end, language, CharacterForm::kJsonString);
  return graph_.literal(end, "\"");
}

State JsonText::any_integer(State from) {
  const State first = graph_.state(), end = graph_.state();
  graph_.edge(from, first);
  graph_.bytes(from, first, '-', '-');
  graph_.bytes(first, end, '0', '0');
  const State low = graph_.size();
  const State digit = graph_.state(), after = graph_.state();
  graph_.bytes(digit, after, '0', '9');
  constexpr int kMoreDigits = 17;
  const GrammarGraph::Part more = graph_.repeat(graph_.part_since(low, digit, after), 0, kMoreDigits);
  graph_.bytes(first, more.begin, '1', '9');
  graph_.edge(more.end, end);
  return end;
}

State JsonText::any_number(State from) {
  const State whole = any_integer(from), fraction_end = graph_.state(), end = graph_.state();
  const auto digits = [&](int most) {
    const State low = graph_.size();
    const State digit = graph_.state(), after = graph_.state();
    graph_.bytes(digit, after, '0', '9');
    return graph_.repeat(graph_.part_since(low, digit, after), 1, most);
  };
  constexpr int kFraction = 18, kExponent = 2;
  const GrammarGraph::Part fraction = digits(kFraction), exponent = digits(kExponent);
  graph_.bytes(whole, fraction.begin, '.', '.');
  graph_.edge(whole, fraction_end);
  graph_.edge(fraction.end, fraction_end);
  graph_.edge(fraction_end, end);
  const State sign = graph_.state();
  graph_.bytes(fraction_end, sign, 'e', 'e');
  graph_.bytes(fraction_end, sign, 'E', 'E');
  graph_.edge(sign, exponent.begin);
  graph_.bytes(sign, exponent.begin, '+', '+');
  graph_.bytes(sign, exponent.begin, '-', '-');
  graph_.edge(exponent.end, end);
  return end;
}

State JsonText::any_object(State from) {
  const State none = open(from, '{'), some = graph_.state(), end = graph_.state();
  const auto member = [&](State at) { graph_.edge(any_value(colon(any_string(at))), some); };
  member(none);
  member(comma(some));
  graph_.edge(none, end);
  graph_.edge(some, end);
  return close(end, '}');
}

State JsonText::any_array(State from) {
  const State none = open(from, '['), some = graph_.state(), end = graph_.state();
  graph_.edge(any_value(none), some);
  graph_.edge(any_value(comma(some)), some);
  graph_.edge(none, end);
  graph_.edge(some, end);
  return close(end, ']');
}

State JsonText::write_value(State from) {
  const State to = graph_.state();
  for (const State end : {any_object(from), any_array(from), any_string(from), any_number(from)}) graph_.edge(end, to);
  for (const std::string_view w : {"true", "false", "null"}) graph_.edge(word(from, w), to);
  return to;
}

State JsonText::any_value(State from) { return call(from, rule(value_, "JSON value", &JsonText::write_value)); }

State JsonText::exactly(State from, const Json& value) {
  if (value.is_object()) {
    const Json::Object& members = value.as_object("");
    State at = open(from, '{');
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (i > 0) at = comma(at);
      at = exactly(colon(graph_.literal(at, Json(members[i].first).dump())), members[i].second);
    }
    return close(at, '}');
  }
  if (value.is_array()) {
    const Json::Array& items = value.as_array("");
    State at = open(from, '[');
    for (std::size_t i = 0; i < items.size(); ++i) at = exactly(i > 0 ? comma(at) : at, items[i]);
    return close(at, ']');
  }
  return graph_.literal(from, value.dump());
}

}  // namespace ttt
