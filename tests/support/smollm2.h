#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace ttt {

// The path of SmolLM2's GGUF file, as test.sh sets it; empty: there is none.
inline std::string smollm2_path() {
  const char* path = std::getenv("TTT_SMOLLM2_GGUF");
  return path == nullptr ? "" : path;
}

}  // namespace ttt

// Ends a test body that needs the model and has none: skipped, or failed where CI is set.
#define TTT_NEEDS_SMOLLM2()                                                                 \
  if (ttt::smollm2_path().empty()) {                                                        \
    if (std::getenv("CI") != nullptr) FAIL() << "TTT_SMOLLM2_GGUF is not set, and CI is";   \
    GTEST_SKIP() << "needs SmolLM2: TTT_SMOLLM2_GGUF is not set (./test.sh fetches it)";    \
  }                                                                                         \
  static_assert(true, "a semicolon follows")
