// The names of the founding comparison, used as somebody would who has the installed headers and nothing else: each is
// written out with its fields, built by make, and run.

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "attention/attention.h"
#include "attention/latent_attention.h"
#include "base/context.h"
#include "base/error.h"
#include "embeddings/position.h"
#include "embeddings/position_embedding.h"
#include "embeddings/rotary.h"
#include "embeddings/token.h"
#include "ffn/gated_mlp.h"
#include "ffn/mlp.h"
#include "ffn/moe.h"
#include "heads/lm_head.h"
#include "heads/pooling.h"
#include "model/scope.h"
#include "normalization/distributed.h"
#include "normalization/layernorm.h"
#include "normalization/rmsnorm.h"
#include "testing/block_runner.h"
#include "testing/metrics.h"

namespace {

constexpr std::int64_t kHidden = 24, kRows = 11;

// Weights for whatever is asked for: gains of one, rows of the same sines every time.
class Weights final : public ttt::WeightSource {
 public:
  ttt::ConstTensorView fetch(const ttt::WeightRequest& request) override {
    asked.insert(request.full_name());
    std::vector<float>& values = memory_.emplace_back();
    const bool gain = request.full_name().find("norm") != std::string::npos;
    for (std::int64_t i = 0; i < request.shape.elements(); ++i) {
      values.push_back(gain ? 1.0f : 0.3f * std::sin(static_cast<float>(i * i + 3 * i + 1)));
    }
    return ttt::view_of(static_cast<const float*>(values.data()), request.shape);
  }
  bool has(const std::string&) const override { return true; }
  std::set<std::string> asked;

 private:
  std::deque<std::vector<float>> memory_;
};

template <class Block>
std::vector<float> run(const typename Block::Spec& spec, ttt::Strategy strategy = ttt::Strategy::kDefault,
                       std::int64_t width = kHidden, const std::string& impl = "{}", Weights* weights = nullptr) {
  Weights own;
  ttt::ModelTree tree;
  ttt::Overrides overrides(ttt::Json::parse("{\"norm_or_block\": " + impl + "}", "impl"), "impl");
  const ttt::BuildOptions options{.traits = ttt::query_device_traits(), .strategy = strategy, .context = kRows};
  const ttt::Scope scope(weights != nullptr ? *weights : own, tree, overrides, options);
  Block block = ttt::make<Block>(scope / "norm_or_block", spec);
  ttt::testing::Values x = ttt::testing::normal(kRows, width, 5);
  for (std::int64_t r = 0; r < kRows; ++r) x.ids.push_back(static_cast<std::int32_t>(r * 5 % 13));
  ttt::testing::BlockRunner runner(ttt::testing::subject_of<Block>(std::move(block), spec, tree.states), x);
  return runner.run();
}

// Plain double-precision arithmetic gives the same.
template <class Block>
std::vector<float> checked(const typename Block::Spec& spec) {
  const std::vector<float> y = run<Block>(spec), exact = run<Block>(spec, ttt::Strategy::kReference);
  EXPECT_LT(ttt::max_relative_error(exact, y), 1e-5);
  double most = 0;
  for (const float v : y) most = std::max(most, std::fabs(double{v}));
  EXPECT_GT(most, 0);
  return y;
}

template <class Convert>
std::string refusal(const Convert& convert) {
  try {
    convert();
  } catch (const ttt::Error& e) {
    EXPECT_EQ(e.kind(), ttt::ErrorKind::kUsage);
    return e.what();
  }
  return "nothing was thrown";
}

const ttt::RoPESpec kRope{.rotary_dim = 6, .base = 100};

TEST(PublicNames, MultiHeadAttentionSpec) {
  const ttt::MultiHeadAttentionSpec spec{.hidden_dim = kHidden, .num_heads = 4, .position = kRope};
  const ttt::AttentionSpec core = spec;
  EXPECT_EQ(core.num_kv_heads, 4);
  EXPECT_EQ(core.head_dim, 6);
  const std::vector<float> y = checked<ttt::Attention>(spec);
  const std::vector<float> both = checked<ttt::Attention>(
      ttt::MultiHeadAttentionSpec{.hidden_dim = kHidden, .num_heads = 4, .position = kRope, .causal = false});
  EXPECT_NE(y, both);
  // The last row sees all rows either way.
  const auto last = [](const std::vector<float>& v) { return std::vector<float>(v.end() - kHidden, v.end()); };
  EXPECT_EQ(last(y), last(both));
}

TEST(PublicNames, GroupedQueryAttentionSpec) {
  const ttt::GroupedQueryAttentionSpec spec{
      .hidden_dim = kHidden, .num_heads = 4, .num_kv_heads = 2, .head_dim = 6, .position = kRope};
  checked<ttt::Attention>(spec);
  EXPECT_NE(refusal([] {
              return ttt::AttentionSpec(ttt::GroupedQueryAttentionSpec{
                  .hidden_dim = kHidden, .num_heads = 4, .num_kv_heads = 4, .head_dim = 6});
            }).find("num_kv_heads wanted a divisor of num_heads below it"),
            std::string::npos);
}

TEST(PublicNames, SlidingWindowAttentionSpec) {
  ttt::SlidingWindowAttentionSpec spec{
      .hidden_dim = kHidden, .num_heads = 4, .num_kv_heads = 2, .head_dim = 6, .window = 3, .position = kRope};
  const std::vector<float> windowed = checked<ttt::Attention>(spec);
  spec.global_tokens = 2;
  EXPECT_NE(checked<ttt::Attention>(spec), windowed);
  spec.window = kRows;
  spec.global_tokens = 0;
  EXPECT_EQ(checked<ttt::Attention>(spec),
            checked<ttt::Attention>(ttt::GroupedQueryAttentionSpec{
                .hidden_dim = kHidden, .num_heads = 4, .num_kv_heads = 2, .head_dim = 6, .position = kRope}));
  spec.window = 0;
  EXPECT_NE(refusal([&] { return ttt::AttentionSpec(spec); }).find("window wanted a positive number"),
            std::string::npos);
}

TEST(PublicNames, FlashAttentionImplConfig) {
  const ttt::AttentionSpec spec = ttt::MultiHeadAttentionSpec{.hidden_dim = kHidden, .num_heads = 4, .position = kRope};
  const ttt::FlashAttentionImplConfig flash{.query_block = 2, .key_block = 4};
  ttt::AttentionImplConfig impl{.many = flash, .one = flash};
  EXPECT_TRUE(std::holds_alternative<ttt::FlashAttentionImplConfig>(impl.many));
  const std::vector<float> tiled =
      run<ttt::Attention>(spec, ttt::Strategy::kDefault, kHidden, ttt::to_json(impl).dump());
  EXPECT_LT(ttt::max_relative_error(run<ttt::Attention>(spec, ttt::Strategy::kReference), tiled), 1e-5);
}

TEST(PublicNames, MLPSpec) {
  checked<ttt::MLP>({.hidden_dim = kHidden, .ffn_dim = 40, .activation = ttt::Activation::kGelu, .bias = true});
}

TEST(PublicNames, GatedMLPSpecAndItsNamedVariants) {
  const ttt::GatedMLPSpec silu{.hidden_dim = kHidden, .ffn_dim = 40, .activation = ttt::Activation::kSilu};
  EXPECT_EQ(silu, ttt::SwiGLU(kHidden, 40));
  EXPECT_EQ(ttt::GeGLU(kHidden, 40).activation, ttt::Activation::kGelu);
  EXPECT_EQ(ttt::ReGLU(kHidden, 40).activation, ttt::Activation::kRelu);
  const std::vector<float> swi = checked<ttt::GatedMLP>(silu), ge = checked<ttt::GatedMLP>(ttt::GeGLU(kHidden, 40));
  EXPECT_NE(swi, ge);
  EXPECT_NE(ge, checked<ttt::GatedMLP>(ttt::ReGLU(kHidden, 40)));
}

TEST(PublicNames, MoESpec) {
  Weights weights;
  const ttt::MoESpec spec{
      .hidden_dim = kHidden, .num_experts = 4, .router = {.top_k = 2, .renormalise = true}, .expert = {.ffn_dim = 16}};
  checked<ttt::MoE>(spec);
  run<ttt::MoE>(spec, ttt::Strategy::kDefault, kHidden, "{}", &weights);
  EXPECT_TRUE(weights.asked.contains("norm_or_block.experts.3.down_proj.weight"));
}

TEST(PublicNames, TokenEmbeddingSpec) {
  checked<ttt::TokenEmbedding>({.vocab_size = 13, .hidden_dim = kHidden, .scale = 2});
}

TEST(PublicNames, PositionEmbeddingSpec) {
  checked<ttt::PositionEmbedding>(
      {.hidden_dim = kHidden, .offset = 2, .kind = ttt::LearnedPositions{.num_embeddings = kRows + 2}});
  const auto sines = checked<ttt::PositionEmbedding>({.hidden_dim = kHidden, .kind = ttt::SinusoidalPositions{}});
  EXPECT_EQ(sines[0], 0);
  EXPECT_EQ(sines[1], 1);
  EXPECT_FLOAT_EQ(sines[kHidden], std::sin(1.0f));
  // ALiBi acts on scores: one of attention's positions.
  EXPECT_EQ(ttt::alibi_slopes({}, 8)[0], 0.5f);
  const ttt::AttentionSpec biased =
      ttt::MultiHeadAttentionSpec{.hidden_dim = kHidden, .num_heads = 4, .position = ttt::ALiBiSpec{}};
  EXPECT_NE(checked<ttt::Attention>(biased),
            checked<ttt::Attention>(ttt::MultiHeadAttentionSpec{.hidden_dim = kHidden, .num_heads = 4}));
}

TEST(PublicNames, RoPESpec) {
  ttt::RoPESpec rope{.rotary_dim = 8,
                     .base = 10000,
                     .layout = ttt::RotaryLayout::kInterleaved,
                     .scaling = ttt::LinearScaling{.factor = 4}};
  EXPECT_FLOAT_EQ(ttt::rope_frequencies(rope, 64).inv_freq[0], 0.25f);
  rope.scaling = ttt::NoScaling{};
  EXPECT_FLOAT_EQ(ttt::rope_frequencies(rope, 64).inv_freq[2], 0.01f);
}

TEST(PublicNames, RMSNormSpec) {
  const std::vector<float> y = checked<ttt::RMSNorm>({.dim = kHidden, .eps = 0});
  double squares = 0;
  for (std::int64_t i = 0; i < kHidden; ++i)
    squares += double{y[static_cast<std::size_t>(i)]} * y[static_cast<std::size_t>(i)];
  EXPECT_NEAR(squares, kHidden, 1e-4);  // gains are 1
}

TEST(PublicNames, LayerNormSpec) {
  const std::vector<float> y = checked<ttt::LayerNorm>({.dim = kHidden, .bias = false});
  double sum = 0;
  for (std::int64_t i = 0; i < kHidden; ++i) sum += y[static_cast<std::size_t>(i)];
  EXPECT_NEAR(sum, 0, 1e-5);
}

// With the fields that the comparison gives.
TEST(PublicNames, LMHeadSpec) {
  const ttt::LMHeadSpec spec{kHidden, 13, /*tie_word_embeddings=*/true};
  EXPECT_TRUE(spec.tie_word_embeddings);
  EXPECT_FALSE(ttt::LMHeadSpec{}.tie_word_embeddings);
  EXPECT_EQ(checked<ttt::LMHead>(spec).size(), static_cast<std::size_t>(kRows * 13));
}

TEST(PublicNames, DistributedNormSpec) {
  const ttt::DistributedNormSpec spec{.base_norm = ttt::LayerNormSpec{.dim = kHidden},
                                      .distributed_strategy = ttt::DistributedStrategy::kAllReduce,
                                      .num_devices = 1};
  EXPECT_EQ(ttt::DistributedNormSpec{}.distributed_strategy, ttt::DistributedStrategy::kAllReduce);
  EXPECT_EQ(ttt::DistributedNormSpec{}.num_devices, 1);
  EXPECT_LT(ttt::max_relative_error(checked<ttt::LayerNorm>({.dim = kHidden}), checked<ttt::DistributedNorm>(spec)),
            1e-6);
  ttt::DistributedNormSpec two = spec;
  two.num_devices = 2;
  EXPECT_NE(refusal([&] { run<ttt::DistributedNorm>(two); }).find("num_devices wanted the number of ranks, 1, got 2"),
            std::string::npos);
}

}  // namespace
