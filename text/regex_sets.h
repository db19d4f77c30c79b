#pragma once

#include "text/char_set.h"
#include "text/regex_source.h"

// The sets of characters that a regular expression spells. Errors are those of RegexSource::refuse.
namespace ttt {

// After a backslash: one character (\n, \x41, \.) or a class of them (\d, \p{Lu}).
CharSet read_escape(RegexSource& source);
// After an opening bracket, to its closing one.
CharSet read_character_class(RegexSource& source, bool ignore_case);

}  // namespace ttt
