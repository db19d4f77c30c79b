#include "base/scratch.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>

#include "base/error.h"
#include "support/error_of.h"

namespace ttt {
namespace {

TEST(Scratch, FramesGiveBackWhatTheyTook) {
  Scratch scratch(1024);
  EXPECT_EQ(scratch.capacity(), 1024);
  Scratch::Frame outer(scratch);
  std::byte* const a = outer.take_bytes(1);
  std::byte* inner_memory = nullptr;
  {
    Scratch::Frame inner(scratch);
    inner_memory = inner.take_bytes(100);
    EXPECT_EQ(inner_memory - a, 64);
    inner.take_bytes(700);
  }
  EXPECT_EQ(scratch.peak(), 64 + 128 + 704);
  EXPECT_EQ(outer.take_bytes(64), inner_memory);
  EXPECT_EQ(scratch.peak(), 64 + 128 + 704);
}

// As under `ulimit -v`: what is planned takes no memory, and so it is no matter how little there is.
TEST(Scratch, IsPlannedInALimitedAddressSpaceToo) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  rlim_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlim_t gigabyte_more = pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + (rlim_t{1} << 30);
  const rlimit limit{std::min(before.rlim_max, gigabyte_more), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_AS, &limit), 0);
  {
    Scratch scratch = Scratch::planned();
    Scratch::Frame frame(scratch);
    frame.take_bytes(std::int64_t{1} << 40);
    EXPECT_EQ(scratch.peak(), std::int64_t{1} << 40);
    EXPECT_DEATH(*frame.take_bytes(1) = std::byte{1}, "");
  }
  ASSERT_EQ(setrlimit(RLIMIT_AS, &before), 0);
}

TEST(Scratch, ViewsAreAlignedDenseAndWritable) {
  Scratch scratch(4096);
  Scratch::Frame frame(scratch);
  const TensorView f = frame.take({3, 5});
  const TensorView b = frame.take({2, 7}, Format::kBF16);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(f.data) % 64, 0U);
  EXPECT_EQ(b.data - f.data, 64);
  EXPECT_EQ(f.row_bytes, 20);
  EXPECT_EQ(b.row_bytes, 14);
  EXPECT_EQ(b.format, Format::kBF16);
  std::memset(f.data, 1, 60);
  std::memset(b.data, 2, 28);
  EXPECT_EQ(f.data[59], std::byte{1});
}

TEST(Scratch, AnEmptyViewTakesNothing) {
  Scratch scratch(64);
  Scratch::Frame frame(scratch);
  frame.take({0, 5});
  frame.take_bytes(0);
  EXPECT_EQ(scratch.peak(), 0);
  EXPECT_EQ(frame.take({}).shape.elements(), 1);
}

TEST(Scratch, RefusesWhatItDoesNotHave) {
  Scratch scratch(128);
  Scratch::Frame frame(scratch);
  frame.take_bytes(64);
  EXPECT_EQ(support::error_of([&] { frame.take_bytes(65); }, ErrorKind::kResources),
            "scratch wanted 128 bytes more, got 64 of 128");
  frame.take_bytes(64);
  EXPECT_EQ(scratch.peak(), 128);
  EXPECT_NE(support::error_of([&] { frame.take_bytes(1); }, ErrorKind::kResources), "accepted");
  EXPECT_NE(support::error_of([&] { frame.take_bytes(-1); }, ErrorKind::kBadData), "accepted");
  EXPECT_NE(support::error_of([&] { frame.take_bytes(INT64_MAX); }, ErrorKind::kBadData), "accepted");
  EXPECT_NE(support::error_of([&] { frame.take({INT64_MAX, 2}); }, ErrorKind::kBadData), "accepted");
  Scratch none(0);
  Scratch::Frame empty(none);
  EXPECT_NE(support::error_of([&] { empty.take_bytes(1); }, ErrorKind::kResources), "accepted");
}

TEST(Scratch, APlanRecordsWithoutMemory) {
  Scratch scratch = Scratch::planned();
  Scratch::Frame frame(scratch);
  frame.take({1 << 20, 1 << 20});
  EXPECT_EQ(scratch.peak(), std::int64_t{1} << 42);
}

}  // namespace
}  // namespace ttt
