#pragma once

#include <gtest/gtest.h>

#include <cstdlib>

// SmolLM2-135M-Instruct.Q4_1.gguf, named by TTT_SMOLLM2_GGUF. Without it a test is skipped; with CI set that is a failure.
#define TTT_REQUIRE_SMOLLM2(path)                                                                   \
  const char* path = std::getenv("TTT_SMOLLM2_GGUF");                                               \
  if (path == nullptr || *path == 0) {                                                              \
    ASSERT_EQ(std::getenv("CI"), nullptr) << "TTT_SMOLLM2_GGUF does not name SmolLM2's file";       \
    GTEST_SKIP() << "TTT_SMOLLM2_GGUF does not name SmolLM2's file";                                \
  }                                                                                                 \
  static_assert(true)
