#include "state/prefix_cache.h"

#include <gtest/gtest.h>

#include <functional>
#include <numeric>

#include "base/error.h"
#include "state/step_builder.h"

namespace ttt {
namespace {

std::vector<std::int32_t> ids_to(std::int32_t n, std::int32_t first = 0) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(n));
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

// A pool whose rows are marked by the token they belong to.
struct World {
  explicit World(std::vector<StateSpec> slots)
      : pool(std::move(slots), {.sequences = 6, .context = 64, .page_rows = 4, .chunk = 8}), builder(pool, 64, 1) {}

  void add(Sequence& s, std::span<const std::int32_t> ids) {
    for (std::size_t at = 0; at < ids.size(); at += 4) {
      const std::span<const std::int32_t> part = ids.subspan(at, std::min<std::size_t>(4, ids.size() - at));
      const StepEntry entry{&s, static_cast<std::int64_t>(part.size())};
      const Step step = builder.prepare({&entry, 1}, part);
      for (std::size_t i = 0; i < part.size(); ++i) {
        *mark(step.states[0].keys, s.length() + static_cast<std::int64_t>(i)) = static_cast<float>(part[i]);
      }
      builder.commit();
    }
  }
  static float* mark(const RowsView& rows, std::int64_t index) {
    return reinterpret_cast<float*>(rows.row(rows.page_of(0, index), 0, index % rows.page_rows));
  }
  float read(Sequence& s, std::int64_t index) {
    const StepEntry entry{&s, 0};
    return *mark(builder.prepare({&entry, 1}, {}).states[0].keys, index);
  }

  StatePool pool;
  StepBuilder builder;
};

const StateSpec kFull{.heads = 1, .key_dim = 2, .value_dim = 2};

TEST(PrefixCache, FindsTheLongestBeginning) {
  World w({kFull});
  PrefixCache cache(w.pool, 4, 3);
  {
    Sequence s = w.pool.create();
    w.add(s, ids_to(18));
    cache.insert(s, ids_to(18));
  }
  EXPECT_EQ(w.pool.alive(), 1) << "the cache's";
  std::vector<std::int32_t> ids = ids_to(30);
  const std::int64_t free = w.pool.free_pages(0);
  Sequence found = cache.find(ids);
  EXPECT_EQ(found.length(), 16);
  EXPECT_EQ(w.pool.free_pages(0), free) << "pages are shared";
  for (std::int64_t i = 0; i < 16; ++i) EXPECT_EQ(w.read(found, i), static_cast<float>(i));
  found = Sequence();
  ids[9] = 77;
  EXPECT_EQ(cache.find(ids).length(), 8);
  EXPECT_EQ(cache.find(ids_to(8)).length(), 4) << "one token is left to compute";
  EXPECT_EQ(cache.find(ids_to(9, 1)).length(), 0);
  EXPECT_EQ(cache.find({}).length(), 0);
}

TEST(PrefixCache, WhatIsWrittenLaterDoesNotReachTheEntry) {
  World w({kFull});
  PrefixCache cache(w.pool, 2, 2);
  Sequence s = w.pool.create();
  w.add(s, ids_to(6));
  cache.insert(s, ids_to(6));
  s.truncate(5);
  w.add(s, std::vector<std::int32_t>{50});
  Sequence found = cache.find(ids_to(7));
  EXPECT_EQ(found.length(), 6);
  EXPECT_EQ(w.read(found, 5), 5.0f);
  EXPECT_EQ(w.read(s, 5), 50.0f);
}

TEST(PrefixCache, WantsTheRowsOfWindows) {
  StateSpec window = kFull;
  window.visible.behind = 5;
  World w({kFull, window});
  PrefixCache cache(w.pool, 4, 2);
  Sequence s = w.pool.create();
  w.add(s, ids_to(40));
  cache.insert(s, ids_to(40));
  EXPECT_EQ(cache.find(ids_to(41)).length(), 40);
  EXPECT_EQ(cache.find(ids_to(20)).length(), 0) << "the window has given up rows 11 to 16";
}

TEST(PrefixCache, ForgetsWhatWasUsedLeastRecently) {
  World w({kFull});
  PrefixCache cache(w.pool, 4, 2);
  for (const std::int32_t first : {100, 200, 100, 300}) {
    Sequence s = w.pool.create();
    w.add(s, ids_to(4, first));
    cache.insert(s, ids_to(4, first));
  }
  EXPECT_EQ(cache.size(), 2);
  EXPECT_EQ(cache.find(ids_to(5, 100)).length(), 4);
  EXPECT_EQ(cache.find(ids_to(5, 200)).length(), 0);
  EXPECT_EQ(cache.find(ids_to(5, 300)).length(), 4);
  EXPECT_TRUE(cache.evict());
  EXPECT_EQ(cache.find(ids_to(5, 100)).length(), 0);
  EXPECT_TRUE(cache.evict());
  EXPECT_FALSE(cache.evict());
  EXPECT_EQ(w.pool.alive(), 0);
}

TEST(PrefixCache, SaysWhatWasWanted) {
  World w({kFull});
  const auto message_of = [](const std::function<void()>& f) -> std::string {
    try {
      f();
    } catch (const Error& e) {
      return e.what();
    }
    return "nothing";
  };
  EXPECT_EQ(message_of([&] { PrefixCache(w.pool, 0, 2); }),
            "[prefix cache] block and max_entries wanted positive numbers, got 0 and 2");
  PrefixCache cache(w.pool, 4, 2);
  Sequence s = w.pool.create();
  EXPECT_EQ(message_of([&] { cache.insert(s, ids_to(3)); }), "[prefix cache] ids wanted 0 values, got 3");
}

}  // namespace
}  // namespace ttt
