#include "embeddings/token.h"

#include <gtest/gtest.h>

#include "collectives/threads.h"
#include "kernels/grouped_data.h"
#include "support/exec.h"

namespace ttt {
namespace {

using Ids = std::vector<std::int32_t>;

struct Case {
  std::int64_t vocab, hidden;
  float scale;
  Ids ids;
};

class TokenEmbeddingLaw : public testing::TestWithParam<Case> {};

// A look-up and one product: exact in f32.
TEST_P(TokenEmbeddingLaw, IsTheScaledRowAtEveryLevelAndOnAnyRanks) {
  const Case c = GetParam();
  const std::vector<float> table = support::normal_values(c.vocab * c.hidden, 1);
  const TokenEmbeddingSpec spec{.vocab_size = c.vocab, .hidden_dim = c.hidden, .scale = c.scale};
  std::vector<float> want;
  for (const std::int32_t id : c.ids) {
    for (std::int64_t i = 0; i < c.hidden; ++i)
      want.push_back(c.scale * table[static_cast<std::size_t>(id * c.hidden + i)]);
  }
  const auto run = [&](const Context& context, Communicator& communicator) {
    const Part p = part_of(c.vocab, 1, context.rank, context.ranks);
    const TokenEmbedding embedding(spec,
                                   {.weight = rows_of(view_of(table.data(), {c.vocab, c.hidden}), p.begin, p.count)},
                                   default_impl_config(spec, context.traits, Strategy::kDefault), context);
    support::TestExec exec(2, communicator);
    std::vector<float> y(want.size(), -7.0f);
    embedding.forward(*exec, c.ids, view_of(y.data(), {static_cast<std::int64_t>(c.ids.size()), c.hidden}));
    return y;
  };
  for (const DeviceTraits& traits : support::levels()) EXPECT_EQ(run({.traits = traits}, self_communicator()), want);
  for (std::int64_t ranks = 2; ranks <= 4; ++ranks) {
    std::vector<std::vector<float>> y(static_cast<std::size_t>(ranks));
    run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
      y[static_cast<std::size_t>(rank)] =
          run({.traits = query_device_traits(), .rank = rank, .ranks = ranks}, communicator);
    });
    for (const auto& mine : y) EXPECT_EQ(mine, want) << ranks << " ranks";
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, TokenEmbeddingLaw,
                         testing::Values(Case{7, 8, 1, {0, 6, 3, 3}}, Case{33, 65, 8.0625f, {32, 0, 16, 17, 8}},
                                         Case{3, 1, -0.5f, {2, 1, 0}}, Case{2, 9, 1, {1}}, Case{5, 64, 2, {}}));

// Rows in the format of the file, read exactly.
TEST(TokenEmbedding, ReadsTablesInEveryStoredFormat) {
  constexpr std::int64_t kVocab = 11, kHidden = 512;
  for (const Format format : kernels::grouped_tests::kStored) {
    const std::vector<std::byte> blocks = kernels::grouped_tests::random_blocks(format, kVocab, kHidden, 5);
    const ConstTensorView table = view_of(blocks.data(), format, {kVocab, kHidden});
    const TokenEmbeddingSpec spec{.vocab_size = kVocab, .hidden_dim = kHidden, .scale = 3};
    const Ids ids{10, 0, 5};
    std::vector<float> want;
    for (const std::int32_t id : ids) {
      std::vector<float> row(kHidden);
      kernels::decode_row(table, id, 0, kHidden, row.data());
      for (const float v : row) want.push_back(3 * v);
    }
    const auto run = [&](std::int64_t rank, std::int64_t ranks, Communicator& communicator) {
      const Part p = part_of(kVocab, 1, rank, ranks);
      const Context context{.traits = query_device_traits(), .rank = rank, .ranks = ranks};
      const TokenEmbedding embedding(spec, {.weight = rows_of(table, p.begin, p.count)}, {}, context);
      support::TestExec exec(2, communicator);
      std::vector<float> y(want.size());
      embedding.forward(*exec, ids, view_of(y.data(), {3, kHidden}));
      return y;
    };
    EXPECT_EQ(run(0, 1, self_communicator()), want) << name_of(format);
    std::vector<std::vector<float>> y(3);
    run_ranks(3, [&](std::int64_t rank, Communicator& c) { y[static_cast<std::size_t>(rank)] = run(rank, 3, c); });
    for (const auto& mine : y) EXPECT_EQ(mine, want) << name_of(format) << " on three ranks";
  }
}

// value = scale * code, spelled out for one format.
TEST(TokenEmbedding, Q8TablesAreScaleTimesCode) {
  std::vector<std::byte> blocks(2 * 34);
  const std::uint16_t half[] = {0x3800, 0xBC00};  // 0.5 and -1
  for (int b = 0; b < 2; ++b) {
    std::memcpy(blocks.data() + 34 * b, &half[b], 2);
    for (int i = 0; i < 32; ++i)
      blocks[static_cast<std::size_t>(34 * b + 2 + i)] = static_cast<std::byte>(static_cast<std::uint8_t>(i - 16));
  }
  const TokenEmbedding embedding({.vocab_size = 2, .hidden_dim = 32},
                                 {.weight = view_of(blocks.data(), Format::kQ8_0, {2, 32})}, {}, {});
  support::TestExec exec;
  std::vector<float> y(64);
  embedding.forward(*exec, Ids{1, 0}, view_of(y.data(), {2, 32}));
  for (int i = 0; i < 32; ++i) {
    EXPECT_EQ(y[static_cast<std::size_t>(i)], -1.0f * static_cast<float>(i - 16));
    EXPECT_EQ(y[static_cast<std::size_t>(32 + i)], 0.5f * static_cast<float>(i - 16));
  }
}

TEST(TokenEmbedding, RefusesBadInput) {
  const std::vector<float> table(12);
  const Context context{.place = {.index = -1, .path = "model.embed_tokens"}};
  const auto message = [&](const std::function<void()>& work) -> std::string {
    try {
      work();
    } catch (const Error& e) {
      return e.what();
    }
    return {};
  };
  const TokenEmbeddingWeights good{.weight = view_of(table.data(), {3, 4})};
  const auto built = [&](const TokenEmbeddingSpec& spec) {
    return message([&] { const TokenEmbedding e(spec, good, {}, context); });
  };
  EXPECT_EQ(built({.vocab_size = 0, .hidden_dim = 4}),
            "[model.embed_tokens] vocab_size wanted a positive number, got 0");
  EXPECT_EQ(built({.vocab_size = 3, .hidden_dim = 0}),
            "[model.embed_tokens] hidden_dim wanted a positive number, got 0");
  EXPECT_EQ(built({.vocab_size = 3, .hidden_dim = 4, .scale = NAN}),
            "[model.embed_tokens] scale wanted a finite number, got nan");
  EXPECT_EQ(built({.vocab_size = 4, .hidden_dim = 4}), "[model.embed_tokens] weight wanted [4, 4], got [3, 4]");
  const TokenEmbedding embedding({.vocab_size = 3, .hidden_dim = 4}, good, {}, context);
  support::TestExec exec;
  std::vector<float> y(8);
  const auto look_up = [&](const Ids& ids) {
    return message([&] { embedding.forward(*exec, ids, view_of(y.data(), {2, 4})); });
  };
  EXPECT_EQ(look_up({1, 3}), "[model.embed_tokens] token id wanted 0 to 2, got 3");
  EXPECT_EQ(look_up({-1, 0}), "[model.embed_tokens] token id wanted 0 to 2, got -1");
  EXPECT_EQ(look_up({0}), "[model.embed_tokens] y wanted [1, 4], got [2, 4]");
  EXPECT_EQ(look_up({0, 2}), "");
}

}  // namespace
}  // namespace ttt
