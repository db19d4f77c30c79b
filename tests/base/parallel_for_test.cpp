#include "base/parallel_for.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "support/failing_memory.h"

namespace ttt {
namespace {

using namespace std::chrono_literals;

// 0: without a pool.
class ParallelForOn : public ::testing::TestWithParam<std::int64_t> {
 protected:
  ParallelForOn() {
    if (GetParam() > 0) pool_.emplace(GetParam());
  }
  ParallelFor parallel_for() { return pool_ ? ParallelFor(*pool_) : ParallelFor(); }

 private:
  std::optional<ThreadPool> pool_;
};
INSTANTIATE_TEST_SUITE_P(Threads, ParallelForOn, ::testing::Values(0, 1, 2, 5), ::testing::PrintToStringParamName());

TEST_P(ParallelForOn, CallsEveryIndexOnce) {
  for (const std::int64_t count : {-1, 0, 1, 2, 100}) {
    std::vector<std::atomic<int>> calls(count > 0 ? static_cast<std::size_t>(count) : 0);
    parallel_for()(count, [&](std::int64_t i) { ++calls[static_cast<std::size_t>(i)]; });
    for (const auto& c : calls) ASSERT_EQ(c, 1) << count;
  }
}

TEST_P(ParallelForOn, AnExceptionArrivesWithItsType) {
  for (const std::int64_t count : {1, 2, 40}) {
    for (const std::int64_t failing : {std::int64_t{0}, count / 2, count - 1}) {
      try {
        parallel_for()(count, [&](std::int64_t i) { require(i != failing, ErrorKind::kBadData, "index ", i); });
        FAIL() << "nothing was thrown";
      } catch (const Error& e) {
        EXPECT_EQ(e.kind(), ErrorKind::kBadData);
        EXPECT_EQ(std::string(e.what()), text("index ", failing));
      }
      EXPECT_THROW(parallel_for()(count,
                                  [&](std::int64_t i) {
                                    if (i == failing) throw std::bad_alloc();
                                  }),
                   std::bad_alloc);
      EXPECT_THROW(parallel_for()(count,
                                  [&](std::int64_t i) {
                                    if (i == failing) throw 7;
                                  }),
                   int);
    }
  }
}

TEST_P(ParallelForOn, OneOfManyExceptionsArrivesAndTheNextRegionIsWhole) {
  for (int round = 0; round < 200; ++round) {
    EXPECT_THROW(parallel_for()(50, [](std::int64_t i) { throw std::runtime_error(text(i)); }), std::runtime_error);
    std::atomic<int> calls = 0;
    parallel_for()(50, [&](std::int64_t) { ++calls; });
    ASSERT_EQ(calls, 50);
  }
}

TEST_P(ParallelForOn, WhatNobodyHasBegunIsLeftOut) {
  constexpr std::int64_t kCount = 10'000;
  std::atomic<std::int64_t> calls = 0;
  EXPECT_THROW(parallel_for()(kCount,
                              [&](std::int64_t i) {
                                if (i == 0) throw 1;
                                ++calls;
                                std::this_thread::sleep_for(100us);
                              }),
               int);
  EXPECT_LT(calls, kCount - 1);
}

TEST_P(ParallelForOn, MemoryThatEndsInsideIsSaid) {
  std::atomic<std::size_t> filled = 0;
  const auto allocates = [&](std::int64_t i) {
    const std::vector<std::int64_t> values(8, i);
    filled += values.size();
  };
  const test::FailingMemory shortage(2);
  EXPECT_THROW(parallel_for()(8, allocates), std::bad_alloc);
  EXPECT_GE(filled, 8 * 2);
}

// Every allocation on the way to a running pool fails once.
TEST(ThreadPool, MemoryThatEndsWhileThreadsStartIsSaid) {
  std::int64_t failures = 0;
  for (;; ++failures) {
    ASSERT_LT(failures, 100);
    const test::FailingMemory shortage(failures);
    try {
      ThreadPool pool(4);
      if (!shortage.happened()) break;
    } catch (const std::bad_alloc&) {
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kResources);
    }
  }
  EXPECT_GE(failures, 4);  // the threads' handles and at least one for each of three threads
}

}  // namespace
}  // namespace ttt
