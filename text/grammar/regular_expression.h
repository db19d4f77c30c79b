#pragma once

#include <string_view>

#include "text/grammar/regular.h"

namespace ttt {

// Reads a regular expression in the syntax that ECMAScript and Python share: literals, ., classes, \d \w \s and their
// negations, \p{...}, escapes, groups (also named and non-capturing), alternation, greedy and lazy quantifiers, ^ and
// $,
// (?i:...). docs/structured_output.md has the details. The result has assertions.
//
// Error{kBadData} naming the byte where the syntax is wrong; Error{kUnsupported} naming what is not regular, such as
// back-references and look-around, or not known.
Regular read_regular_expression(std::string_view expression, const GrammarLimits& limits, std::string_view where);

}  // namespace ttt
