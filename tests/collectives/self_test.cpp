#include "collectives/self.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"

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
