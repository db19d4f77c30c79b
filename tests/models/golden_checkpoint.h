#pragma once

// Families on the tiny checkpoints of tests/golden/composed, and on copies of them with another configuration.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "support/model.h"
#include "support/npy.h"
#include "support/random_checkpoint.h"
#include "testing/metrics.h"

namespace ttt::support {

class GoldenCheckpointTest : public testing::Test {
 protected:
  static constexpr std::int64_t kContext = 64;
  static constexpr double kTolerance = 1.7e-5;  // of the range; tests/composed derives it

  static std::filesystem::path golden(const std::string& name) {
    return std::filesystem::path(TTT_SOURCE_DIR) / "tests/golden/composed" / name;
  }
  static std::vector<float> reference(const std::string& name) { return read_npy(golden(name) / "logits.npy"); }
  static LoadOptions exact() { return {.weight_format = Format::kF32, .state_format = Format::kF32}; }

  // Of the golden token ids of `name`.
  static std::vector<float> logits(const std::filesystem::path& path, const std::string& name,
                                   const LoadOptions& options = exact()) {
    return TestModel(path, options, kContext)
        .logits(read_npy_of<std::int32_t>(golden(name) / "ids.npy", "<i4"), 40, 17);
  }
  static double error(const std::vector<float>& wanted, const std::vector<float>& got) {
    const auto [least, most] = std::ranges::minmax(wanted);
    return max_abs_error(wanted, got) / static_cast<double>(most - least);
  }

  // The golden checkpoint with another configuration; one at a time.
  const std::filesystem::path& changed(const std::string& name, const std::function<void(Json&)>& change) {
    const std::filesystem::path file = golden(name) / "config.json";
    Json config = Json::parse(read_small_file(file, 1 << 20, "config.json"), file.string());
    change(config);
    write_file(directory_.path() / "config.json", config.dump());
    std::filesystem::copy_file(golden(name) / "model.safetensors", directory_.path() / "model.safetensors",
                               std::filesystem::copy_options::overwrite_existing);
    return directory_.path();
  }
  void expect_refused(const std::string& name, const std::function<void(Json&)>& change, ErrorKind kind,
                      const std::string& part) {
    try {
      TestModel(changed(name, change), {}, kContext);
      ADD_FAILURE() << "accepted; wanted: " << part;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), kind) << e.what();
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    }
  }

 private:
  TemporaryDirectory directory_;
};

}  // namespace ttt::support
