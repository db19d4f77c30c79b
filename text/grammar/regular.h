#pragma once

#include <string_view>

#include "text/grammar/graph.h"

namespace ttt {

// A regular language of characters: a graph whose edges take nothing or a character of a set, and stand for assertions
// before resolve_assertions.
struct Regular {
  GrammarGraph graph;
  GrammarGraph::State begin = 0, end = 0;
};

// How a character is written.
enum class CharacterForm : std::uint8_t {
  kPlain,      // as UTF-8
  kJsonString  // within the quotes of a JSON string: as UTF-8, or by the shortest escape where it must be escaped
};

// Edges that take one character of `set`. Surrogates are no characters.
void add_characters(GrammarGraph& graph, GrammarGraph::State from, GrammarGraph::State to, const CharSet& set,
                    CharacterForm form);

// The same language without edges for assertions: ^ holds before the first character only, $ after the last.
// `anywhere`: the texts that contain a match, rather than those that are one.
Regular resolve_assertions(const Regular& language, bool anywhere);
// Both without assertions.
Regular intersect(const Regular& a, const Regular& b);
// Texts of `least` to `most` characters of `set`; kUnlimited.
Regular characters(const CharSet& set, std::int64_t least, std::int64_t most, const GrammarLimits& limits,
                   std::string_view where);
// All texts that are none of these.
Regular all_but(const std::vector<std::string>& texts, const GrammarLimits& limits, std::string_view where);
CharSet all_characters();

// Adds a language without assertions to a graph of bytes, between two of its states.
void insert(GrammarGraph& graph, GrammarGraph::State from, GrammarGraph::State to, const Regular& language,
            CharacterForm form);

}  // namespace ttt
