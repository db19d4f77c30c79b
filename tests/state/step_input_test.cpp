// What stands for the tokens of a step: ids with their types, or given rows.

#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "base/error.h"
#include "state/step_builder.h"

namespace ttt {
namespace {

const StateSpec kSeen{.heads = 1, .key_dim = 4, .value_dim = 4, .visible = {.ahead = Visible::kAll}, .step_only = true};
constexpr std::int64_t kWidth = 3;

std::string refusal(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kUsage);
    return e.what();
  }
  return "nothing";
}

class StepInput : public testing::Test {
 protected:
  StepEntry entry(Sequence& sequence, std::int64_t rows, std::span<const std::int32_t> types = {},
                  ConstTensorView given = {}) {
    return {.sequence = &sequence, .rows = rows, .token_types = types, .given = given};
  }
  ConstTensorView rows_of(std::int64_t rows, std::int64_t width = kWidth) const {
    return view_of(values_.data(), {rows, width});
  }
  static std::vector<float> values(std::size_t count) {
    std::vector<float> all(count);
    std::iota(all.begin(), all.end(), 1.0f);
    return all;
  }

  std::vector<float> values_ = values(64);
  std::vector<std::int32_t> ids_ = std::vector<std::int32_t>(16, 7);
  StatePool pool_{{kSeen}, {.sequences = 2, .context = 16, .step_rows = 16}};
  Sequence a_ = pool_.create(), b_ = pool_.create();
};

TEST_F(StepInput, TypesAreThoseOfAllEntriesBackToBack) {
  StepBuilder builder(pool_, 16, 2);
  const std::vector<std::int32_t> types{0, 1, 5};
  const StepEntry first[] = {entry(a_, 3, types), entry(b_, 2)};
  const Step step = builder.prepare(first, std::span(ids_).first(5));
  EXPECT_EQ(std::vector(step.token_types.begin(), step.token_types.end()), (std::vector<std::int32_t>{0, 1, 5, 0, 0}));
  EXPECT_FALSE(step.given);
  const StepEntry second[] = {entry(b_, 2), entry(a_, 3, types)};
  const Step other = builder.prepare(second, std::span(ids_).first(5));
  EXPECT_EQ(std::vector(other.token_types.begin(), other.token_types.end()),
            (std::vector<std::int32_t>{0, 0, 0, 1, 5}));
  // Those of an earlier step are gone.
  const StepEntry none = entry(a_, 4);
  EXPECT_TRUE(builder.prepare({&none, 1}, std::span(ids_).first(4)).token_types.empty());
}

TEST_F(StepInput, TypesOfAnotherNumberThanRowsAreRefused) {
  StepBuilder builder(pool_, 16, 2);
  const std::vector<std::int32_t> types{0, 1, 1};
  for (const std::size_t count : {std::size_t{1}, std::size_t{3}}) {
    const StepEntry both[] = {entry(a_, 2), entry(b_, 2, std::span(types).first(count))};
    EXPECT_EQ(refusal([&] { builder.prepare(both, std::span(ids_).first(4)); }),
              text("[step] entry 1 wanted token types of 2 rows, or none, got ", count));
    EXPECT_EQ(refusal([&] { builder.prepare_source(both, std::span(ids_).first(4)); }),
              text("[step] entry 1 wanted token types of 2 rows, or none, got ", count));
  }
}

TEST_F(StepInput, GivenRowsAreThoseOfAllEntriesBackToBack) {
  StepBuilder builder(pool_, 16, 2, kWidth);
  const std::vector<float> more{-1, -2, -3};
  const StepEntry both[] = {entry(a_, 2, {}, rows_of(2)), entry(b_, 1, {}, view_of(more.data(), {1, kWidth}))};
  const Step step = builder.prepare(both, {});
  ASSERT_EQ(step.given.shape, (Shape{3, kWidth}));
  const float* rows = step.given.row<float>(0);
  EXPECT_EQ(std::vector(rows, rows + 9), (std::vector<float>{1, 2, 3, 4, 5, 6, -1, -2, -3}));
  EXPECT_TRUE(step.ids.empty());
}

TEST_F(StepInput, RowsOfAViewMayLieApart) {
  StepBuilder builder(pool_, 16, 2, kWidth);
  ConstTensorView apart = rows_of(2, 5);
  apart.shape = {2, kWidth};  // of rows of 5 values
  const StepEntry one = entry(a_, 2, {}, apart);
  const Step step = builder.prepare({&one, 1}, {});
  const float* rows = step.given.row<float>(0);
  EXPECT_EQ(std::vector(rows, rows + 6), (std::vector<float>{1, 2, 3, 6, 7, 8}));
}

TEST_F(StepInput, GivenRowsOfAnotherShapeOrFormatAreRefused) {
  StepBuilder builder(pool_, 16, 2, kWidth);
  const auto refused = [&](ConstTensorView given) {
    const StepEntry both[] = {entry(a_, 1, {}, rows_of(1)), entry(b_, 2, {}, given)};
    return refusal([&] { builder.prepare(both, {}); });
  };
  EXPECT_EQ(refused(rows_of(1)), "[step] entry 1 wanted given rows f32 [2, 3], got f32 [1, 3]");
  EXPECT_EQ(refused(rows_of(3)), "[step] entry 1 wanted given rows f32 [2, 3], got f32 [3, 3]");
  EXPECT_EQ(refused(rows_of(2, 4)), "[step] entry 1 wanted given rows f32 [2, 3], got f32 [2, 4]");
  EXPECT_EQ(refused({}), "[step] entry 1 wanted given rows f32 [2, 3], got none");
  const std::vector<std::byte> halves(12);
  EXPECT_EQ(refused(view_of(halves.data(), Format::kBF16, {2, kWidth})),
            "[step] entry 1 wanted given rows f32 [2, 3], got bf16 [2, 3]");
  EXPECT_EQ(a_.length(), 0);
}

TEST_F(StepInput, IdsAndGivenRowsExcludeEachOther) {
  StepBuilder rows(pool_, 16, 2, kWidth), ids(pool_, 16, 2);
  const StepEntry given = entry(a_, 2, {}, rows_of(2)), plain = entry(a_, 2);
  EXPECT_EQ(refusal([&] {
              rows.prepare({&given, 1}, std::span(ids_).first(2));
            }),
            "[step] ids wanted 0 values, as the model takes rows of width 3, got 2");
  EXPECT_EQ(refusal([&] {
              rows.prepare({&plain, 1}, std::span(ids_).first(2));
            }),
            "[step] ids wanted 0 values, as the model takes rows of width 3, got 2");
  EXPECT_EQ(refusal([&] {
              ids.prepare({&given, 1}, std::span(ids_).first(2));
            }),
            "[step] entry 0 wanted ids, as the model takes no rows, got rows [2, 3]");
  EXPECT_EQ(refusal([&] { ids.prepare({&given, 1}, {}); }), "[step] ids wanted 2 values, got 0");
  EXPECT_EQ(refusal([&] { ids.prepare({&plain, 1}, std::span(ids_).first(3)); }), "[step] ids wanted 2 values, got 3");
  // After all refusals a step that can be is made.
  EXPECT_EQ(ids.prepare({&plain, 1}, std::span(ids_).first(2)).rows(), 2);
}

TEST_F(StepInput, AWidthBelowZeroIsRefused) {
  EXPECT_EQ(
      refusal([&] { StepBuilder(pool_, 16, 2, -1); }),
      "[step] rows and sequences wanted positive numbers, and the width of given rows one of at least 0, got 16, 2 "
      "and -1");
}

}  // namespace
}  // namespace ttt
