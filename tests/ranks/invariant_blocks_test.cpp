// The law of Strategy::kInvariant on blocks that the whole models of invariant_test.cpp lack: a row's result is bitwise
// the same over batch size, batch slot, number of threads, split of the sequence and number of ranks.

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <ostream>

#include "attention/attention.h"
#include "attention/cross_attention.h"
#include "attention/latent_attention.h"
#include "collectives/threads.h"
#include "embeddings/token.h"
#include "ffn/gated_mlp.h"
#include "ffn/mlp.h"
#include "heads/lm_head.h"
#include "linear/gather_columns.h"
#include "normalization/distributed.h"
#include "normalization/layernorm.h"
#include "normalization/rmsnorm.h"
#include "state/step_builder.h"
#include "support/exec.h"
#include "support/weight_cutter.h"

namespace ttt {
namespace {

using support::random_values;
using Values = std::vector<float>;

constexpr std::int64_t kRows = 41, kHidden = 48;

struct Way {
  std::int64_t ranks = 1, threads = 1;
  std::int64_t batch = 1, slot = 0;  // sequences side by side, or groups of rows; which of them is compared
  std::int64_t chunk = kRows;        // its rows of one call
};

std::ostream& operator<<(std::ostream& out, const Way& w) {
  return out << w.ranks << " ranks, " << w.threads << " threads, slot " << w.slot << " of " << w.batch << ", chunks of "
             << w.chunk;
}

const std::vector<Way> kWays{{.threads = 3, .chunk = 1},
                             {.threads = 2, .batch = 64, .slot = 33, .chunk = 2},
                             {.ranks = 2, .batch = 7, .slot = 6, .chunk = 5},
                             {.ranks = 3, .threads = 2},
                             {.ranks = 3, .batch = 33, .slot = 0, .chunk = 1},
                             {.ranks = 4, .batch = 2, .slot = 1, .chunk = 17}};

using Run = std::function<Values(const Way&, const Context&, Communicator&)>;

void expect_invariant(const Run& run) {
  const DeviceTraits traits = query_device_traits();
  const Values base = run({}, {.traits = traits}, self_communicator());
  ASSERT_FALSE(base.empty());
  for (const Way& way : kWays) {
    run_ranks(way.ranks, [&](std::int64_t rank, Communicator& communicator) {
      const Values got = run(way, {.traits = traits, .rank = rank, .ranks = way.ranks}, communicator);
      EXPECT_TRUE(got.size() == base.size() && std::memcmp(got.data(), base.data(), 4 * base.size()) == 0)
          << "rank " << rank << " of " << way;
    });
  }
}

// The rows of every sequence of a call from `at` on: the compared one's in its slot, others' beside them.
Values side_by_side(const Values& x, const Way& way, std::int64_t at, std::int64_t rows, std::int64_t width) {
  Values all;
  for (std::int64_t i = 0; i < way.batch; ++i) {
    const std::int64_t total = static_cast<std::int64_t>(x.size()) / width;
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t row = i == way.slot ? at + r : (at + r + 3 * i + 1) % total;
      all.insert(all.end(), x.begin() + row * width, x.begin() + (row + 1) * width);
    }
  }
  return all;
}

// ---- blocks without state -------------------------------------------------------------------------------------------

// call(exec, x, y) on x [rows, in], y [rows, out].
template <class Call>
Values rows_through(const Values& x, std::int64_t in, std::int64_t out, const Way& way, Communicator& communicator,
                    const Call& call) {
  support::TestExec exec(way.threads, communicator);
  Values y;
  for (std::int64_t at = 0; at < kRows; at += way.chunk) {
    const std::int64_t n = std::min(way.chunk, kRows - at), rows = n * way.batch;
    const Values some = side_by_side(x, way, at, n, in);
    Values result(static_cast<std::size_t>(rows * out));
    call(*exec, view_of(some.data(), {rows, in}), view_of(result.data(), {rows, out}));
    y.insert(y.end(), result.begin() + way.slot * n * out, result.begin() + (way.slot + 1) * n * out);
  }
  return y;
}

template <class Block, class Spec>
void expect_invariant_rows(const Spec& spec, std::int64_t in) {
  support::WeightCutter weights;
  const Values x = random_values(kRows * in, 3);
  expect_invariant([&](const Way& way, const Context& context, Communicator& communicator) {
    const auto impl = default_impl_config(spec, context.traits, Strategy::kInvariant);
    typename Block::Weights w;
    bind_weights(w, spec, impl, typename Block::Names{}, context, weights);
    const Block block(spec, w, impl, context);
    return rows_through(x, in, in, way, communicator,
                        [&](Exec& exec, ConstTensorView from, TensorView to) { block.forward(exec, from, to); });
  });
}

TEST(InvariantBlocks, FeedForwards) {
  for (const std::int64_t ffn : {96, 133}) {
    expect_invariant_rows<GatedMLP>(
        GatedMLPSpec{.hidden_dim = kHidden, .ffn_dim = ffn, .activation = Activation::kSilu, .bias = true}, kHidden);
    expect_invariant_rows<MLP>(
        MLPSpec{.hidden_dim = kHidden, .ffn_dim = ffn, .activation = Activation::kGelu, .bias = true}, kHidden);
  }
}

TEST(InvariantBlocks, Norms) {
  for (const std::int64_t dim : {48, 65, 577}) {
    expect_invariant_rows<RMSNorm>(RMSNormSpec{.dim = dim}, dim);
    expect_invariant_rows<LayerNorm>(LayerNormSpec{.dim = dim}, dim);
  }
}

// Every rank has its own columns; they are put together to be compared.
TEST(InvariantBlocks, DistributedNorms) {
  constexpr std::int64_t kDim = 131;
  const Values x = random_values(kRows * kDim, 3);
  for (const bool rms : {true, false}) {
    support::WeightCutter weights;
    expect_invariant([&](const Way& way, const Context& context, Communicator& communicator) {
      DistributedNormSpec spec{.num_devices = context.ranks};
      if (rms) spec.base_norm = RMSNormSpec{.dim = kDim};
      if (!rms) spec.base_norm = LayerNormSpec{.dim = kDim};
      const auto impl = default_impl_config(spec, context.traits, Strategy::kInvariant);
      DistributedNormWeights w;
      bind_weights(w, spec, impl, {}, context, weights);
      const DistributedNorm block(spec, w, impl, context);
      std::vector<std::int64_t> counts;
      const auto part_of_rank = [&](std::int64_t r) { return part_of(kDim, impl.unit, r, context.ranks); };
      for (std::int64_t r = 0; r < context.ranks; ++r) counts.push_back(part_of_rank(r).count);
      const Part mine = part_of_rank(context.rank);
      return rows_through(x, kDim, kDim, way, communicator, [&](Exec& exec, ConstTensorView from, TensorView to) {
        Values part(static_cast<std::size_t>(from.dim(0) * mine.count)), result(part.size());
        for (std::int64_t r = 0; r < from.dim(0); ++r) {
          std::copy_n(from.row<float>(r) + mine.begin, mine.count, part.begin() + r * mine.count);
        }
        block.forward(exec, view_of(part.data(), {from.dim(0), mine.count}),
                      view_of(result.data(), {from.dim(0), mine.count}));
        gather_columns(exec, view_of(result.data(), {from.dim(0), mine.count}), counts, to);
      });
    });
  }
}

TEST(InvariantBlocks, Head) {
  const LMHeadSpec spec{.hidden_dim = kHidden, .vocab_size = 333, .bias = true, .logit_scale = 0.3f, .soft_cap = 2.0f};
  support::WeightCutter weights;
  const Values x = random_values(kRows * kHidden, 3);
  expect_invariant([&](const Way& way, const Context& context, Communicator& communicator) {
    const auto impl = default_impl_config(spec, context.traits, Strategy::kInvariant);
    LMHeadWeights w;
    bind_weights(w, spec, impl, {}, context, weights);
    const LMHead head(spec, w, impl, context);
    return rows_through(x, kHidden, 333, way, communicator, [&](Exec& exec, ConstTensorView from, TensorView to) {
      std::vector<std::int64_t> wanted;
      for (std::int64_t r = 0; r < from.dim(0); ++r) wanted.push_back(r);
      head.forward(exec, from, wanted, to);
    });
  });
}

TEST(InvariantBlocks, Embedding) {
  const TokenEmbeddingSpec spec{.vocab_size = 97, .hidden_dim = kHidden, .scale = 1.7f};
  for (const TableSplit split : {TableSplit::kVocabulary, TableSplit::kHidden}) {
    support::WeightCutter weights;
    Values ids(static_cast<std::size_t>(kRows));
    for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<float>(i * 31 % 97);
    expect_invariant([&](const Way& way, const Context& context, Communicator& communicator) {
      auto impl = default_impl_config(spec, context.traits, Strategy::kInvariant);
      impl.split = split;
      TokenEmbeddingWeights w;
      bind_weights(w, spec, impl, {}, context, weights);
      const TokenEmbedding block(spec, w, impl, context);
      return rows_through(ids, 1, kHidden, way, communicator, [&](Exec& exec, ConstTensorView from, TensorView to) {
        std::vector<std::int32_t> tokens;
        for (std::int64_t r = 0; r < from.dim(0); ++r) tokens.push_back(static_cast<std::int32_t>(*from.row<float>(r)));
        block.forward(exec, tokens, to);
      });
    });
  }
}

// ---- blocks with state ----------------------------------------------------------------------------------------------

// Rows that a cross attention looks at; other blocks have none.
constexpr std::int64_t kSourceRows = 29, kSourceDim = 40;

void store_source(const CrossAttention& block, Exec& exec, StepBuilder& builder, std::vector<Sequence>& sequences,
                  const Way& way) {
  const Values source = side_by_side(random_values(kSourceRows * kSourceDim, 4), way, 0, kSourceRows, kSourceDim);
  std::vector<StepEntry> entries;
  for (Sequence& s : sequences) entries.push_back({.sequence = &s, .rows = kSourceRows});
  const std::int64_t rows = way.batch * kSourceRows;
  block.store(exec, view_of(source.data(), {rows, kSourceDim}), builder.prepare_source(entries));
  builder.commit();
}
template <class Block>
void store_source(const Block&, Exec&, StepBuilder&, std::vector<Sequence>&, const Way&) {}

template <class Block, class Spec>
void expect_invariant_attention(const Spec& spec, const std::function<void(typename Block::ImplConfig&)>& change = {}) {
  support::WeightCutter weights;
  const Values x = random_values(kRows * kHidden, 3);
  for (const Format state : {Format::kF32, Format::kBF16, Format::kInt8, Format::kBfp8B}) {
    expect_invariant([&](const Way& way, const Context& context, Communicator& communicator) {
      typename Block::ImplConfig impl = default_impl_config(spec, context.traits, Strategy::kInvariant);
      impl.state = state;
      if (change) change(impl);
      typename Block::Weights w;
      bind_weights(w, spec, impl, typename Block::Names{}, context, weights);
      const Block block(spec, w, impl, context);
      const std::int64_t most = way.batch * std::max(way.chunk, kSourceRows);
      StatePool pool({state_spec(spec, impl, context)},
                     {.sequences = way.batch, .context = kRows, .page_rows = way.ranks == 2 ? 3 : 16});
      StepBuilder builder(pool, most, way.batch);
      std::vector<Sequence> sequences;
      for (std::int64_t i = 0; i < way.batch; ++i) sequences.push_back(pool.create());
      support::TestExec exec(way.threads, communicator);
      store_source(block, *exec, builder, sequences, way);
      Values y;
      for (std::int64_t at = 0; at < kRows; at += way.chunk) {
        const std::int64_t n = std::min(way.chunk, kRows - at), rows = n * way.batch;
        std::vector<StepEntry> entries;
        for (Sequence& s : sequences) entries.push_back({.sequence = &s, .rows = n});
        const Values some = side_by_side(x, way, at, n, kHidden);
        Values result(some.size());
        const std::vector<std::int32_t> ids(static_cast<std::size_t>(rows));
        const Step step = builder.prepare(entries, ids);
        block.forward(*exec, view_of(some.data(), {rows, kHidden}), step, view_of(result.data(), {rows, kHidden}));
        builder.commit();
        const auto mine = result.begin() + way.slot * n * kHidden;
        y.insert(y.end(), mine, mine + n * kHidden);
      }
      return y;
    });
  }
}

AttentionSpec attention(std::int64_t heads, std::int64_t kv_heads) {
  return {.hidden_dim = kHidden,
          .num_heads = heads,
          .num_kv_heads = kv_heads,
          .head_dim = 16,
          .position = RoPESpec{.rotary_dim = 16}};
}

TEST(InvariantBlocks, AttentionWithBiasesSinksAndGate) {
  AttentionSpec spec = attention(9, 3);
  spec.q_bias = spec.k_bias = spec.v_bias = spec.o_bias = spec.sinks = spec.gate = true;
  expect_invariant_attention<Attention>(spec);
}

TEST(InvariantBlocks, AttentionWithNormsCapAndWindow) {
  AttentionSpec spec = attention(6, 2);
  spec.qk_norm = RMSNormSpec{.eps = 1e-6f};
  spec.v_norm = RMSNormSpec{.eps = 1e-6f};
  spec.soft_cap = 5.0f;
  spec.visible = {.behind = 9, .pinned = 2};
  expect_invariant_attention<Attention>(spec);
}

// The norm runs over the heads of all ranks.
TEST(InvariantBlocks, AttentionWithANormOverAllHeads) {
  AttentionSpec spec = attention(5, 5);
  spec.qk_norm = RMSNormSpec{.eps = 1e-6f};
  spec.qk_norm_whole = true;
  expect_invariant_attention<Attention>(spec);
}

TEST(InvariantBlocks, AttentionWithALiBi) {
  AttentionSpec spec = attention(7, 1);
  spec.position = ALiBiSpec{};
  expect_invariant_attention<Attention>(spec);
}

TEST(InvariantBlocks, CrossAttentions) {
  expect_invariant_attention<CrossAttention>(CrossAttentionSpec{.hidden_dim = kHidden,
                                                                .source_dim = kSourceDim,
                                                                .num_heads = 6,
                                                                .num_kv_heads = 2,
                                                                .head_dim = 16,
                                                                .value_dim = 12,
                                                                .q_bias = true,
                                                                .o_bias = true,
                                                                .max_source_rows = kSourceRows});
}

TEST(InvariantBlocks, LatentAttentions) {
  for (const std::int64_t q_rank : {0, 20}) {
    const MultiHeadLatentAttentionSpec spec{.hidden_dim = kHidden,
                                            .num_heads = 6,
                                            .q_lora_rank = q_rank,
                                            .kv_lora_rank = 36,
                                            .qk_nope_head_dim = 10,
                                            .qk_rope_head_dim = 6,
                                            .v_head_dim = 12,
                                            .rope = {.rotary_dim = 6}};
    expect_invariant_attention<MultiHeadLatentAttention>(spec);
    expect_invariant_attention<MultiHeadLatentAttention>(
        spec, [](MultiHeadLatentAttentionImplConfig& impl) { impl.form = NaiveLatents{}; });
  }
}

}  // namespace
}  // namespace ttt
