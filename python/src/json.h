#pragma once

#include <nanobind/nanobind.h>

#include <string>

#include "base/json.h"

namespace ttt::python {

// A document of dict, list, tuple, str, int, float, bool and None, and of what numpy has for these numbers.
// Error{kUsage} naming the place and the type of anything else, and of nesting beyond JsonLimits::depth.
Json to_json(nanobind::handle value, const std::string& where);

nanobind::object from_json(const Json& json);

}  // namespace ttt::python
