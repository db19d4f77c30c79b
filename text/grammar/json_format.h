#pragma once

#include <optional>
#include <string_view>

#include "text/grammar/regular.h"

namespace ttt {

// The strings of a format of JSON schemas: date, time, date-time (RFC 3339), duration (ISO 8601), uuid, email,
// hostname, uri, ipv4, ipv6. Nothing for another name. A language may be smaller than the standard's, never larger.
std::optional<Regular> json_format(std::string_view name, const GrammarLimits& limits, std::string_view where);

}  // namespace ttt
