#include "collectives/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "collectives/error_of_ranks.h"

namespace ttt {
namespace {

using std::chrono::milliseconds;

std::span<std::byte> bytes_of(std::vector<std::int32_t>& x) { return std::as_writable_bytes(std::span(x)); }

// Values whose sum depends on the order.
float value(std::int64_t rank, std::size_t i) {
  return static_cast<float>(std::sin(static_cast<double>(rank * 1000) + static_cast<double>(i))) *
         static_cast<float>(std::pow(10.0, static_cast<double>((rank * 7 + static_cast<std::int64_t>(i)) % 9)));
}

float sum_in_order(std::int64_t ranks, std::size_t i) {
  float sum = value(0, i);
  for (std::int64_t r = 1; r < ranks; ++r) sum += value(r, i);
  return sum;
}

std::vector<float> values(std::int64_t rank, std::size_t size) {
  std::vector<float> x(size);
  for (std::size_t i = 0; i < size; ++i) x[i] = value(rank, i);
  return x;
}

class Ranks : public ::testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(All, Ranks, ::testing::Values(1, 2, 3, 4, 7), ::testing::PrintToStringParamName());

TEST_P(Ranks, AllReduceSumsInRankOrder) {
  run_ranks(GetParam(), [&](std::int64_t rank, Communicator& c) {
    ASSERT_EQ(c.rank(), rank);
    ASSERT_EQ(c.ranks(), GetParam());
    for (const std::size_t size : {0U, 1U, 3U, 255U, 2000U}) {
      std::vector<float> x = values(rank, size);
      c.all_reduce(x);
      for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(x[i], sum_in_order(GetParam(), i)) << i << " of " << size;
    }
  });
}

// Rank r has r + 1 values, and rank 1 none.
std::vector<std::int64_t> uneven_counts(std::int64_t ranks, std::int64_t unit) {
  std::vector<std::int64_t> counts;
  for (std::int64_t r = 0; r < ranks; ++r) counts.push_back(r == 1 ? 0 : (r + 1) * unit);
  return counts;
}

TEST_P(Ranks, AllGatherJoinsUnevenParts) {
  run_ranks(GetParam(), [&](std::int64_t rank, Communicator& c) {
    const auto counts = uneven_counts(GetParam(), sizeof(std::int32_t));
    std::vector<std::int32_t> mine(static_cast<std::size_t>(counts[static_cast<std::size_t>(rank)]) / 4,
                                   static_cast<std::int32_t>(rank));
    std::vector<std::int32_t> all(static_cast<std::size_t>(std::accumulate(counts.begin(), counts.end(), 0L)) / 4),
        wanted;
    for (std::int64_t r = 0; r < GetParam(); ++r) {
      wanted.insert(wanted.end(), static_cast<std::size_t>(counts[static_cast<std::size_t>(r)]) / 4,
                    static_cast<std::int32_t>(r));
    }
    c.all_gather(bytes_of(mine), counts, bytes_of(all));
    ASSERT_EQ(all, wanted);
  });
}

TEST_P(Ranks, ReduceScatterGivesEachItsPart) {
  run_ranks(GetParam(), [&](std::int64_t rank, Communicator& c) {
    const auto counts = uneven_counts(GetParam(), 300);
    const auto begin = std::accumulate(counts.begin(), counts.begin() + rank, 0L);
    const std::vector<float> x =
        values(rank, static_cast<std::size_t>(std::accumulate(counts.begin(), counts.end(), 0L)));
    std::vector<float> mine(static_cast<std::size_t>(counts[static_cast<std::size_t>(rank)]));
    c.reduce_scatter(x, counts, mine);
    for (std::size_t i = 0; i < mine.size(); ++i) {
      ASSERT_EQ(mine[i], sum_in_order(GetParam(), static_cast<std::size_t>(begin) + i));
    }
  });
}

TEST_P(Ranks, BroadcastFromEachRoot) {
  run_ranks(GetParam(), [&](std::int64_t rank, Communicator& c) {
    for (std::int64_t root = 0; root < GetParam(); ++root) {
      std::vector<std::int32_t> x(5, static_cast<std::int32_t>(rank));
      c.broadcast(bytes_of(x), root);
      ASSERT_EQ(x, std::vector<std::int32_t>(5, static_cast<std::int32_t>(root)));
    }
  });
}

TEST_P(Ranks, AllToAllSendsEachItsPart) {
  run_ranks(GetParam(), [&](std::int64_t rank, Communicator& c) {
    // Rank a sends (a + b) % 3 values "100 a + b" to rank b.
    std::vector<std::int32_t> send, wanted;
    std::vector<std::int64_t> send_counts, receive_counts;
    for (std::int64_t other = 0; other < GetParam(); ++other) {
      const std::int64_t n = (rank + other) % 3;
      send.insert(send.end(), static_cast<std::size_t>(n), static_cast<std::int32_t>(100 * rank + other));
      wanted.insert(wanted.end(), static_cast<std::size_t>(n), static_cast<std::int32_t>(100 * other + rank));
      send_counts.push_back(4 * n);
      receive_counts.push_back(4 * n);
    }
    std::vector<std::int32_t> received(wanted.size());
    c.all_to_all(bytes_of(send), send_counts, bytes_of(received), receive_counts);
    ASSERT_EQ(received, wanted);
  });
}

TEST_P(Ranks, ManyCollectivesInARow) {
  std::atomic<std::int64_t> arrived = 0;
  run_ranks(GetParam(), [&](std::int64_t, Communicator& c) {
    for (std::int64_t i = 1; i <= 200; ++i) {
      float x = 1;
      c.all_reduce({&x, 1});
      ASSERT_EQ(x, static_cast<float>(GetParam()));
      arrived += 1;
      c.barrier();
      ASSERT_GE(arrived, i * GetParam());
    }
  });
}

TEST(ThreadsGroup, AnErrorOnOneRankReleasesTheOthersWithIt) {
  std::atomic<int> released = 0;
  const auto fn = [&](std::int64_t rank, Communicator& c) {
    c.barrier();
    if (rank == 2) fail(ErrorKind::kBadData, "k_proj.weight is missing");
    try {
      c.barrier();
    } catch (const Error& e) {
      released += e.kind() == ErrorKind::kBadData && std::string(e.what()) == "k_proj.weight is missing" ? 1 : 0;
      throw;
    }
  };
  EXPECT_EQ(error_of_ranks(4, fn, ErrorKind::kBadData), "k_proj.weight is missing");
  EXPECT_EQ(released, 3);
}

TEST(ThreadsGroup, OtherExceptionsKeepTheirType) {
  EXPECT_THROW(run_ranks(3,
                         [](std::int64_t rank, Communicator& c) {
                           if (rank == 1) throw std::out_of_range("index");
                           c.barrier();
                         }),
               std::out_of_range);
}

TEST(ThreadsGroup, ATimeoutNamesTheCollectiveAndTheRank) {
  ThreadsGroup group(3, milliseconds(50));
  std::vector<std::string> messages(2);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < 2; ++i) {
      threads.emplace_back([&group, &message = messages[i], rank = i == 0 ? 0 : 2] {
        try {
          std::vector<float> x(4);
          group.rank(rank).all_reduce(x);
        } catch (const Error& e) {
          EXPECT_EQ(e.kind(), ErrorKind::kPeerLost);
          message = e.what();
        }
      });
    }
  }
  EXPECT_EQ(messages[0], "all_reduce: rank 1 did not arrive within 50 ms (call 1)");
  EXPECT_EQ(messages[1], messages[0]);
  ASSERT_TRUE(group.failure());
  EXPECT_EQ(group.failure()->what(), messages[0]);
  EXPECT_THROW(group.rank(1).barrier(), Error);
}

TEST(ThreadsGroup, ARankThatEndsEarlyIsNoticedAtOnce) {
  const auto fn = [](std::int64_t rank, Communicator& c) {
    c.barrier();
    if (rank != 1) c.barrier();
  };
  EXPECT_EQ(error_of_ranks(3, fn, ErrorKind::kPeerLost), "barrier: rank 1 has ended without calling it (call 2)");
}

TEST(ThreadsGroup, CollectivesThatDifferAreNamed) {
  std::vector<float> x(64), y(64), z(3);
  const auto kinds = [&](std::int64_t rank, Communicator& c) { rank == 0 ? c.all_reduce(x) : c.barrier(); };
  EXPECT_EQ(error_of_ranks(2, kinds, ErrorKind::kInternal),
            "collectives differ (call 1): rank 0 called all_reduce(64), rank 1 called barrier(0)");
  const auto sizes = [&](std::int64_t rank, Communicator& c) { c.all_reduce(rank == 0 ? x : z); };
  EXPECT_EQ(error_of_ranks(2, sizes, ErrorKind::kInternal),
            "collectives differ (call 1): rank 0 called all_reduce(64), rank 1 called all_reduce(3)");
  const auto roots = [&](std::int64_t rank, Communicator& c) {
    c.broadcast(std::as_writable_bytes(std::span(rank == 0 ? x : y)), rank);
  };
  EXPECT_EQ(error_of_ranks(2, roots, ErrorKind::kInternal),
            "collectives differ (call 1): rank 0 called broadcast(256), rank 1 called broadcast(256, root 1)");
}

TEST(ThreadsGroup, CountsThatDifferAreNamed) {
  const auto counts = [](std::int64_t rank, Communicator& c) {
    const std::vector<std::int64_t> n = rank == 0 ? std::vector<std::int64_t>{1, 3} : std::vector<std::int64_t>{2, 2};
    const std::vector<float> x(4);
    std::vector<float> mine(rank == 0 ? 1 : 2);
    c.reduce_scatter(x, n, mine);
  };
  EXPECT_EQ(error_of_ranks(2, counts, ErrorKind::kInternal),
            "collectives differ (call 1): reduce_scatter: rank 0 gave counts [1, 3], rank 1 gave [2, 2]");
  const auto pairs = [](std::int64_t rank, Communicator& c) {
    const std::vector<std::int64_t> n{1, rank == 0 ? 2 : 1}, m{1, 1};
    std::vector<std::byte> send(static_cast<std::size_t>(n[0] + n[1])), receive(2);
    c.all_to_all(send, n, receive, m);
  };
  EXPECT_EQ(error_of_ranks(2, pairs, ErrorKind::kInternal),
            "collectives differ (call 1): all_to_all: rank 0 sends 2 bytes to rank 1, which expects 1");
}

TEST(ThreadsGroup, OneRanksOwnContradictionReleasesTheOthers) {
  const auto wrong = [](std::int64_t rank, std::vector<std::int64_t> counts, std::size_t mine, std::size_t all) {
    return [=](std::int64_t r, Communicator& c) {
      if (r != rank) return c.barrier();
      std::vector<std::byte> part(mine), whole(all);
      c.all_gather(part, counts, whole);
    };
  };
  EXPECT_EQ(error_of_ranks(2, wrong(1, {1}, 1, 1), ErrorKind::kInternal), "all_gather: wanted 2 counts, got 1");
  EXPECT_EQ(error_of_ranks(2, wrong(1, {-1, 1}, 1, 0), ErrorKind::kInternal),
            "all_gather: wanted counts of at least 0, got [-1, 1]");
  EXPECT_EQ(error_of_ranks(2, wrong(0, {1, 2}, 1, 4), ErrorKind::kInternal), "all_gather: wanted all of 3, got 4");
  EXPECT_EQ(error_of_ranks(2, wrong(0, {1, 2}, 2, 3), ErrorKind::kInternal), "all_gather: wanted a part of 1, got 2");
  const auto root = [](std::int64_t, Communicator& c) { c.broadcast({}, 2); };
  EXPECT_EQ(error_of_ranks(2, root, ErrorKind::kInternal), "broadcast: wanted a root below 2, got 2");
}

TEST(ThreadsGroup, RefusesWhatCannotBe) {
  EXPECT_THROW(ThreadsGroup(0), Error);
  EXPECT_THROW(ThreadsGroup(2, milliseconds(0)), Error);
  ThreadsGroup group(2);
  EXPECT_THROW(group.rank(2), Error);
  EXPECT_THROW(group.rank(-1), Error);
  EXPECT_FALSE(group.failure());
}

}  // namespace
}  // namespace ttt
