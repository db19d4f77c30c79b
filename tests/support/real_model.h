#pragma once

#include <gtest/gtest.h>

#include <cstdlib>

// The file of a real checkpoint that ./test.sh has fetched, named by an environment variable: TTT_SMOLLM2_GGUF
// (SmolLM2-135M-Instruct.Q4_1.gguf) or TTT_GEMMA3_GGUF (gemma-3-270m-q4_k_m.gguf). Without it a test is skipped; with
// CI set that is a failure.
#define TTT_REQUIRE_MODEL(path, variable)                                                   \
  const char* path = std::getenv(variable);                                                 \
  if (path == nullptr || *path == 0) {                                                      \
    ASSERT_EQ(std::getenv("CI"), nullptr) << variable << " does not name the model's file"; \
    GTEST_SKIP() << variable << " does not name the model's file";                          \
  }                                                                                         \
  static_assert(true)
