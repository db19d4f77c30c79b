#include "state/prefix_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "state/step_builder.h"

namespace ttt {
namespace {

std::vector<std::int32_t> ids_to(std::int32_t n, std::int32_t first = 0) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(n));
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

constexpr std::int64_t kPage = 4;

// A pool whose rows are marked by the token they belong to, and a cache that every step tells what it has computed.
struct CachedWorld {
  explicit CachedWorld(std::vector<StateSpec> slots, std::int64_t pages = 0)
      : pool(std::move(slots), {.sequences = 6, .context = 64, .page_rows = kPage, .chunk = 8, .pages = pages}),
        builder(pool, 64, 1),
        cache(pool) {}

  struct Known {
    Sequence sequence;
    PrefixCache::Place place;
    std::vector<std::int32_t> ids;
  };
  Known begin(std::span<const std::int32_t> ids, std::string_view key = "") {
    PrefixCache::Found found = cache.find(key, ids);
    Known k{std::move(found.sequence), std::move(found.place), {}};
    k.ids.assign(ids.begin(), ids.begin() + k.sequence.length());
    return k;
  }
  // The rows of `ids`, `chunk` at a time.
  void add(Known& k, std::span<const std::int32_t> ids, std::size_t chunk = 3) {
    for (std::size_t at = 0; at < ids.size(); at += chunk) {
      const std::span<const std::int32_t> part = ids.subspan(at, std::min(chunk, ids.size() - at));
      const StepEntry entry{&k.sequence, static_cast<std::int64_t>(part.size())};
      std::vector<std::int64_t> wanted(pool.groups().size());
      pool.add_wanted_pages(k.sequence, entry.rows, wanted);
      cache.make_room(wanted);
      const Step step = builder.prepare({&entry, 1}, part);
      for (std::size_t i = 0; i < part.size(); ++i) {
        for (const AttentionStateView& slot : step.states) {
          *mark(slot.keys, k.sequence.length() + static_cast<std::int64_t>(i)) = static_cast<float>(part[i]);
        }
      }
      k.ids.insert(k.ids.end(), part.begin(), part.end());
      cache.keep(k.place, k.sequence, k.ids);
      builder.commit();
    }
  }
  // All tokens of a sequence that begins with what is known of them.
  Known run(std::span<const std::int32_t> ids, std::string_view key = "") {
    Known k = begin(ids, key);
    add(k, ids.subspan(k.ids.size()));
    return k;
  }
  std::int64_t found(std::span<const std::int32_t> ids, std::string_view key = "") {
    return cache.find(key, ids).sequence.length();
  }
  static float* mark(const RowsView& rows, std::int64_t index) {
    return reinterpret_cast<float*>(rows.row(rows.page_of(0, index), 0, index % rows.page_rows));
  }
  float read(Sequence& s, std::int64_t index, std::size_t slot = 0) {
    const StepEntry entry{&s, 0};
    return *mark(builder.prepare({&entry, 1}, {}).states[slot].keys, index);
  }
  std::int64_t used(std::size_t group = 0) const {
    return pool.groups()[group].pages() - pool.groups()[group].free_pages();
  }

  StatePool pool;
  StepBuilder builder;
  PrefixCache cache;
};

const StateSpec kFull{.heads = 1, .key_dim = 2, .value_dim = 2};

StateSpec windowed(std::int64_t behind, std::int64_t pinned = 0) {
  StateSpec spec = kFull;
  spec.visible.behind = behind;
  spec.visible.pinned = pinned;
  return spec;
}

TEST(PrefixCache, FindsTheLongestBeginning) {
  CachedWorld w({kFull});
  w.run(ids_to(18));
  EXPECT_EQ(w.pool.alive(), 0) << "no sequence is kept";
  EXPECT_EQ(w.used(), 4);
  EXPECT_EQ(w.pool.groups()[0].idle_pages(), 4);
  std::vector<std::int32_t> ids = ids_to(30);
  CachedWorld::Known known = w.begin(ids);
  EXPECT_EQ(known.sequence.length(), 16);
  EXPECT_EQ(w.used(), 4) << "pages are shared";
  EXPECT_EQ(w.pool.groups()[0].idle_pages(), 0);
  for (std::int64_t i = 0; i < 16; ++i) EXPECT_EQ(w.read(known.sequence, i), static_cast<float>(i));
  ids[9] = 77;
  EXPECT_EQ(w.found(ids), 8);
  EXPECT_EQ(w.found(ids_to(8)), 8);
  EXPECT_EQ(w.found(ids_to(9, 1)), 0);
  EXPECT_EQ(w.found({}), 0);
}

TEST(PrefixCache, KeysShareNothing) {
  CachedWorld w({kFull});
  w.run(ids_to(8), "one");
  EXPECT_EQ(w.found(ids_to(9), "one"), 8);
  EXPECT_EQ(w.found(ids_to(9), "two"), 0);
  EXPECT_EQ(w.found(ids_to(9)), 0);
}

TEST(PrefixCache, WhatIsWrittenLaterDoesNotReachIt) {
  CachedWorld w({kFull});
  CachedWorld::Known k = w.run(ids_to(8));
  k.sequence.truncate(5);
  k.ids.resize(5);
  k.place = PrefixCache::Place();
  w.add(k, std::vector<std::int32_t>{50});
  CachedWorld::Known found = w.begin(ids_to(9));
  EXPECT_EQ(found.sequence.length(), 8);
  EXPECT_EQ(w.read(found.sequence, 5), 5.0f);
  EXPECT_EQ(w.read(k.sequence, 5), 50.0f);
  EXPECT_EQ(w.read(k.sequence, 4), 4.0f);
}

// Sequences that compute the same at the same time have it once.
TEST(PrefixCache, TheSamePagesAreTakenTogether) {
  CachedWorld w({kFull, windowed(5)});
  CachedWorld::Known one = w.begin(ids_to(20)), two = w.begin(ids_to(20));
  w.add(one, ids_to(20));
  w.add(two, ids_to(20));
  EXPECT_EQ(w.used(), 5);
  for (std::int64_t i = 0; i < 20; ++i) EXPECT_EQ(w.read(two.sequence, i), static_cast<float>(i));
  w.add(one, ids_to(3, 90));
  w.add(two, ids_to(3, 80));
  EXPECT_EQ(w.read(one.sequence, 21), 91.0f);
  EXPECT_EQ(w.read(two.sequence, 21), 81.0f);
}

// Windows have passed most rows, but their pages are kept: any beginning can be used.
TEST(PrefixCache, KeepsTheRowsOfWindows) {
  CachedWorld w({kFull, windowed(5), windowed(9, 2)});
  w.run(ids_to(40));
  for (const std::int32_t length : {40, 20, 8, 4}) {
    std::vector<std::int32_t> ids = ids_to(length);
    ids.push_back(99);
    CachedWorld::Known k = w.begin(ids);
    EXPECT_EQ(k.sequence.length(), length);
    for (std::int64_t i = std::max(length - 5, 0); i < length; ++i) {
      EXPECT_EQ(w.read(k.sequence, i, 1), static_cast<float>(i));
    }
    EXPECT_EQ(w.read(k.sequence, 1, 2), 1.0f) << "pinned";
  }
}

// Without the pages of a window, a beginning ends where it does not need them.
TEST(PrefixCache, WantsTheRowsOfWindows) {
  CachedWorld w({kFull, windowed(5)});
  w.run(ids_to(40));
  const PageGroup& window = w.pool.groups()[1];
  std::vector<std::int64_t> wanted{0, window.free_pages() + window.idle_pages()};
  ASSERT_TRUE(w.cache.make_room(wanted));
  EXPECT_EQ(window.idle_pages(), 0);
  EXPECT_EQ(w.found(ids_to(41)), 0);
  // Computed again, they are kept again.
  CachedWorld::Known k = w.begin({});
  w.add(k, ids_to(24));
  EXPECT_EQ(w.found(ids_to(41)), 24);
  EXPECT_EQ(w.used(), 10) << "the pages without a window are those that were there";
}

TEST(PrefixCache, GivesBackWhatWasUsedLeastRecently) {
  CachedWorld w({kFull}, 6);
  w.run(ids_to(8, 100));
  w.run(ids_to(8, 200));
  w.run(ids_to(9, 100));  // finds and uses it
  EXPECT_EQ(w.pool.groups()[0].free_pages(), 2);
  const CachedWorld::Known other = w.run(ids_to(12, 300));  // wants three pages
  EXPECT_EQ(w.found(ids_to(9, 200)), 4) << "from the end";
  EXPECT_EQ(w.found(ids_to(9, 100)), 8);
  EXPECT_FALSE(w.cache.make_room(std::vector<std::int64_t>{4})) << "three pages are in use";
  EXPECT_TRUE(w.cache.make_room(std::vector<std::int64_t>{3}));
  EXPECT_EQ(w.found(ids_to(12, 300)), 12);
  EXPECT_EQ(w.cache.size(), 3);
}

TEST(PrefixCache, AModelOfWindowsAloneLosesWholeNodes) {
  CachedWorld w({windowed(5)});
  w.run(ids_to(40));
  EXPECT_EQ(w.found(ids_to(41)), 40);
  const PageGroup& g = w.pool.groups()[0];
  ASSERT_TRUE(w.cache.make_room(std::vector<std::int64_t>{g.pages()}));
  EXPECT_EQ(w.cache.size(), 0);
  EXPECT_EQ(g.free_pages(), g.pages());
}

// Whatever happens, a sequence reads the rows of its own tokens, and in the end no page is lost.
TEST(PrefixCache, RandomSequences) {
  CachedWorld w({kFull, windowed(5), windowed(11, 3)}, 40);
  std::uint64_t state = 1;
  const auto below = [&](std::uint64_t n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % n;
  };
  std::vector<CachedWorld::Known> alive;
  for (int round = 0; round < 400; ++round) {
    if (alive.size() == 4) alive.erase(alive.begin() + static_cast<std::ptrdiff_t>(below(4)));
    std::vector<std::int32_t> ids = ids_to(static_cast<std::int32_t>(1 + below(30)));
    for (std::size_t i = below(40); i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(40 + below(3));
    CachedWorld::Known k = w.begin(ids);
    std::vector<std::int64_t> wanted(w.pool.groups().size());
    const auto rest = std::span(ids).subspan(k.ids.size());
    w.pool.add_wanted_pages(k.sequence, static_cast<std::int64_t>(rest.size()), wanted);
    if (wanted[0] > w.pool.groups()[0].free_pages() + w.pool.groups()[0].idle_pages()) continue;
    w.add(k, rest, 1 + below(8));
    ASSERT_EQ(k.ids, ids);
    for (std::int64_t i = 0; i < k.sequence.length(); ++i) {
      ASSERT_EQ(w.read(k.sequence, i), static_cast<float>(ids[static_cast<std::size_t>(i)])) << round;
      if (i + 11 < k.sequence.length() && i >= 3) continue;
      ASSERT_EQ(w.read(k.sequence, i, 2), static_cast<float>(ids[static_cast<std::size_t>(i)])) << round;
    }
    alive.push_back(std::move(k));
  }
  alive.clear();
  std::vector<std::int64_t> all;
  for (const PageGroup& g : w.pool.groups()) {
    EXPECT_EQ(g.free_pages() + g.idle_pages(), g.pages());
    all.push_back(g.pages());
  }
  EXPECT_TRUE(w.cache.make_room(all));
  EXPECT_EQ(w.cache.size(), 0);
}

TEST(PrefixCache, WantsPagesOfOneSize) {
  StatePool pool({kFull, windowed(5)}, {.sequences = 1, .context = 256, .page_rows = 128});
  try {
    PrefixCache cache(pool);
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "[prefix cache] wanted pages of the same size in all slots, got 128 and 64 rows");
  }
}

}  // namespace
}  // namespace ttt
