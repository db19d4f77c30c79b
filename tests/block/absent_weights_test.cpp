// A block sees only the weights that its Spec has: whatever else its Weights hold changes nothing.

#include <gtest/gtest.h>

#include <functional>
#include <span>

#include "attention/cross_attention.h"
#include "attention/latent_attention.h"
#include "block/random_weights.h"
#include "embeddings/position_embedding.h"
#include "embeddings/token.h"
#include "ffn/mlp.h"
#include "ffn/moe.h"
#include "heads/dense.h"
#include "heads/lm_head.h"
#include "normalization/distributed.h"
#include "testing/block_runner.h"

namespace ttt {
namespace {

constexpr std::int64_t kHidden = 64, kRows = 5;

// All fields of a Weights struct, which holds tensors and nothing else.
template <class Weights>
std::vector<ConstTensorView*> fields_of(Weights& weights) {
  static_assert(sizeof(Weights) % sizeof(ConstTensorView) == 0 && std::is_trivially_copyable_v<Weights>);
  std::vector<ConstTensorView*> fields;
  auto* const first = reinterpret_cast<ConstTensorView*>(&weights);
  for (std::size_t i = 0; i < sizeof(Weights) / sizeof(ConstTensorView); ++i) fields.push_back(first + i);
  return fields;
}

std::vector<ConstTensorView*> fields_of(MoEWeights& w) {
  std::vector<ConstTensorView*> fields{&w.router,        &w.router_bias,        &w.selection_bias, &w.expert_scale,
                                       &w.token_experts, &w.router_norm.weight, &w.shared_gate};
  const auto append = [&](GatedMLPWeights& part) {
    for (ConstTensorView* f : fields_of(part)) fields.push_back(f);
  };
  for (GatedMLPWeights& expert : w.experts) append(expert);
  append(w.shared);
  append(w.dense);
  return fields;
}

// Every absent field gets values: as many as any block of these tests reads, or a single one.
enum class Extra { kNone, kLong, kShort };

ConstTensorView extra_values(Extra extra) {
  static const std::vector<float> kLong(4 * kHidden * kHidden, 3.0f);
  static const std::vector<float> kShort(1, 3.0f);
  return extra == Extra::kLong ? view_of(kLong.data(), {static_cast<std::int64_t>(kLong.size())})
                               : view_of(kShort.data(), {1});
}

// The block, built from weights whose absent fields are not absent.
template <class Block, Extra kExtra>
class WithExtra : public Block {
 public:
  WithExtra(const typename Block::Spec& spec, const typename Block::Weights& weights,
            const typename Block::ImplConfig& impl, const Context& context)
      : Block(spec, filled(weights), impl, context) {}

 private:
  static typename Block::Weights filled(typename Block::Weights weights) {
    for (ConstTensorView* field : fields_of(weights)) {
      if (!*field) *field = extra_values(kExtra);
    }
    return weights;
  }
};
template <class Block>
class WithExtra<Block, Extra::kNone> : public Block {
 public:
  using Block::Block;
};

struct Case {
  std::string name;
  std::function<std::vector<float>(Extra)> run;
};

template <class Block, Extra kExtra>
std::vector<float> run(const typename Block::Spec& spec, const testing::Values& x, const testing::Values& source) {
  RandomWeights weights;
  ModelTree tree;
  Overrides overrides;
  const BuildOptions options;
  const auto scope = Scope(weights, tree, overrides, options) / "block";
  return testing::BlockRunner(testing::block_case<WithExtra<Block, kExtra>>(scope, spec).build({}), x, 1, source).run();
}

template <class Block>
Case test_case(const std::string& name, const typename Block::Spec& spec, std::int64_t source_width = 0) {
  testing::Values x = testing::normal(kRows, kHidden, 1), source;
  if constexpr (std::is_same_v<Block, TokenEmbedding>) x = testing::token_ids({3, 1, 4, 1, 5});
  if (source_width > 0) source = testing::normal(3, source_width, 2);
  return {name, [=](Extra extra) {
            if (extra == Extra::kLong) return run<Block, Extra::kLong>(spec, x, source);
            if (extra == Extra::kShort) return run<Block, Extra::kShort>(spec, x, source);
            return run<Block, Extra::kNone>(spec, x, source);
          }};
}

std::vector<Case> all_cases() {
  const AttentionSpec plain{.hidden_dim = kHidden, .num_heads = 4, .num_kv_heads = 2, .head_dim = 16};
  AttentionSpec without_gains = plain, gated = plain, shared = plain, alibi = plain;
  without_gains.qk_norm = RMSNormSpec{.affine = false};
  without_gains.v_norm = RMSNormSpec{.affine = false};
  gated.gate = true;
  alibi.position = ALiBiSpec{};
  const CrossAttentionSpec cross{
      .hidden_dim = kHidden, .num_heads = 4, .num_kv_heads = 2, .head_dim = 16, .max_source_rows = 3};
  const MultiHeadLatentAttentionSpec latent{.hidden_dim = kHidden,
                                            .num_heads = 4,
                                            .kv_lora_rank = 16,
                                            .qk_nope_head_dim = 8,
                                            .qk_rope_head_dim = 8,
                                            .v_head_dim = 8,
                                            .rope = {.rotary_dim = 8}};
  MultiHeadLatentAttentionSpec low_rank = latent;
  low_rank.q_lora_rank = 16;
  const MoESpec moe{.hidden_dim = kHidden, .num_experts = 3, .router = {.top_k = 2}, .expert = {.ffn_dim = 32}};
  MoESpec ungated = moe, normed = moe;
  ungated.expert.gated = false;
  ungated.shared = SwiGLU(kHidden, 32);
  normed.router.norm = RMSNormSpec{.dim = kHidden, .affine = false};
  return {
      test_case<RMSNorm>("RMSNorm", {.dim = kHidden, .affine = false}),
      test_case<LayerNorm>("LayerNorm", {.dim = kHidden, .weight = false, .bias = false}),
      test_case<LayerNorm>("LayerNorm_weight", {.dim = kHidden, .bias = false}),
      test_case<LayerNorm>("LayerNorm_bias", {.dim = kHidden, .weight = false}),
      test_case<DistributedNorm>("DistributedNorm_rms", {.base_norm = RMSNormSpec{.dim = kHidden, .affine = false}}),
      test_case<DistributedNorm>("DistributedNorm_layer", {.base_norm = LayerNormSpec{.dim = kHidden, .bias = false}}),
      test_case<TokenEmbedding>("TokenEmbedding", {.vocab_size = 8, .hidden_dim = kHidden}),
      test_case<PositionEmbedding>("PositionEmbedding", {.hidden_dim = kHidden, .kind = SinusoidalPositions{}}),
      test_case<Attention>("Attention", plain),
      test_case<Attention>("Attention_norms_without_gain", without_gains),
      test_case<Attention>("Attention_gate_without_bias", gated),
      test_case<Attention>("Attention_alibi", alibi),
      test_case<CrossAttention>("CrossAttention", cross, kHidden),
      test_case<MultiHeadLatentAttention>("MultiHeadLatentAttention", latent),
      test_case<MultiHeadLatentAttention>("MultiHeadLatentAttention_low_rank", low_rank),
      test_case<MLP>("MLP", {.hidden_dim = kHidden, .ffn_dim = 32}),
      test_case<GatedMLP>("GatedMLP", SwiGLU(kHidden, 32)),
      test_case<MoE>("MoE", moe),
      test_case<MoE>("MoE_ungated_with_shared", ungated),
      test_case<MoE>("MoE_norm_without_gain", normed),
      test_case<Dense>("Dense", {.input_dim = kHidden, .output_dim = 10, .bias = false}),
      test_case<LMHead>("LMHead", {.hidden_dim = kHidden, .vocab_size = 50}),
  };
}

class AbsentWeights : public ::testing::TestWithParam<Case> {};

TEST_P(AbsentWeights, ChangeNothing) {
  const std::vector<float> wanted = GetParam().run(Extra::kNone);
  ASSERT_FALSE(wanted.empty());
  EXPECT_EQ(GetParam().run(Extra::kLong), wanted) << "with values in every field that the Spec lacks";
  EXPECT_EQ(GetParam().run(Extra::kShort), wanted) << "with one value in every field that the Spec lacks";
}

INSTANTIATE_TEST_SUITE_P(Blocks, AbsentWeights, ::testing::ValuesIn(all_cases()),
                         [](const auto& which) { return which.param.name; });

TEST(CheckedWeights, RefusesVectorsThatKernelsWouldReadAsAnotherFormat) {
  const std::vector<std::byte> codes(2 * kHidden);
  try {
    const RMSNorm norm({.dim = kHidden}, {.weight = view_of(codes.data(), Format::kBF16, {kHidden})}, {}, {});
    FAIL() << "a gain in bf16 was taken";
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "[] weight wanted f32, got bf16");
  }
}

}  // namespace
}  // namespace ttt
