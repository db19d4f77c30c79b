#pragma once

#include <string_view>

// Packed tables that tools/make_unicode_tables.py writes and text/unicode.cpp unpacks: numbers in groups of 5 bits,
// least significant first, as base 64 digits whose sixth bit says that more follow.
namespace ttt::unicode_tables {

extern const std::string_view kClassRanges;       // count, values, then (start step, index of the value)
extern const std::string_view kCanonical;         // full canonical decompositions
extern const std::string_view kCompatible;        // full compatibility decompositions, where they differ
extern const std::string_view kCombiningClasses;  // canonical combining classes that are not 0
extern const std::string_view kCompositions;      // primary composites: (first, second) -> composite
extern const std::string_view kLowercase;         // lower case where it differs
extern const std::string_view kProperties;        // as kClassRanges, of general category and script
extern const std::string_view kScriptRuns;        // as kClassRanges, of scripts as UnicodeScripts tells them apart
extern const std::string_view kGraphemeBreaks;    // as kClassRanges, of text/graphemes.cpp

}  // namespace ttt::unicode_tables
