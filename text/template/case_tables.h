#pragma once

#include <cstddef>

// Properties of characters as Python's str methods see them; tools/make_case_tables.py writes the source.
namespace ttt::case_tables {

struct Range {
  char32_t first, last;
};
struct Mapping {
  char32_t from, to[3];  // unused places at the end are 0
};

// Sorted. Mappings of one character by itself, where it changes.
extern const Mapping kUpper[], kTitle[], kLower[];
extern const Range kDecimal[], kDigit[], kNumeric[], kLetter[], kSpace[], kUpperCase[], kLowerCase[], kUnprintable[];
extern const std::size_t kUpperCount, kTitleCount, kLowerCount;
extern const std::size_t kDecimalCount, kDigitCount, kNumericCount, kLetterCount, kSpaceCount, kUpperCaseCount,
    kLowerCaseCount, kUnprintableCount;

}  // namespace ttt::case_tables
