#include "checkpoint/cache/weight_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>

#include "checkpoint/cache/content_hash.h"
#include "tests/checkpoint/test_files.h"

namespace ttt {
namespace {

using testing::TempDir;
namespace fs = std::filesystem;

std::vector<std::byte> some_bytes(std::int64_t n, int seed) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>(i * 31 + static_cast<std::size_t>(seed));
  return bytes;
}

struct Parts {
  std::vector<std::byte> a = some_bytes(1000, 1), b = some_bytes(64, 2), empty;
  std::vector<CachedPart> list() const {
    return {{"a|0,0", a.data(), std::ssize(a)}, {"b \"quoted\"", b.data(), std::ssize(b)}};
  }
};

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void replace(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc).write(bytes.data(), std::ssize(bytes));
}

std::vector<std::string> names(const fs::path& directory) {
  std::vector<std::string> all;
  for (const auto& entry : fs::directory_iterator(directory)) all.push_back(entry.path().filename());
  std::ranges::sort(all);
  return all;
}

TEST(ContentHash, TellsContentsApart) {
  std::set<std::string> seen;
  for (std::int64_t n = 0; n < 70; ++n) {
    ContentHash h;
    h.add(std::vector<std::byte>(static_cast<std::size_t>(n)));
    EXPECT_TRUE(seen.insert(h.hex()).second) << n;
    EXPECT_EQ(h.hex().size(), 32u);
  }
  std::vector<std::byte> bytes = some_bytes(100, 0);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const int bit : {0, 7}) {
      std::vector<std::byte> other = bytes;
      other[i] ^= static_cast<std::byte>(1 << bit);
      ContentHash h;
      h.add(other);
      EXPECT_TRUE(seen.insert(h.hex()).second);
    }
  }
  ContentHash ab_c, a_bc;
  ab_c.add(std::string_view("ab")), ab_c.add(std::string_view("c"));
  a_bc.add(std::string_view("a")), a_bc.add(std::string_view("bc"));
  EXPECT_NE(ab_c.hex(), a_bc.hex());
}

TEST(WeightCache, GivesBackWhatWasWritten) {
  const TempDir dir;
  const Parts parts;
  const WeightCacheOptions options{.directory = dir.path() / "deep" / "cache"};
  EXPECT_EQ(CachedWeights::open(options.directory, "key"), nullptr);
  ASSERT_TRUE(write_cached(options, "key", "the model", parts.list()));
  const auto cached = CachedWeights::open(options.directory, "key");
  ASSERT_NE(cached, nullptr);
  for (const CachedPart& part : parts.list()) {
    const std::byte* data = cached->find(part.name, part.bytes);
    ASSERT_NE(data, nullptr) << part.name;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data) % 64, 0u);
    EXPECT_EQ(std::memcmp(data, part.data, static_cast<std::size_t>(part.bytes)), 0);
    EXPECT_EQ(cached->find(part.name, part.bytes + 1), nullptr);
  }
  EXPECT_EQ(cached->find("c", 1), nullptr);
  EXPECT_TRUE(cached->is_sound());
  EXPECT_EQ(CachedWeights::open(options.directory, "other"), nullptr);
  const std::vector<CacheFile> listed = list_cache(options.directory);
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].source, "the model");
  EXPECT_TRUE(listed[0].readable);
  EXPECT_EQ(clear_cache(options.directory), listed[0].bytes);
  EXPECT_TRUE(names(options.directory).empty());
  // What is mapped stays readable.
  EXPECT_TRUE(cached->is_sound());
}

// Every length that a writer without renaming could leave, and every byte that says what there is.
TEST(WeightCache, BrokenFilesAreNotUsed) {
  const TempDir dir;
  const Parts parts;
  const WeightCacheOptions options{.directory = dir.path()};
  ASSERT_TRUE(write_cached(options, "key", "m", parts.list()));
  const fs::path path = dir.path() / names(dir.path()).at(0);
  const std::string good = content(path);
  for (std::size_t n = 0; n < good.size(); n += n < 70 || n + 30 > good.size() ? 1 : 37) {
    replace(path, good.substr(0, n));
    ASSERT_EQ(CachedWeights::open(dir.path(), "key"), nullptr) << n;
    ASSERT_FALSE(fs::exists(path)) << n;
  }
  replace(path, good + "x");
  EXPECT_EQ(CachedWeights::open(dir.path(), "key"), nullptr);
  const std::size_t index = good.find("{\"source\"");
  for (std::size_t i = 0; i < good.size(); i += i < 70 || i >= index ? 1 : 37) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 4);
    replace(path, bad);
    const auto cached = CachedWeights::open(dir.path(), "key");
    const bool describes = i < 64 || i >= index;
    ASSERT_EQ(cached == nullptr, describes) << i;
    // Data is not read when a file is opened; verifying reads it. Between parts is padding.
    const bool data = (i >= 64 && i < 1064) || (i >= 1088 && i < 1152);
    if (!describes) {
      ASSERT_EQ(cached->is_sound(), !data) << i;
    }
  }
}

TEST(WeightCache, TheLongestUnusedGoesFirst) {
  const TempDir dir;
  const Parts parts;
  WeightCacheOptions options{.directory = dir.path()};
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(write_cached(options, key, key, parts.list()));
  const std::int64_t bytes = list_cache(dir.path()).at(0).bytes;
  const auto age = [&](const std::string& key, std::int64_t seconds) {
    const timespec then{.tv_sec = 1'700'000'000 - seconds, .tv_nsec = 0}, times[2] = {then, then};
    ASSERT_EQ(utimensat(AT_FDCWD, (dir.path() / (key + ".tttcache")).c_str(), times, 0), 0);
  };
  age("a", 100), age("b", 300), age("c", 200);
  ASSERT_NE(CachedWeights::open(dir.path(), "b"), nullptr);  // uses it
  options.most_bytes = 3 * bytes;
  ASSERT_TRUE(write_cached(options, "d", "d", parts.list()));
  EXPECT_EQ(names(dir.path()), (std::vector<std::string>{"a.tttcache", "b.tttcache", "d.tttcache"}));
  options.most_bytes = bytes - 200;
  EXPECT_FALSE(write_cached(options, "e", "e", parts.list()));
  EXPECT_EQ(names(dir.path()).size(), 3u);
  // Files of others stay, abandoned ones go.
  replace(dir.path() / "notes.txt", "mine");
  replace(dir.path() / "x.tttcache.1-1.tmp", "part");
  const timespec then{.tv_sec = 1'600'000'000, .tv_nsec = 0}, times[2] = {then, then};
  ASSERT_EQ(utimensat(AT_FDCWD, (dir.path() / "x.tttcache.1-1.tmp").c_str(), times, 0), 0);
  options.most_bytes = 10 * bytes;
  ASSERT_TRUE(write_cached(options, "f", "f", parts.list()));
  EXPECT_TRUE(fs::exists(dir.path() / "notes.txt"));
  EXPECT_FALSE(fs::exists(dir.path() / "x.tttcache.1-1.tmp"));
}

TEST(WeightCache, ManyWritersAndReadersAtOnce) {
  const TempDir dir;
  const WeightCacheOptions options{.directory = dir.path() / "cache"};
  const std::vector<std::byte> data = some_bytes(1 << 20, 3);
  const std::vector<CachedPart> parts{{"x", data.data(), std::ssize(data)}};
  std::atomic<int> wrong{0}, found{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        if (t < 2) write_cached(options, "key", "m", parts);
        const auto cached = CachedWeights::open(options.directory, "key");
        if (cached == nullptr) continue;
        ++found;
        if (cached->find("x", std::ssize(data)) == nullptr || !cached->is_sound()) ++wrong;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GE(found, 20);
  EXPECT_EQ(names(options.directory).size(), 1u);
}

std::unique_ptr<const Checkpoint> checkpoint_with(const TempDir& dir, float value) {
  std::vector<float> values(5000, 1.0f);
  values[2500] = value;
  testing::SafetensorsWriter w;
  w.add("x", "F32", {50, 100}, testing::bytes_of(values));
  dir.write("config.json", R"({"model_type":"x"})");
  dir.write("model.safetensors", w.bytes());
  return open_checkpoint(dir.path(), {});
}

TEST(WeightCache, KeysFollowContentsAndRequests) {
  const TempDir a, b;
  const auto first = checkpoint_with(a, 1);
  const std::vector<std::string> keys{"x|int8"}, others{"x|int4"};
  const std::string key = cache_key(*first, keys);
  EXPECT_EQ(key.size(), 32u);
  EXPECT_EQ(cache_key(*first, keys), key);
  EXPECT_NE(cache_key(*first, others), key);
  // The same bytes at the same time elsewhere are the same model.
  const auto copied = checkpoint_with(b, 1);
  const fs::path from = a.path() / "model.safetensors", to = b.path() / "model.safetensors";
  fs::last_write_time(to, fs::last_write_time(from));
  EXPECT_EQ(cache_key(*copied, keys), key);
  // Another value, although size and time are the same.
  const TempDir c;
  const auto changed = checkpoint_with(c, 2);
  fs::last_write_time(c.path() / "model.safetensors", fs::last_write_time(from));
  EXPECT_NE(cache_key(*changed, keys), key);
  // A change that the samples might miss changes the time.
  fs::last_write_time(to, fs::last_write_time(from) + std::chrono::seconds(1));
  EXPECT_NE(cache_key(*copied, keys), key);
}

}  // namespace
}  // namespace ttt
