#include "collectives/self.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "base/error.h"
#include "collectives/timed.h"

namespace ttt {
namespace {

TEST(SelfCommunicator, EveryCollectiveIsTheIdentity) {
  Communicator& c = self_communicator();
  EXPECT_EQ(c.rank(), 0);
  EXPECT_EQ(c.ranks(), 1);
  const std::vector<float> x{1, -2, 3};
  std::vector<float> y = x, z(3);
  c.all_reduce(y);
  EXPECT_EQ(y, x);
  c.reduce_scatter(x, std::vector<std::int64_t>{3}, z);
  EXPECT_EQ(z, x);
  const std::vector<std::byte> a{std::byte{4}, std::byte{5}};
  const std::vector<std::int64_t> two{2};
  std::vector<std::byte> b(2), d(2);
  c.all_gather(a, two, b);
  EXPECT_EQ(b, a);
  c.all_gather(b, two, b);
  EXPECT_EQ(b, a);
  c.all_to_all(a, two, d, two);
  EXPECT_EQ(d, a);
  c.broadcast(d, 0);
  EXPECT_EQ(d, a);
  c.barrier();
}

// A communicator whose barrier takes a while.
class SlowCommunicator final : public Communicator {
 public:
  std::int64_t rank() const override { return 3; }
  std::int64_t ranks() const override { return 5; }
  void all_reduce(std::span<float> x) override { x[0] = 7; }
  void all_gather(std::span<const std::byte>, std::span<const std::int64_t>, std::span<std::byte>) override {}
  void reduce_scatter(std::span<const float>, std::span<const std::int64_t>, std::span<float>) override {}
  void broadcast(std::span<std::byte>, std::int64_t) override {}
  void all_to_all(std::span<const std::byte>, std::span<const std::int64_t>, std::span<std::byte>,
                  std::span<const std::int64_t>) override {}
  void barrier() override { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }
  std::unique_ptr<Communicator> split(std::string_view, std::int64_t, std::int64_t) override { return nullptr; }
};

TEST(TimedCommunicator, SumsUpTheTimeOfAnother) {
  SlowCommunicator slow;
  TimedCommunicator timed(slow);
  EXPECT_EQ(timed.rank(), 3);
  EXPECT_EQ(timed.ranks(), 5);
  EXPECT_EQ(timed.seconds(), 0);
  std::vector<float> x(1);
  timed.all_reduce(x);
  EXPECT_EQ(x[0], 7);
  timed.barrier();
  timed.barrier();
  EXPECT_GE(timed.seconds(), 0.04);
}

TEST(SelfCommunicator, RefusesContradictions) {
  Communicator& c = self_communicator();
  std::vector<std::byte> two(2), three(3);
  const std::vector<std::int64_t> counts{2};
  const auto message = [&](auto&& call) -> std::string {
    try {
      call();
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kInternal);
      return e.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message([&] { c.all_gather(two, counts, three); }),
            "all_gather: wanted one count and spans of that size, got 1 counts, 2 in, 3 out");
  EXPECT_EQ(message([&] { c.all_gather(two, {}, two); }),
            "all_gather: wanted one count and spans of that size, got 0 counts, 2 in, 2 out");
  EXPECT_EQ(message([&] { c.all_to_all(three, counts, three, counts); }),
            "all_to_all: wanted one count and spans of that size, got 1 counts, 3 in, 3 out");
  EXPECT_EQ(message([&] { c.broadcast(two, 1); }), "broadcast: wanted root 0 of 1 rank, got 1");
}

}  // namespace
}  // namespace ttt
