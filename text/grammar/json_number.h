#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "text/grammar/regular.h"

namespace ttt {

// A bound of numbers, written out: sign, digits before and after the point without needless zeros.
struct DecimalBound {
  bool negative = false;
  std::string whole = "0", fraction = {};
  bool exclusive = false;
};

// Error{kUnsupported} "WHERE: ..." for more than 18 digits on a side, Error{kBadData} for what is no finite number.
DecimalBound decimal_bound(const Json& number, bool exclusive, std::string_view where);

// The texts of numbers between two bounds, where there are any: no exponent, at most 18 digits on each side of the
// point, none after it for `integers`.
Regular bounded_numbers(const std::optional<DecimalBound>& least, const std::optional<DecimalBound>& most,
                        bool integers, const GrammarLimits& limits, std::string_view where);

// Integers that a positive number divides, as it is written: with a sign, or none.
Regular multiples(std::int64_t divisor, const GrammarLimits& limits, std::string_view where);

}  // namespace ttt
