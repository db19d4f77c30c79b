#pragma once

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace ttt::support {

// The message of the Error that f throws, which is of `kind`; "accepted" where it throws none.
std::string error_of(auto&& f, ErrorKind kind = ErrorKind::kUsage) {
  try {
    f();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    return e.what();
  }
  return "accepted";
}

}  // namespace ttt::support
