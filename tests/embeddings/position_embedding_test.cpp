#include "embeddings/position_embedding.h"

#include <gtest/gtest.h>

#include "base/fields.h"
#include "embeddings/golden.h"
#include "kernels/grouped_data.h"
#include "support/exec.h"

namespace ttt {
namespace {

using embedding_tests::floats;
using embedding_tests::golden;
using embedding_tests::integer;
using embedding_tests::integers;

// y = the embedding and, from ones, y += it.
struct Rows {
  std::vector<float> stored, added;
};
Rows run(const PositionEmbedding& embedding, const std::vector<std::int64_t>& positions, std::int64_t dim) {
  const std::int64_t rows = static_cast<std::int64_t>(positions.size());
  Rows r{std::vector<float>(static_cast<std::size_t>(rows * dim), -7.0f),
         std::vector<float>(static_cast<std::size_t>(rows * dim), 1.0f)};
  support::TestExec exec;
  embedding.forward(*exec, positions, view_of(r.stored.data(), {rows, dim}));
  embedding.forward_add(*exec, positions, view_of(r.added.data(), {rows, dim}));
  return r;
}

TEST(PositionEmbedding, SinusoidsAreThoseOfTransformers) {
  const Json all = golden("sinusoidal");
  for (const Json& c : all.as_array("cases")) {
    const std::string layout = c.at("layout", "case").as_string("layout");
    const bool halves = layout == "half_split";
    const PositionEmbeddingSpec spec{
        .hidden_dim = integer(c, "hidden_dim"),
        .offset = integer(c, "offset"),
        .kind = SinusoidalPositions{halves ? SinusoidLayout::kHalfSplit : SinusoidLayout::kInterleaved}};
    EXPECT_EQ(name_of(std::get<SinusoidalPositions>(spec.kind).layout), layout);
    const auto positions = integers(c, "positions");
    const PositionEmbedding embedding(spec, {}, default_impl_config(spec, {}, Strategy::kDefault), {});
    const Rows got = run(embedding, positions, spec.hidden_dim);
    const std::vector<float> want = floats(c, "rows");
    ASSERT_EQ(got.stored.size(), want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      const auto p = static_cast<double>(positions[i / static_cast<std::size_t>(spec.hidden_dim)] + spec.offset);
      // Half-split frequencies are exponentials in f32, which libraries round differently by a step.
      const double tolerance = 1.2e-7 + (halves ? 1.2e-7 * p : 0);
      EXPECT_NEAR(got.stored[i], want[i], tolerance) << layout << " " << spec.hidden_dim << " at " << i;
      EXPECT_EQ(got.added[i], 1.0f + got.stored[i]);
    }
  }
}

TEST(PositionEmbedding, LearnedRowsAreThoseOfTransformers) {
  const Json c = golden("learned");
  const PositionEmbeddingSpec spec{.hidden_dim = integer(c, "hidden_dim"),
                                   .offset = integer(c, "offset"),
                                   .kind = LearnedPositions{integer(c, "num_embeddings")}};
  const std::vector<float> table = floats(c, "weight"), want = floats(c, "rows");
  const PositionEmbedding embedding(
      spec, {.weight = view_of(table.data(), {integer(c, "num_embeddings"), spec.hidden_dim})}, {}, {});
  const Rows got = run(embedding, integers(c, "positions"), spec.hidden_dim);
  EXPECT_EQ(got.stored, want);
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_EQ(got.added[i], 1.0f + want[i]);
  EXPECT_TRUE(run(embedding, {}, spec.hidden_dim).stored.empty());
}

TEST(PositionEmbedding, ReadsTablesInEveryStoredFormat) {
  constexpr std::int64_t kRows = 6, kDim = 512;
  const std::vector<std::int64_t> positions{3, 0};
  for (const Format format : kernels::grouped_tests::kStored) {
    const std::vector<std::byte> blocks = kernels::grouped_tests::random_blocks(format, kRows, kDim, 3);
    const ConstTensorView table = view_of(blocks.data(), format, {kRows, kDim});
    const PositionEmbedding embedding({.hidden_dim = kDim, .offset = 1, .kind = LearnedPositions{kRows}},
                                      {.weight = table}, {}, {});
    std::vector<float> want(2 * kDim);
    kernels::decode_row(table, 4, 0, kDim, want.data());
    kernels::decode_row(table, 1, 0, kDim, want.data() + kDim);
    EXPECT_EQ(run(embedding, positions, kDim).stored, want) << name_of(format);
  }
}

TEST(PositionEmbedding, RefusesBadInput) {
  const Context context{.place = {.index = -1, .path = "positions"}};
  const std::vector<float> table(12);
  const PositionEmbeddingWeights good{.weight = view_of(table.data(), {3, 4})};
  const auto message = [](const std::function<void()>& work) -> std::string {
    try {
      work();
    } catch (const Error& e) {
      return e.what();
    }
    return {};
  };
  const auto built = [&](const PositionEmbeddingSpec& spec) {
    return message([&] { const PositionEmbedding e(spec, good, {}, context); });
  };
  const auto sines = [](SinusoidLayout layout, double scale = 1e4) { return SinusoidalPositions{layout, scale}; };
  EXPECT_EQ(built({.hidden_dim = 4, .kind = LearnedPositions{3}}), "");
  EXPECT_EQ(built({.hidden_dim = 0}), "[positions] hidden_dim wanted a positive number, got 0");
  EXPECT_EQ(built({.hidden_dim = 4, .offset = -1}), "[positions] offset wanted a number of at least 0, got -1");
  EXPECT_EQ(built({.hidden_dim = 4, .offset = 3, .kind = LearnedPositions{3}}),
            "[positions] kind.num_embeddings wanted more than offset 3, got 3");
  EXPECT_EQ(built({.hidden_dim = 4, .kind = LearnedPositions{5}}), "[positions] weight wanted [5, 4], got [3, 4]");
  EXPECT_EQ(built({.hidden_dim = 3, .kind = sines(SinusoidLayout::kInterleaved)}),
            "[positions] hidden_dim wanted an even number of at least 2, got 3");
  EXPECT_EQ(built({.hidden_dim = 2, .kind = sines(SinusoidLayout::kHalfSplit)}),
            "[positions] hidden_dim wanted an even number of at least 4, got 2");
  EXPECT_EQ(built({.hidden_dim = 4, .kind = sines(SinusoidLayout::kInterleaved, 1.0)}),
            "[positions] kind.max_timescale wanted a number above 1, got 1");
  EXPECT_EQ(built({.hidden_dim = 4, .kind = sines(static_cast<SinusoidLayout>(7))}),
            "[positions] kind.layout wanted interleaved or half_split, got number 7");
  const PositionEmbedding embedding({.hidden_dim = 4, .offset = 1, .kind = LearnedPositions{3}}, good, {}, context);
  support::TestExec exec;
  std::vector<float> y(8);
  const auto look_up = [&](const std::vector<std::int64_t>& positions) {
    return message([&] { embedding.forward(*exec, positions, view_of(y.data(), {2, 4})); });
  };
  EXPECT_EQ(look_up({0, 1}), "");
  EXPECT_EQ(look_up({0, 2}), "[positions] position wanted 0 to 1, got 2");
  EXPECT_EQ(look_up({-1, 0}), "[positions] position wanted 0 to 1, got -1");
  EXPECT_EQ(look_up({0}), "[positions] y wanted [1, 4], got [2, 4]");
}

TEST(PositionEmbedding, SpecGoesThroughJson) {
  const PositionEmbeddingSpec spec{
      .hidden_dim = 8, .offset = 2, .kind = SinusoidalPositions{SinusoidLayout::kHalfSplit, 500}};
  PositionEmbeddingSpec read;
  from_json(read, to_json(spec), "spec");
  EXPECT_EQ(read, spec);
}

}  // namespace
}  // namespace ttt
