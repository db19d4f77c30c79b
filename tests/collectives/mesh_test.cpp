#include "collectives/mesh.h"

#include <gtest/gtest.h>

#include <bit>
#include <chrono>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "collectives/error_of_ranks.h"
#include "collectives/self.h"
#include "collectives/threads.h"

namespace ttt {
namespace {

using std::chrono::milliseconds;
using Ints = std::vector<std::int64_t>;

// The ranks of a group as their whole group numbers them.
Ints members_of(Communicator& group, std::int64_t rank) {
  Ints all(static_cast<std::size_t>(group.ranks()));
  group.all_gather(std::as_bytes(std::span(&rank, 1)), Ints(all.size(), 8), std::as_writable_bytes(std::span(all)));
  return all;
}

struct MeshCase {
  std::int64_t rows = 1, columns = 1;
};
class Meshes : public testing::TestWithParam<MeshCase> {};
INSTANTIATE_TEST_SUITE_P(Shapes, Meshes,
                         testing::Values(MeshCase{1, 1}, MeshCase{2, 2}, MeshCase{2, 3}, MeshCase{3, 2}, MeshCase{1, 4},
                                         MeshCase{4, 1}),
                         [](const auto& c) { return text(c.param.rows, "x", c.param.columns); });

TEST_P(Meshes, RowsAndColumnsAreGroupsOfTheirOwn) {
  const auto [rows, columns] = GetParam();
  run_ranks(rows * columns, [&](std::int64_t rank, Communicator& all) {
    const Mesh mesh = make_mesh(all, rows, columns);
    ASSERT_EQ(mesh.row * columns + mesh.column, rank);
    ASSERT_EQ(mesh.along_row->rank(), mesh.column);
    ASSERT_EQ(mesh.along_column->rank(), mesh.row);
    Ints row, column;
    for (std::int64_t c = 0; c < columns; ++c) row.push_back(mesh.row * columns + c);
    for (std::int64_t r = 0; r < rows; ++r) column.push_back(r * columns + mesh.column);
    ASSERT_EQ(members_of(*mesh.along_row, rank), row);
    ASSERT_EQ(members_of(*mesh.along_column, rank), column);
    ASSERT_EQ(members_of(all, rank).size(), static_cast<std::size_t>(rows * columns));
  });
}

// A mesh_value for each rank and place whose sum depends on the order it is taken in.
float mesh_value(std::int64_t rank, std::size_t i) {
  return static_cast<float>(rank % 2 == 0 ? 1e6 : -1e6) + static_cast<float>(i % 97) * 0.37F +
         static_cast<float>(rank) * 0.013F;
}

std::vector<float> sums_in_order(const Ints& ranks, std::size_t n) {
  std::vector<float> sums(n);
  for (std::size_t i = 0; i < n; ++i) {
    sums[i] = mesh_value(ranks[0], i);
    for (std::size_t r = 1; r < ranks.size(); ++r) sums[i] += mesh_value(ranks[r], i);
  }
  return sums;
}

// Each group makes another number of calls, and no group waits for another.
TEST_P(Meshes, GroupsWorkAtTheSameTime) {
  const auto [rows, columns] = GetParam();
  run_ranks(rows * columns, [&](std::int64_t rank, Communicator& all) {
    const Mesh mesh = make_mesh(all, rows, columns);
    for (const auto& [group, calls] : {std::pair(mesh.along_row.get(), 3 + 20 * mesh.row),
                                       std::pair(mesh.along_column.get(), 40 - 7 * mesh.column)}) {
      const Ints members = members_of(*group, rank);
      for (std::int64_t call = 0; call < calls; ++call) {
        const std::size_t n = call % 2 == 0 ? 5 : 1001;
        std::vector<float> x(n);
        for (std::size_t i = 0; i < n; ++i) x[i] = mesh_value(rank, i);
        group->all_reduce(x);
        ASSERT_EQ(x, sums_in_order(members, n));
        std::int64_t root = rank;
        group->broadcast(std::as_writable_bytes(std::span(&root, 1)), call % group->ranks());
        ASSERT_EQ(root, members[static_cast<std::size_t>(call % group->ranks())]);
      }
    }
    all.barrier();
  });
}

TEST(Split, OrdersByKeyAndThenByRank) {
  run_ranks(5, [](std::int64_t rank, Communicator& all) {
    // Colours need be neither small nor dense.
    const auto group = all.split("part", rank % 2 == 0 ? -7 : 1'000'000'000'000, rank == 4 ? -1 : 3);
    EXPECT_EQ(members_of(*group, rank), rank % 2 == 0 ? (Ints{4, 0, 2}) : (Ints{1, 3}));
  });
}

TEST(Split, PartsAreDividedAgain) {
  run_ranks(6, [](std::int64_t rank, Communicator& all) {
    const auto half = all.split("half", rank / 3, rank);
    const auto alone = half->split("third", half->rank(), 0);
    EXPECT_EQ(members_of(*alone, rank), Ints{rank});
    const auto reversed = half->split("reversed", 0, -rank);
    const std::int64_t first = rank / 3 * 3;
    EXPECT_EQ(members_of(*reversed, rank), (Ints{first + 2, first + 1, first}));
  });
}

TEST(Split, OneRankIsItsOwnGroup) {
  const auto group = self_communicator().split("row", 3, 9);
  EXPECT_EQ(group->rank(), 0);
  EXPECT_EQ(group->ranks(), 1);
  EXPECT_EQ(members_of(*group, 5), Ints{5});
}

TEST(SplitErrors, NameTheGroupAndItsRanks) {
  const auto late = [](std::int64_t rank, Communicator& all) {
    const Mesh mesh = make_mesh(all, 2, 2);
    if (rank == 3) std::this_thread::sleep_for(milliseconds(1500));
    std::vector<float> x(4);
    mesh.along_row->all_reduce(x);
  };
  EXPECT_EQ(error_of_ranks(4, late, ErrorKind::kPeerLost, milliseconds(500)),
            "[row 1] all_reduce: rank 1 did not arrive within 500 ms (call 1)");
  const auto differ = [](std::int64_t rank, Communicator& all) {
    const Mesh mesh = make_mesh(all, 2, 2);
    std::vector<float> x(rank == 3 ? 5 : 4);
    mesh.along_column->all_reduce(x);
    all.barrier();
  };
  EXPECT_EQ(error_of_ranks(4, differ, ErrorKind::kInternal),
            "[column 1] collectives differ (call 1): rank 0 called all_reduce(4), rank 1 called all_reduce(5)");
  const auto nested = [](std::int64_t rank, Communicator& all) {
    const auto half = all.split("half", rank / 2, 0);
    const auto same = half->split("part", 4, 0);
    same->broadcast({}, rank == 1 ? 2 : 0);
    all.barrier();
  };
  EXPECT_EQ(error_of_ranks(4, nested, ErrorKind::kInternal),
            "[half 0, part 4] broadcast: wanted a root below 2, got 2");
}

// A rank that fails, or leaves, releases those that wait in another group.
TEST(SplitErrors, ReleaseEveryGroup) {
  const auto fails = [](std::int64_t rank, Communicator& all) {
    const Mesh mesh = make_mesh(all, 2, 2);
    if (rank == 0) fail(ErrorKind::kBadData, "k_proj.weight is missing");
    if (rank == 1) mesh.along_row->barrier();
    if (rank != 1) mesh.along_column->barrier();
    all.barrier();
  };
  EXPECT_EQ(error_of_ranks(4, fails, ErrorKind::kBadData), "k_proj.weight is missing");
  const auto leaves = [](std::int64_t rank, Communicator& all) {
    const Mesh mesh = make_mesh(all, 2, 2);
    if (rank == 2) return;
    if (rank == 3) mesh.along_row->barrier();
    all.barrier();
  };
  const std::string message = error_of_ranks(4, leaves, ErrorKind::kPeerLost);
  EXPECT_TRUE(message == "[row 1] barrier: rank 0 has ended without calling it (call 1)" ||
              message == "barrier: rank 2 has ended without calling it (call 3)")
      << message;
}

TEST(MeshErrors, SayWhatWasWanted) {
  const auto wrong = [](std::int64_t, Communicator& all) { make_mesh(all, 2, 3); };
  EXPECT_EQ(error_of_ranks(4, wrong, ErrorKind::kUsage), "mesh wanted rows times columns to be 4 ranks, got 2 times 3");
  EXPECT_THROW(make_mesh(self_communicator(), 0, 1), Error);
  EXPECT_THROW(make_mesh(self_communicator(), -1, -1), Error);
}

}  // namespace
}  // namespace ttt
