#include "base/threads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/error.h"

namespace ttt {
namespace {

class ThreadPoolOf : public ::testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolOf, ::testing::Values(1, 2, 3, 8), ::testing::PrintToStringParamName());

TEST_P(ThreadPoolOf, CallsEveryIndexOnce) {
  ThreadPool pool(GetParam());
  EXPECT_EQ(pool.size(), GetParam());
  for (const std::int64_t count : {-3, 0, 1, 2, 7, 1000}) {
    std::vector<std::atomic<int>> calls(static_cast<std::size_t>(std::max<std::int64_t>(count, 0)));
    pool.parallel_for(count, [&](std::int64_t i) { ++calls[static_cast<std::size_t>(i)]; });
    for (const auto& c : calls) ASSERT_EQ(c, 1) << count;
  }
}

TEST_P(ThreadPoolOf, WhatARegionWroteIsSeenByTheNext) {
  ThreadPool pool(GetParam());
  constexpr std::int64_t kCount = 64;
  std::vector<std::int64_t> from(kCount, 0), to(kCount, 0);
  for (std::int64_t round = 0; round < 300; ++round) {
    pool.parallel_for(kCount, [&](std::int64_t i) {
      to[static_cast<std::size_t>(i)] = from[static_cast<std::size_t>((i + 1) % kCount)] + 1;
    });
    std::swap(from, to);
  }
  for (const std::int64_t v : from) ASSERT_EQ(v, 300);
}

TEST_P(ThreadPoolOf, WakesAfterSleeping) {
  ThreadPool pool(GetParam());
  std::atomic<std::int64_t> calls = 0;
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    // Long enough for the caller to sleep too.
    pool.parallel_for(GetParam() + 1, [&](std::int64_t) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      ++calls;
    });
  }
  EXPECT_EQ(calls, 5 * (GetParam() + 1));
}

TEST(ThreadPool, StartsAndStopsWithoutWork) {
  for (int i = 0; i < 50; ++i) ThreadPool pool(4);
}

TEST(ThreadPool, ManyPoolsAtOnce) {
  std::vector<std::jthread> callers;
  std::atomic<std::int64_t> calls = 0;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&calls] {
      ThreadPool pool(3);
      for (int round = 0; round < 100; ++round) pool.parallel_for(10, [&](std::int64_t) { ++calls; });
    });
  }
  callers.clear();
  EXPECT_EQ(calls, 4000);
}

TEST(ThreadPool, FlushesDenormalsInsideARegionOnly) {
  volatile float tiny = 1e-38F;
  const auto flushed = [&] { return tiny * 0.125F == 0; };
  for (const std::int64_t threads : {1, 3}) {
    ThreadPool pool(threads);
    std::atomic<int> flushes = 0;
    pool.parallel_for(20, [&](std::int64_t) { flushes += flushed() ? 1 : 0; });
    EXPECT_EQ(flushes, 20);
    EXPECT_FALSE(flushed());
  }
}

TEST(ThreadPool, PinnedThreadsStillRunEverything) {
  constexpr std::array kProcessors{0, 1 << 20};  // one that is there, one that cannot be
  ThreadPool pool(4, kProcessors);
  std::atomic<int> calls = 0;
  pool.parallel_for(100, [&](std::int64_t) { ++calls; });
  EXPECT_EQ(calls, 100);
}

TEST(ThreadPool, RefusesWhatIsNoNumberOfThreads) {
  EXPECT_THROW(ThreadPool(0), Error);
  EXPECT_THROW(ThreadPool(-1), Error);
  EXPECT_THROW(ThreadPool(5000), Error);
}

}  // namespace
}  // namespace ttt
