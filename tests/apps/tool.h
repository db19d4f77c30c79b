#pragma once

// The tool and small models to run it on.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "support/model.h"
#include "support/npy.h"
#include "support/process.h"
#include "support/tiny_model.h"

namespace ttt::support {

namespace fs = std::filesystem;

inline Finished tool(std::vector<std::string> arguments, const ProcessOptions& options = {}) {
  return run(TTT_TOOL, std::move(arguments), options);
}

class ToolTest : public testing::Test {
 protected:
  // The ids of tests/golden/tokenizers/llama3, and two that a padded vocabulary has beyond them.
  static constexpr std::int64_t kVocab = 904;
  static constexpr std::int64_t kBegin = 900, kEndOfTurn = 901, kLetterA = 64;

  static Json config(std::int64_t positions = 4096) {
    Json c = tiny_config(kVocab, positions);
    c.set("bos_token_id", kBegin);
    c.set("eos_token_id", kEndOfTurn);
    return c;
  }
  static void add_tokenizer(const fs::path& directory, const std::string& name = "llama3") {
    const fs::path from = fs::path(TTT_SOURCE_DIR) / "tests/golden/tokenizers" / name;
    fs::copy_file(from / "tokenizer.json", directory / "tokenizer.json", fs::copy_options::overwrite_existing);
  }
  // A model with random weights.
  std::string random_model(const Json& c = config()) const {
    const fs::path model = path("random");
    write_random_checkpoint(model, c, {});
    add_tokenizer(model);
    return model;
  }
  // A model that finds `likeliest` 5 logits likelier than the rest, whatever came before.
  std::string constant_model(std::int64_t likeliest = kLetterA, const Json& c = config()) const {
    const fs::path model = path("constant");
    write_constant_checkpoint(model, c, [&](std::int64_t id) { return id == likeliest ? 5.0f : 0.0f; });
    add_tokenizer(model);
    return model;
  }

  fs::path path(const std::string& name) const { return directory_.path() / name; }
  // What `f` wrote into the file of that name.
  std::string file(const std::string& name, std::string_view bytes) const {
    write_file(path(name), bytes);
    return path(name);
  }

  // One line "ttt: error: ..." on stderr that says all of `parts`, nothing on stdout, and the status.
  static void expect_error(const Finished& f, int status, const std::vector<std::string>& parts) {
    EXPECT_EQ(f.status, status) << f.err;
    EXPECT_TRUE(f.err.starts_with("ttt: error: ")) << f.err;
    EXPECT_EQ(std::ranges::count(f.err, '\n'), 1) << f.err;
    EXPECT_TRUE(f.err.ends_with('\n')) << f.err;
    EXPECT_EQ(f.out, "");
    for (const std::string& part : parts) EXPECT_NE(f.err.find(part), std::string::npos) << part << "\n" << f.err;
  }
  static void expect_ok(const Finished& f) {
    EXPECT_EQ(f.status, 0) << f.err;
    EXPECT_EQ(f.err, "");
  }

 private:
  TemporaryDirectory directory_;
};

}  // namespace ttt::support
