// Every committed seed through every target: what a fuzzer found once is tried by every run of the tests.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "fuzz/targets.h"

namespace ttt::fuzz {
namespace {

namespace fs = std::filesystem;

TEST(Seeds, AreReadOrRefusedByEveryTarget) {
  const fs::path folder = fs::path(TTT_SOURCE_DIR) / "tests/fuzz/seeds";
  for (const Target& target : kTargets) EXPECT_TRUE(fs::is_directory(folder / target.name)) << target.name;
  int seeds = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    for (const Target& target : kTargets) {
      SCOPED_TRACE(entry.path().string() + " by " + std::string(target.name));
      EXPECT_NO_THROW(run(target, std::as_bytes(std::span(bytes))));
    }
    ++seeds;
  }
  EXPECT_GE(seeds, 20);
}

// A seed that is refused at its first byte tries nothing.
TEST(Seeds, OfEachTargetOneAtLeastIsReadToItsEnd) {
  for (const Target& target : kTargets) {
    int read = 0;
    for (const fs::directory_entry& entry :
         fs::directory_iterator(fs::path(TTT_SOURCE_DIR) / "tests/fuzz/seeds" / target.name)) {
      std::ifstream in(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
      try {
        target.read(std::as_bytes(std::span(bytes)));
        ++read;
      } catch (const std::exception& e) {
        if (entry.path().filename().string().starts_with("valid")) ADD_FAILURE() << entry.path() << ": " << e.what();
      }
    }
    EXPECT_GT(read, 0) << target.name;
  }
}

}  // namespace
}  // namespace ttt::fuzz
