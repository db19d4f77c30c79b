#pragma once

// The tool and small models to run it on.

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "support/model.h"
#include "support/npy.h"
#include "support/process.h"
#include "support/tiny_model.h"

namespace ttt::support {

namespace fs = std::filesystem;

Finished tool(std::vector<std::string> arguments, const ProcessOptions& options = {});

class ToolTest : public testing::Test {
 protected:
  // The ids of tests/golden/tokenizers/llama3, and two that a padded vocabulary has beyond them.
  static constexpr std::int64_t kVocab = 904;
  static constexpr std::int64_t kBegin = 900, kEndOfTurn = 901, kLetterA = 64;

  static Json config(std::int64_t positions = 4096);
  static void add_tokenizer(const fs::path& directory, const std::string& name = "llama3");
  // A model with random weights.
  std::string random_model(const Json& c = config()) const;
  // A model that finds `likeliest` 5 logits likelier than the rest, whatever came before.
  std::string constant_model(std::int64_t likeliest = kLetterA, const Json& c = config()) const;

  fs::path path(const std::string& name) const;
  // Writes a file of that name and returns its path.
  std::string file(const std::string& name, std::string_view bytes) const;

  // One line "ttt: error: ..." on stderr that says all of `parts`, nothing on stdout, and the status.
  static void expect_error(const Finished& f, int status, const std::vector<std::string>& parts);
  static void expect_ok(const Finished& f);

 private:
  TemporaryDirectory directory_;
};

}  // namespace ttt::support
