#include "kernels/attention/attend.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "support/attention_case.h"

namespace ttt {
namespace {

using kernels::ScoreAlgorithm;
using support::AttendCase;
using support::AttendChoice;
using support::AttendRun;

std::vector<IsaLevel> levels() {
  std::vector<IsaLevel> all;
  for (const IsaLevel l : {IsaLevel::kSse2, IsaLevel::kAvx2, IsaLevel::kAvx512}) {
    if (query_device_traits().isa() >= l) all.push_back(l);
  }
  return all;
}

std::vector<AttendCase> cases() {
  std::vector<AttendCase> all;
  const auto add = [&](AttendCase c) { all.push_back(std::move(c)); };
  add({.name = "grouped"});
  add({.name = "all_own", .heads = 3, .kv_heads = 3, .lengths = {9}});
  add({.name = "one_kv_head", .heads = 71, .kv_heads = 1, .key_dim = 8, .value_dim = 8, .lengths = {5, 140}});
  for (const std::int64_t dim : {1, 3, 7, 8, 9, 33, 64, 65, 80, 96, 128, 130}) {
    add({.name = "width_" + std::to_string(dim), .key_dim = dim, .value_dim = dim, .lengths = {19, 130}});
  }
  add({.name = "value_wider", .key_dim = 24, .value_dim = 40, .lengths = {67}});
  for (const std::int64_t rows : {1, 3, 64, 200}) {
    add({.name = "page_" + std::to_string(rows), .page_rows = rows, .lengths = {150, 1, 2}});
  }
  add({.name = "long_and_short", .lengths = {300, 1, 2, 1, 3, 1, 1, 5, 128, 129}});
  for (const std::int64_t behind : {0, 1, 6, 40, 127, 128}) {
    add({.name = "window_" + std::to_string(behind),
         .visible = {.behind = behind},
         .page_rows = 3,
         .lengths = {290, 5}});
  }
  add({.name = "window_pinned", .visible = {.behind = 9, .pinned = 5}, .page_rows = 4, .lengths = {280, 3}});
  add({.name = "window_pinned_block", .visible = {.behind = 20, .pinned = 140}, .page_rows = 4, .lengths = {400}});
  add({.name = "chunks", .visible = {.chunk = 24}, .page_rows = 5, .lengths = {200, 24, 25}});
  add({.name = "soft_cap", .soft_cap = 2.5f, .lengths = {140}});
  add({.name = "slopes", .slopes = true, .lengths = {140}});
  add({.name = "sinks", .sinks = true, .lengths = {140, 1}});
  add({.name = "everything",
       .visible = {.behind = 50, .pinned = 2},
       .page_rows = 7,
       .soft_cap = 4,
       .slopes = true,
       .sinks = true,
       .lengths = {200}});
  add({.name = "odd_blocks", .lengths = {100}, .key_block = 24, .query_block = 5});
  add({.name = "tiny_blocks", .lengths = {40}, .key_block = 1, .query_block = 1});
  add({.name = "uneven_slice",
       .lengths = {60},
       .slice = {.first_head = 3, .heads = 4, .first_kv = 1, .kv_heads = 2, .group = 3}});
  add({.name = "buckets", .buckets = true, .lengths = {140, 1, 9}});
  add({.name = "masks", .page_rows = 7, .masks = true, .lengths = {140, 1, 9}});
  add({.name = "latent",
       .heads = 6,
       .kv_heads = 1,
       .key_dim = 6,
       .value_dim = 70,
       .latent = true,
       .lengths = {140, 3}});
  add({.name = "latent_int8",
       .heads = 6,
       .kv_heads = 1,
       .key_dim = 6,
       .value_dim = 70,
       .state = Format::kInt8,
       .latent = true,
       .lengths = {140, 3}});
  for (const Format f : {Format::kBF16, Format::kInt8, Format::kBfp8B}) {
    const std::string name(name_of(f));
    for (const std::int64_t dim : {5, 32, 40, 64, 100}) {
      add({.name = name + "_" + std::to_string(dim),
           .key_dim = dim,
           .value_dim = dim,
           .page_rows = 5,
           .state = f,
           .lengths = {140, 3}});
    }
    add({.name = name + "_window", .visible = {.behind = 33}, .page_rows = 4, .state = f, .lengths = {200}});
  }
  return all;
}

class Attend : public testing::TestWithParam<AttendCase> {};

// The largest share that |a - b| has of what rounding may cost.
void expect_close(const std::vector<float>& a, const std::vector<float>& b, const AttendCase& c) {
  ASSERT_EQ(a.size(), b.size());
  // Scores are sums of key_dim products of about 1; weights and values are at most about 1 and 4.
  const double tolerance =
      4 * 1.2e-7 * (8 + std::sqrt(static_cast<double>(c.key_dim + (c.latent ? c.value_dim : 0))) * 4);
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], tolerance) << "value " << i;
}

TEST_P(Attend, EveryAlgorithmGivesTheReference) {
  const AttendRun run(GetParam());
  const std::vector<float> reference = run({.algorithm = ScoreAlgorithm::kReference}, 1000);
  expect_close(run({.algorithm = ScoreAlgorithm::kFull, .threads = 2}, 1000), reference, GetParam());
  for (const IsaLevel level : levels()) {
    SCOPED_TRACE(name_of(level));
    expect_close(run({.level = level, .threads = 2}, 1000), reference, GetParam());
    expect_close(run({.level = level, .threads = 2}, 7), reference, GetParam());
  }
}

TEST_P(Attend, BitsDoNotDependOnSplitThreadsOrKernel) {
  const AttendRun run(GetParam());
  for (const IsaLevel level : levels()) {
    SCOPED_TRACE(name_of(level));
    const std::vector<float> whole = run({.level = level}, 1000);
    EXPECT_EQ(run({.level = level, .threads = 3}, 1000), whole);
    EXPECT_EQ(run({.level = level, .threads = 2}, 1), whole) << "token by token";
    EXPECT_EQ(run({.level = level, .threads = 2, .many_only = true}, 1), whole) << "token by token, other kernel";
    EXPECT_EQ(run({.level = level, .threads = 2}, 11), whole) << "chunks of 11";
    EXPECT_EQ(run({.level = level, .threads = 1}, 130), whole) << "chunks of 130";
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, Attend, testing::ValuesIn(cases()),
                         [](const testing::TestParamInfo<AttendCase>& c) { return c.param.name; });

TEST(AttendLookingAhead, GivesTheReference) {
  for (const Visible visible : {Visible{.ahead = Visible::kAll}, Visible{.behind = 5, .ahead = 3}}) {
    const AttendRun run({.visible = visible, .lengths = {150, 7, 1}});
    const std::vector<float> reference = run({.algorithm = ScoreAlgorithm::kReference}, 1000);
    for (const IsaLevel level : levels()) {
      expect_close(run({.level = level, .threads = 2}, 1000), reference, run.attend_case());
    }
  }
}

TEST(AttendScores, LargeScoresDoNotOverflow) {
  AttendCase c{.key_dim = 64, .value_dim = 8, .lengths = {140}};
  const AttendRun run(c);
  for (const float v : run({.level = levels().back()}, 1000)) ASSERT_TRUE(std::isfinite(v));
}

TEST(AttendSelection, PicksTheLevelAndRefusesOtherFormats) {
  const DeviceTraits low{.features = features_of(IsaLevel::kSse2)}, middle{.features = features_of(IsaLevel::kAvx2)},
      high{.features = features_of(IsaLevel::kAvx512Bf16)};
  const auto kernel = [](const DeviceTraits& t) {
    return kernels::select_attend_many(t, ScoreAlgorithm::kFlash, Format::kF32).run;
  };
  EXPECT_NE(kernel(low), kernel(middle));
  EXPECT_NE(kernel(middle), kernel(high));
  EXPECT_EQ(kernel(high), kernel({.features = features_of(IsaLevel::kAvx512)}));
  try {
    kernels::select_attend_one(low, ScoreAlgorithm::kFlash, Format::kF16);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kUnsupported);
    EXPECT_STREQ(e.what(), "state format wanted one of f32, bf16, int8, bfp8_b, got f16");
  }
}

TEST(AttendWork, CountsVisiblePairs) {
  const std::int64_t begin[] = {0, 4, 5}, past[] = {0, 9};
  const std::int32_t seqs[] = {0, 1};
  const kernels::AttendArgs args{.batch = {.row_begin = begin, .past = past, .positions = {}, .many = {}, .one = {}},
                                 .seqs = seqs,
                                 .slice = {.heads = 2, .kv_heads = 1, .group = 2},
                                 .key_dim = 3,
                                 .value_dim = 3};
  EXPECT_EQ(operations(args), 2.0 * (1 + 2 + 3 + 4 + 10) * 2 * 6);
}

}  // namespace
}  // namespace ttt
