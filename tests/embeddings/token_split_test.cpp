// The token embedding's second table, its padding row and its two cuts over ranks.

#include <gtest/gtest.h>

#include "base/fields.h"
#include "base/partition.h"
#include "collectives/threads.h"
#include "embeddings/golden.h"
#include "embeddings/position_embedding.h"
#include "embeddings/token.h"
#include "kernels/grouped_data.h"
#include "support/exec.h"

namespace ttt {
namespace {

using embedding_tests::floats;
using embedding_tests::integer;
using embedding_tests::integers;
using Ids = std::vector<std::int32_t>;

// What rank `context.rank` holds of a table, as bind_weights says.
class CutBinder final : public WeightBinder {
 public:
  CutBinder(ConstTensorView table, ConstTensorView types) : table_(table), types_(types) {}
  void bind(ConstTensorView& field, const WeightRequest& r) override {
    field = r.name.name == "weight" ? table_ : types_;
    if (r.cut.axis == 0) field = rows_of(field, r.cut.begin, r.cut.count);
    if (r.cut.axis != 1) return;
    const FormatTraits& t = traits_of(field.format);
    EXPECT_EQ(r.cut.begin % t.block_elements, 0) << t.name;
    EXPECT_EQ(r.cut.count % t.block_elements, 0) << t.name;
    field.data += r.cut.begin / t.block_elements * t.block_bytes;
    field.shape = {field.dim(0), r.cut.count};
  }

 private:
  ConstTensorView table_, types_;
};

std::vector<float> look_up(const TokenEmbeddingSpec& spec, const TokenEmbeddingImplConfig& impl, WeightBinder& binder,
                           const Ids& ids, const Ids& types, const Context& context, Communicator& communicator) {
  TokenEmbeddingWeights weights;
  bind_weights(weights, spec, impl, {}, context, binder);
  const TokenEmbedding embedding(spec, weights, impl, context);
  support::TestExec exec(2, communicator);
  const std::int64_t rows = static_cast<std::int64_t>(ids.size());
  std::vector<float> y(static_cast<std::size_t>(rows * spec.hidden_dim), -7.0f);
  embedding.forward(*exec, ids, types, view_of(y.data(), {rows, spec.hidden_dim}));
  return y;
}

// Bitwise what one rank gives, for both cuts, remainders and empty parts.
void expect_ranks_agree(const TokenEmbeddingSpec& spec, ConstTensorView table, const std::string& who) {
  const std::vector<float> second = support::normal_values(3 * spec.hidden_dim, 9);
  CutBinder binder(table, view_of(second.data(), {3, spec.hidden_dim}));
  const Ids ids{0, static_cast<std::int32_t>(spec.vocab_size - 1), 1, 1}, types{2, 0, 1, 2};
  const std::vector<float> want = look_up(spec, {}, binder, ids, types, {}, self_communicator());
  for (const TableSplit split : {TableSplit::kVocabulary, TableSplit::kHidden}) {
    for (std::int64_t ranks = 1; ranks <= 4; ++ranks) {
      run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
        const Context context{.traits = query_device_traits(), .rank = rank, .ranks = ranks};
        EXPECT_EQ(look_up(spec, {.split = split}, binder, ids, types, context, communicator), want)
            << who << ", " << name_of(split) << ", rank " << rank << " of " << ranks;
      });
    }
  }
}

TEST(TokenEmbeddingSplit, RanksAgreeWhateverTheWidth) {
  for (const std::int64_t hidden : {1, 3, 32, 65, 576, 512}) {
    const std::vector<float> table = support::normal_values(5 * hidden, 1);
    expect_ranks_agree({.vocab_size = 5, .hidden_dim = hidden, .scale = 1.5f, .num_token_types = 3},
                       view_of(table.data(), {5, hidden}), text("f32 of ", hidden));
  }
}

// A sum over ranks has no -0.
TEST(TokenEmbeddingSplit, RanksAgreeOnTheSignOfZero) {
  const std::vector<float> table{-0.0f, 0.0f, -1.0f, 2.0f, -0.0f, -0.0f};
  const TokenEmbeddingSpec spec{.vocab_size = 3, .hidden_dim = 2};
  CutBinder binder(view_of(table.data(), {3, 2}), {});
  for (const TableSplit split : {TableSplit::kVocabulary, TableSplit::kHidden}) {
    for (std::int64_t ranks = 1; ranks <= 3; ++ranks) {
      run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
        const Context context{.traits = query_device_traits(), .rank = rank, .ranks = ranks};
        for (const float v : look_up(spec, {.split = split}, binder, {0, 1, 2}, {}, context, communicator)) {
          EXPECT_FALSE(v == 0 && std::signbit(v)) << name_of(split) << ", " << ranks << " ranks";
        }
      });
    }
  }
}

TEST(TokenEmbeddingSplit, RanksAgreeForEveryStoredFormat) {
  for (const Format format : kernels::grouped_tests::kStored) {
    for (const std::int64_t hidden : {512, 96}) {
      if (hidden % traits_of(format).block_elements != 0) continue;
      const std::vector<std::byte> blocks = kernels::grouped_tests::random_blocks(format, 4, hidden, 2);
      expect_ranks_agree({.vocab_size = 4, .hidden_dim = hidden, .num_token_types = 3},
                         view_of(blocks.data(), format, {4, hidden}), text(name_of(format), " of ", hidden));
    }
  }
}

// Words, token types and positions of encoders, from three look-ups.
TEST(TokenEmbeddingTypes, SumsAreThoseOfTransformers) {
  const Json all = embedding_tests::golden("sums");
  for (const Json& c : all.as_array("sums")) {
    const std::int64_t dim = integer(c, "hidden_dim"), offset = integer(c, "offset");
    const std::vector<float> words = floats(c, "words"), kinds = floats(c, "types_table"),
                             positions = floats(c, "positions_table"), want = floats(c, "rows");
    const auto rows_in = [&](const std::vector<float>& t) { return static_cast<std::int64_t>(t.size()) / dim; };
    const Ids ids = integers<std::int32_t>(c, "ids"), types = integers<std::int32_t>(c, "types");
    const TokenEmbeddingSpec spec{.vocab_size = rows_in(words),
                                  .hidden_dim = dim,
                                  .num_token_types = rows_in(kinds),
                                  .padding_idx = integer(c, "padding_idx")};
    const TokenEmbedding tokens(spec,
                                {.weight = view_of(words.data(), {rows_in(words), dim}),
                                 .token_type = view_of(kinds.data(), {rows_in(kinds), dim})},
                                {}, {});
    const PositionEmbedding places({.hidden_dim = dim, .offset = offset, .kind = LearnedPositions{rows_in(positions)}},
                                   {.weight = view_of(positions.data(), {rows_in(positions), dim})}, {}, {});
    support::TestExec exec;
    std::vector<float> y(want.size());
    std::vector<std::int64_t> index;
    for (std::size_t i = 0; i < ids.size(); ++i) index.push_back(static_cast<std::int64_t>(i));
    const TensorView out = view_of(y.data(), {static_cast<std::int64_t>(ids.size()), dim});
    tokens.forward(*exec, ids, types, out);
    places.forward_add(*exec, index, out);
    for (std::size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], want[i], 3e-7 * (1 + std::abs(want[i]))) << i;
  }
}

TEST(TokenEmbeddingTypes, RefusesBadInput) {
  const std::vector<float> table(12), second(8);
  const Context context{.place = {.index = -1, .path = "words"}};
  const auto message = [](const std::function<void()>& work) -> std::string {
    try {
      work();
    } catch (const Error& e) {
      return e.what();
    }
    return {};
  };
  const TokenEmbeddingWeights good{.weight = view_of(table.data(), {3, 4}),
                                   .token_type = view_of(second.data(), {2, 4})};
  const auto built = [&](const TokenEmbeddingSpec& spec, const TokenEmbeddingImplConfig& impl = {}) {
    return message([&] { const TokenEmbedding e(spec, good, impl, context); });
  };
  const TokenEmbeddingSpec spec{.vocab_size = 3, .hidden_dim = 4, .num_token_types = 2, .padding_idx = -3};
  EXPECT_EQ(built(spec), "");
  EXPECT_EQ(built({.vocab_size = 3, .hidden_dim = 4, .num_token_types = -1}),
            "[words] num_token_types wanted a number of at least 0, got -1");
  EXPECT_EQ(built({.vocab_size = 3, .hidden_dim = 4, .num_token_types = 3}),
            "[words] token_type_embeddings.weight wanted [3, 4], got [2, 4]");
  EXPECT_EQ(built({.vocab_size = 3, .hidden_dim = 4, .padding_idx = 3}), "[words] padding_idx wanted -3 to 2, got 3");
  EXPECT_EQ(built({.vocab_size = 3, .hidden_dim = 4, .padding_idx = -4}), "[words] padding_idx wanted -3 to 2, got -4");
  EXPECT_EQ(built(spec, {.split = static_cast<TableSplit>(5)}),
            "[words] split wanted vocabulary or hidden, got number 5");
  const TokenEmbedding with(spec, good, {}, context);
  const TokenEmbedding without({.vocab_size = 3, .hidden_dim = 4}, good, {}, context);
  support::TestExec exec;
  std::vector<float> y(8);
  const auto look_up_in = [&](const TokenEmbedding& e, const Ids& types) {
    return message([&] { e.forward(*exec, Ids{0, 2}, types, view_of(y.data(), {2, 4})); });
  };
  EXPECT_EQ(look_up_in(with, {1, 0}), "");
  EXPECT_EQ(look_up_in(with, {}), "");
  EXPECT_EQ(look_up_in(with, {1}), "[words] token types wanted 2 or none, got 1");
  EXPECT_EQ(look_up_in(with, {1, 2}), "[words] token type wanted 0 to 1, got 2");
  EXPECT_EQ(look_up_in(with, {-1, 0}), "[words] token type wanted 0 to 1, got -1");
  EXPECT_EQ(look_up_in(without, {0, 0}), "[words] wanted no token types, as there is no table of them, got 2");
}

TEST(TokenEmbeddingTypes, ConfigurationsGoThroughJson) {
  const TokenEmbeddingSpec spec{.vocab_size = 3, .hidden_dim = 4, .num_token_types = 2, .padding_idx = 1};
  TokenEmbeddingSpec read;
  from_json(read, to_json(spec), "spec");
  EXPECT_EQ(read, spec);
  const TokenEmbeddingImplConfig impl{.table = Format::kBF16, .split = TableSplit::kHidden};
  TokenEmbeddingImplConfig read_impl;
  from_json(read_impl, to_json(impl), "impl");
  EXPECT_EQ(read_impl, impl);
}

}  // namespace
}  // namespace ttt
