#pragma once

#include <cstdint>
#include <string_view>

#include "text/grammar/graph.h"

namespace ttt {

// Reads a grammar in llama.cpp's notation (GBNF): rules NAME ::= ALTERNATIVES, of which `root` is the language;
// literals and character classes with the escapes \n \r \t \\ \" \[ \] \- \xHH \uHHHH \UHHHHHHHH, ., groups,
// alternation, * + ? {m} {m,} {m,n}, and comments from # on. A rule may go on over lines after ::= and |, before |, and
// within groups. Returns the rule `root`.
//
// Error{kBadData} "WHERE: line L, column C: ..." where the syntax is wrong, a rule is missing or there twice, or a
// limit is exceeded.
std::uint32_t read_gbnf(std::string_view grammar, GrammarGraph& graph);

}  // namespace ttt
