#include "text/merge_queue.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/text/corpus.h"

namespace ttt {
namespace {

// Random merges of 4 letters into longer and longer tokens.
struct Rules {
  std::map<std::pair<std::int32_t, std::int32_t>, Merge> merges;

  explicit Rules(std::uint64_t seed) {
    Random r(seed);
    std::int32_t next = 4;
    for (std::uint32_t rank = 0; rank < 60; ++rank) {
      const auto known = static_cast<std::size_t>(next);
      const auto left = static_cast<std::int32_t>(r.below(known)), right = static_cast<std::int32_t>(r.below(known));
      // Ranks out of order: a merge may open the way to one of lower rank.
      if (merges.emplace(std::pair(left, right), Merge{rank ^ 21, next}).second) ++next;
    }
  }
  Merge find(std::int32_t left, std::int32_t right) const {
    const auto found = merges.find({left, right});
    return found == merges.end() ? Merge{} : found->second;
  }
};

std::vector<std::int32_t> merged_simply(std::vector<std::int32_t> ids, const Rules& rules) {
  for (;;) {
    std::size_t best = ids.size();
    Merge lowest;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const Merge merge = rules.find(ids[i], ids[i + 1]);
      if (merge.rank >= lowest.rank) continue;
      lowest = merge;
      best = i;
    }
    if (best == ids.size()) return ids;
    ids[best] = lowest.id;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

std::vector<std::int32_t> merged(const std::vector<std::int32_t>& ids, const Rules& rules, MergeLoop& loop) {
  loop.symbols.assign(ids.size(), Symbol{});
  for (std::size_t i = 0; i < ids.size(); ++i) loop.symbols[i].id = ids[i];
  loop.run([&](std::int32_t left, std::int32_t right) {
    return rules.find(loop.symbols[static_cast<std::size_t>(left)].id,
                      loop.symbols[static_cast<std::size_t>(right)].id);
  });
  std::vector<std::int32_t> result;
  for (std::int32_t i = ids.empty() ? -1 : 0; i >= 0; i = loop.symbols[static_cast<std::size_t>(i)].next) {
    result.push_back(loop.symbols[static_cast<std::size_t>(i)].id);
  }
  return result;
}

class MergeLengths : public testing::TestWithParam<std::size_t> {};

// Scanning, heap and buckets (by length) give what the definition gives.
TEST_P(MergeLengths, AgreesWithDefinition) {
  MergeLoop loop;
  const int rounds = GetParam() < 100 ? 300 : GetParam() < 1000 ? 30 : 2;
  for (int round = 0; round < rounds; ++round) {
    const Rules rules(static_cast<std::uint64_t>(round));
    Random r(static_cast<std::uint64_t>(1000 + round));
    std::vector<std::int32_t> ids(GetParam());
    const std::size_t letters = 1 + static_cast<std::size_t>(round) % 4;
    for (auto& id : ids) id = static_cast<std::int32_t>(r.below(letters));
    ASSERT_EQ(merged(ids, rules, loop), merged_simply(ids, rules)) << round;
  }
}

INSTANTIATE_TEST_SUITE_P(All, MergeLengths, testing::Values(0u, 1u, 2u, 3u, 24u, 25u, 200u, 8193u));

TEST(RankBuckets, OrdersByRankThenPosition) {
  RankBuckets buckets;
  Random r(1);
  std::map<std::pair<std::uint32_t, std::int32_t>, int> wanted;
  std::uint32_t rank = 0;
  std::int32_t position = 0;
  for (int i = 0; i < 20000; ++i) {
    if (r.below(3) != 0 || wanted.empty()) {
      const auto new_rank = static_cast<std::uint32_t>(r.below(50));
      const auto new_position = static_cast<std::int32_t>(r.below(1000));
      buckets.push(new_rank, new_position);
      ++wanted[{new_rank, new_position}];
    } else {
      ASSERT_TRUE(buckets.pop(rank, position));
      ASSERT_EQ(wanted.begin()->first, std::pair(rank, position));
      if (--wanted.begin()->second == 0) wanted.erase(wanted.begin());
    }
  }
  for (; !wanted.empty(); wanted.erase(wanted.begin())) {
    for (int n = wanted.begin()->second; n > 0; --n) ASSERT_TRUE(buckets.pop(rank, position));
  }
  EXPECT_FALSE(buckets.pop(rank, position));
}

}  // namespace
}  // namespace ttt
