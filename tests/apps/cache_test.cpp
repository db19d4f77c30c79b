#include <sys/resource.h>

#include <thread>

#include "apps/tool.h"

// Starting with and without the cache of converted weights.

namespace ttt {
namespace {

using support::Finished;
using support::Process;
using support::ProcessOptions;
using support::read_file;
using support::tool;
namespace fs = std::filesystem;

class CacheToolTest : public support::ToolTest {
 protected:
  CacheToolTest() : model_(path("large")), cache_(path("cache")) {
    Json c = config();
    c.set("hidden_size", 256);
    c.set("intermediate_size", 512);
    c.set("num_hidden_layers", 2);
    c.set("vocab_size", 20000);
    support::write_random_checkpoint(model_, c, {.stored_as = support::StoredAs::kBF16});
  }
  std::vector<std::string> arguments(std::vector<std::string> more, const std::string& out = "out.npy") const {
    std::vector<std::string> all{"logits", "-m", model_, "--format", "int8", "--tokens", "5,900,17,3", "-o", path(out)};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::string logits(std::vector<std::string> more, const ProcessOptions& options = {}) const {
    expect_ok(tool(arguments(std::move(more)), options));
    return read_file(path("out.npy"));
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> all;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(cache_, none)) all.push_back(entry.path());
    return all;
  }

  std::string model_, cache_;
};

TEST_F(CacheToolTest, ASecondStartUsesTheFirstOnesFile) {
  const std::string without = logits({});
  EXPECT_FALSE(fs::exists(cache_));
  EXPECT_EQ(logits({"--cache-dir", cache_}), without);
  ASSERT_EQ(files().size(), 1u);
  const Finished again = tool(arguments({"--cache-dir", cache_, "-v"}));
  EXPECT_NE(again.err.find("cache: weights from " + files()[0].string()), std::string::npos) << again.err;
  EXPECT_EQ(read_file(path("out.npy")), without);
  // From the environment, and against it.
  const ProcessOptions asked{.environment = {"TTT_CACHE_DIR=" + cache_}};
  EXPECT_NE(tool(arguments({"-v"}), asked).err.find("cache: weights from"), std::string::npos);
  EXPECT_EQ(tool(arguments({"-v", "--no-cache"}), asked).err.find("cache:"), std::string::npos);
  // Another format is another file.
  expect_ok(tool(
      {"logits", "-m", model_, "--format", "bfp8_b", "--tokens", "5,6", "-o", path("out.npy"), "--cache-dir", cache_}));
  EXPECT_EQ(files().size(), 2u);
}

TEST_F(CacheToolTest, ATruncatedFileIsMadeAgain) {
  const std::string without = logits({});
  for (const double share : {0.0, 0.001, 0.5, 0.999}) {
    EXPECT_EQ(logits({"--cache-dir", cache_}), without);
    ASSERT_EQ(files().size(), 1u);
    fs::resize_file(files()[0], static_cast<std::uintmax_t>(share * static_cast<double>(fs::file_size(files()[0]))));
    EXPECT_EQ(logits({"--cache-dir", cache_}), without) << share;
    EXPECT_NE(tool(arguments({"--cache-dir", cache_, "-v"})).err.find("cache: weights from"), std::string::npos);
  }
}

TEST_F(CacheToolTest, AFullDiskIsNoReasonNotToRun) {
  const std::string without = logits({});
  const ProcessOptions full{.limits = {{RLIMIT_FSIZE, 1 << 20}}};
  EXPECT_EQ(logits({"--cache-dir", cache_}, full), without);
  EXPECT_TRUE(files().empty());
  const Finished f = tool(arguments({"--cache-dir", cache_, "-v"}), full);
  EXPECT_EQ(f.status, 0);
  EXPECT_NE(f.err.find("cache: "), std::string::npos) << f.err;
  EXPECT_NE(f.err.find("File too large"), std::string::npos) << f.err;
  // Too small a limit, and directories that cannot be.
  EXPECT_NE(tool(arguments({"--cache-dir", cache_, "--cache-size", "0.001", "-v"})).err.find("beyond the limit"),
            std::string::npos);
  EXPECT_EQ(logits({"--cache-dir", "/proc/no-such-place"}), without);
  EXPECT_EQ(logits({"--cache-dir", "default"}, {.environment = {"HOME=/proc/none", "XDG_CACHE_HOME="}}), without);
  const ProcessOptions homeless{.environment = {"HOME=", "XDG_CACHE_HOME="}};
  EXPECT_EQ(logits({"--cache-dir", "default"}, homeless), without);
  EXPECT_NE(tool(arguments({"--cache-dir", "default", "-v"}), homeless).err.find("cache: there is none"),
            std::string::npos);
}

TEST_F(CacheToolTest, TwoStartsAtOnce) {
  const std::string without = logits({});
  std::vector<std::unique_ptr<Process>> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(std::make_unique<Process>(TTT_TOOL, arguments({"--cache-dir", cache_, "-t", "1"}, text(i, ".npy"))));
  }
  for (int i = 0; i < 3; ++i) {
    expect_ok(all[static_cast<std::size_t>(i)]->finish());
    EXPECT_EQ(read_file(path(text(i, ".npy"))), without);
  }
  ASSERT_EQ(files().size(), 1u);
  const Finished verified = tool({"cache", "verify", "--cache-dir", cache_});
  expect_ok(verified);
  EXPECT_NE(verified.out.find("1 sound, 0 broken"), std::string::npos) << verified.out;
}

TEST_F(CacheToolTest, ListsVerifiesAndClears) {
  logits({"--cache-dir", cache_});
  const Finished listed = tool({"cache", "list", "--cache-dir", cache_, "--json"});
  expect_ok(listed);
  const Json out = Json::parse(listed.out, "stdout");
  ASSERT_EQ(out.at("files", "").as_array("").size(), 1u);
  EXPECT_EQ(out.at("files", "").as_array("")[0].at("model", ""), Json(model_));
  const Finished plain = tool({"cache", "list"}, {.environment = {"TTT_CACHE_DIR=" + cache_}});
  expect_ok(plain);
  EXPECT_NE(plain.out.find("1 files"), std::string::npos) << plain.out;
  // A byte in the middle: only verifying finds it.
  std::string bytes = read_file(files()[0]);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  support::write_file(files()[0], bytes);
  const Finished broken = tool({"cache", "verify", "--cache-dir", cache_});
  EXPECT_EQ(broken.status, 3) << broken.err;
  EXPECT_NE(broken.out.find("is broken and was removed"), std::string::npos) << broken.out;
  EXPECT_TRUE(files().empty());
  logits({"--cache-dir", cache_});
  expect_ok(tool({"cache", "clear", "--cache-dir", cache_}));
  EXPECT_TRUE(files().empty());
  expect_ok(tool({"cache", "list", "--cache-dir", path("none")}));
  expect_error(tool({"cache", "lost", "--cache-dir", cache_}), 2, {"cache wanted list, clear or verify"});
}

}  // namespace
}  // namespace ttt
