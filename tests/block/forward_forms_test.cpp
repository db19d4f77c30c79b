// forward, forward_add and forward_add_scaled of every block that has them, also where y is x.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "attention/cross_attention.h"
#include "attention/latent_attention.h"
#include "block/random_weights.h"
#include "embeddings/position_embedding.h"
#include "ffn/mlp.h"
#include "ffn/moe.h"
#include "heads/dense.h"
#include "normalization/distributed.h"
#include "normalization/layer_scale.h"
#include "testing/block_runner.h"

namespace ttt {
namespace {

constexpr std::int64_t kHidden = 64, kRows = 5;

enum class Form { kStore, kAdd, kAddScaled };
constexpr float kFactor = 0.22f;

template <class Block, class... Inputs>
void call(const Block& block, Form form, Exec& exec, TensorView y, const Inputs&... inputs) {
  if (form == Form::kStore) block.forward(exec, inputs..., y);
  if (form == Form::kAdd) block.forward_add(exec, inputs..., y);
  if (form == Form::kAddScaled) block.forward_add_scaled(exec, inputs..., y, kFactor);
}

template <class Block>
void call_block(const Block& block, Form form, Exec& exec, const Step& step, ConstTensorView x, TensorView y) {
  if constexpr (std::is_same_v<Block, PositionEmbedding>) {
    call(block, form, exec, y, step.batch.positions);
  } else if constexpr (requires { block.forward(exec, x, y); }) {
    call(block, form, exec, y, x);
  } else {
    call(block, form, exec, y, x, step);
  }
}

// y holds x before the call; `in_place`: and is the block's input.
struct Case {
  std::string name;
  std::function<std::vector<float>(Form, bool in_place)> run;
};

template <class Block>
std::vector<float> run(const typename Block::Spec& spec, Form form, bool in_place) {
  RandomWeights weights;
  ModelTree tree;
  Overrides overrides;
  const BuildOptions options;
  auto block = std::make_shared<const Block>(make<Block>(Scope(weights, tree, overrides, options) / "block", spec));
  testing::Subject subject{.forward =
                               [=](Exec& exec, const Step& step, ConstTensorView x, TensorView y) {
                                 std::copy_n(x.row<float>(0), x.shape.elements(), y.row<float>(0));
                                 call_block(*block, form, exec, step, in_place ? ConstTensorView(y) : x, y);
                               },
                           .width = kHidden,
                           .states = tree.states};
  testing::Values source;
  if constexpr (std::is_same_v<Block, CrossAttention>) {
    subject.store = [=](Exec& exec, const Step& step, ConstTensorView s) { block->store(exec, s, step); };
    subject.source_width = kHidden;
    source = testing::normal(3, kHidden, 2);
  }
  return testing::BlockRunner(std::move(subject), testing::normal(kRows, kHidden, 1), 2, source).run();
}

template <class Block>
Case test_case(const std::string& name, const typename Block::Spec& spec) {
  return {name, [spec](Form form, bool in_place) { return run<Block>(spec, form, in_place); }};
}

std::vector<Case> all_cases() {
  const CrossAttentionSpec cross{
      .hidden_dim = kHidden, .num_heads = 4, .num_kv_heads = 2, .head_dim = 16, .max_source_rows = 3};
  const MultiHeadLatentAttentionSpec latent{.hidden_dim = kHidden,
                                            .num_heads = 4,
                                            .kv_lora_rank = 16,
                                            .qk_nope_head_dim = 8,
                                            .qk_rope_head_dim = 8,
                                            .v_head_dim = 8,
                                            .rope = {.rotary_dim = 8}};
  return {
      test_case<RMSNorm>("RMSNorm", {.dim = kHidden}),
      test_case<LayerNorm>("LayerNorm", {.dim = kHidden}),
      test_case<LayerScale>("LayerScale", {.dim = kHidden}),
      test_case<DistributedNorm>("DistributedNorm", {.base_norm = RMSNormSpec{.dim = kHidden}}),
      test_case<DistributedNorm>("DistributedNorm_gathered", {.base_norm = LayerNormSpec{.dim = kHidden},
                                                              .distributed_strategy = DistributedStrategy::kAllGather}),
      test_case<PositionEmbedding>("PositionEmbedding", {.hidden_dim = kHidden, .kind = LearnedPositions{kRows}}),
      test_case<Attention>("Attention", {.hidden_dim = kHidden, .num_heads = 4, .num_kv_heads = 2, .head_dim = 16}),
      test_case<CrossAttention>("CrossAttention", cross),
      test_case<MultiHeadLatentAttention>("MultiHeadLatentAttention", latent),
      test_case<Dense>("Dense", {.input_dim = kHidden, .output_dim = kHidden, .activation = Activation::kTanh}),
      test_case<MLP>("MLP", {.hidden_dim = kHidden, .ffn_dim = 96}),
      test_case<GatedMLP>("GatedMLP", SwiGLU(kHidden, 96)),
      test_case<MoE>("MoE",
                     {.hidden_dim = kHidden, .num_experts = 3, .router = {.top_k = 2}, .expert = {.ffn_dim = 32}}),
  };
}

class ForwardForms : public ::testing::TestWithParam<Case> {};

TEST_P(ForwardForms, AddWhatForwardStores) {
  const std::vector<float> x = testing::normal(kRows, kHidden, 1).data;
  const std::vector<float> result = GetParam().run(Form::kStore, false), sum = GetParam().run(Form::kAdd, false),
                           scaled = GetParam().run(Form::kAddScaled, false);
  ASSERT_EQ(result.size(), x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    // The sum may be part of the last product, which then rounds otherwise.
    EXPECT_NEAR(sum[i], x[i] + result[i], 4e-7f * (std::abs(x[i]) + 4 * std::abs(result[i]))) << i;
    EXPECT_FLOAT_EQ(scaled[i], x[i] + kFactor * result[i]) << i;
  }
}

TEST_P(ForwardForms, AreTheSameInPlace) {
  for (const Form form : {Form::kStore, Form::kAdd, Form::kAddScaled}) {
    EXPECT_EQ(GetParam().run(form, true), GetParam().run(form, false)) << static_cast<int>(form);
  }
}

INSTANTIATE_TEST_SUITE_P(Blocks, ForwardForms, ::testing::ValuesIn(all_cases()),
                         [](const auto& which) { return which.param.name; });

}  // namespace
}  // namespace ttt
