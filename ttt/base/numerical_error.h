#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace ttt {

// ErrorParts::where of an error that says which numbers of a computation are none.
inline constexpr std::string_view kNumericalError = "numerical error";

inline bool is_numerical_error(const Error& e) { return e.parts().where == kNumericalError; }

// Throws Error{kBadData} "numerical error: PROBLEM".
[[noreturn]] inline void fail_numerically(std::string problem) {
  fail(ErrorKind::kBadData, {.where = std::string(kNumericalError), .problem = std::move(problem)});
}

}  // namespace ttt
