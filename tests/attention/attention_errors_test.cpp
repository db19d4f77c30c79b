#include <gtest/gtest.h>

#include "attention/attention.h"
#include "support/attention_layer.h"
#include "support/mixer_step.h"

namespace ttt {
namespace {

using support::AttentionLayer;
using support::message_of;

const AttentionSpec kGood{
    .hidden_dim = 48, .num_heads = 6, .num_kv_heads = 2, .head_dim = 16, .position = RoPESpec{.rotary_dim = 16}};

TEST(AttentionErrors, SayWhatWasWanted) {
  const auto refused = [&](auto change, const Context& context = {}) {
    AttentionSpec s = kGood;
    change(s);
    return message_of([&] { validate(s, context); });
  };
  EXPECT_EQ(refused([](AttentionSpec& s) { s.num_kv_heads = 4; }),
            "[Attention] num_kv_heads wanted a divisor of num_heads 6, got 4");
  EXPECT_EQ(refused([](AttentionSpec& s) { s.head_dim = 0; }),
            "[Attention] hidden_dim, head_dim and value_dim wanted positive numbers, got 48, 0 and 0");
  EXPECT_EQ(refused([](AttentionSpec& s) { s.position = RoPESpec{.rotary_dim = 18}; }),
            "[Attention] position.rotary_dim wanted at most head_dim 16, got 18");
  EXPECT_EQ(refused([](AttentionSpec& s) { s.soft_cap = -1.0f; }),
            "[Attention] soft_cap wanted a positive number, got -1");
  EXPECT_EQ(refused([](AttentionSpec& s) { s.qk_norm = RMSNormSpec{.dim = 8}; }),
            "[Attention] qk_norm.dim wanted head_dim 16, got 8");
  EXPECT_EQ(refused([](AttentionSpec& s) { s.qk_norm_whole = true; }),
            "[Attention] qk_norm_whole wanted a qk_norm, got none");
  EXPECT_EQ(refused([](AttentionSpec& s) { s.v_norm = RMSNormSpec{.dim = 4}; }),
            "[Attention] v_norm.dim wanted value_dim 16, got 4");
  EXPECT_EQ(refused([](AttentionSpec& s) { s.shares_rows = s.k_bias = true; }),
            "[Attention] shares_rows wanted no k_bias, v_bias, v_norm and qk_norm_whole, got some");
  EXPECT_EQ(refused([](AttentionSpec& s) { s.gate_bias = true; }), "[Attention] gate_bias wanted a gate, got none");
  EXPECT_EQ(refused([](AttentionSpec& s) { s.temperature = TemperatureSpec{.floor_scale = 0}; }),
            "[Attention] temperature wanted a finite scale, a positive floor_scale and an offset of at least 0, got "
            "0.1, 0 and 1");
  EXPECT_EQ(refused([](AttentionSpec& s) { s.position = RelativeBiasSpec{.num_buckets = 3}; }),
            "[Attention] position.num_buckets wanted an even number of at least 4, got 3");
  EXPECT_EQ(refused([](AttentionSpec& s) { s.position = RelativeBiasSpec{.max_distance = 8}; }),
            "[Attention] position.max_distance wanted more than 8, got 8");
  EXPECT_EQ(refused([](AttentionSpec& s) { s.visible.chunk = 0; }),
            text("[Attention] visible wanted numbers of at least 0 and a positive chunk, got behind ", Visible::kAll,
                 ", ahead 0, pinned 0, chunk 0"));
  EXPECT_EQ(refused([](AttentionSpec&) {}, {.rank = 0, .ranks = 7}),
            "[Attention] wanted at most as many ranks as heads 6, got 7");
}

TEST(AttentionErrors, MasksAreChecked) {
  const AttentionLayer layer(kGood);
  const auto run = [&](std::vector<ConstTensorView> masks) {
    return message_of([&] { layer.run({}, {.x = layer.inputs(4), .masks = masks}); });
  };
  const float values[64] = {};
  EXPECT_EQ(run({view_of(values, {4, 4})}), "nothing");
  EXPECT_EQ(run({ConstTensorView{}}), "nothing");
  EXPECT_EQ(run({view_of(values, {4, 5})}), "[] masks[0] wanted f32 [4, 4], got f32 [4, 5]");
  EXPECT_EQ(run({{}, {}}), "[] masks wanted one of each of 1 sequences, got 2");
}

TEST(AttentionErrors, WeightsAreChecked) {
  const AttentionLayer layer(kGood);
  AttentionWeights w = layer.weights(0, 1);
  w.k.shape = {5, 48};
  const Context context{.traits = query_device_traits(), .place = {0, "model.layers.3.self_attn"}};
  EXPECT_EQ(message_of([&] { Attention(kGood, w, {}, context); }),
            "[model.layers.3.self_attn] k_proj.weight wanted [32, 48], got [5, 48]");
  AttentionImplConfig impl{.many = FlashScores{.key_block = 4096}};
  EXPECT_EQ(message_of([&] { Attention(kGood, layer.weights(0, 1), impl, context); }),
            "[model.layers.3.self_attn] query_block and key_block wanted 1 to 64 and 1 to 128, got 60 and 4096");
  impl = {.state = Format::kF16};
  EXPECT_EQ(message_of([&] { Attention(kGood, layer.weights(0, 1), impl, context); }),
            "state format wanted one of f32, bf16, int8, bfp8_b, got f16");
}

TEST(AttentionSpecs, ConvertToTheCore) {
  const AttentionSpec mha = MultiHeadAttentionSpec{.hidden_dim = 24, .num_heads = 3};
  EXPECT_EQ(mha, (AttentionSpec{.hidden_dim = 24, .num_heads = 3, .num_kv_heads = 3, .head_dim = 8}));
  const AttentionSpec window = SlidingWindowAttentionSpec{
      .hidden_dim = 24, .num_heads = 4, .num_kv_heads = 2, .head_dim = 8, .window = 6, .global_tokens = 2};
  EXPECT_EQ(window.visible, (Visible{.behind = 5, .pinned = 2}));
  const AttentionSpec grouped = GroupedQueryAttentionSpec{.hidden_dim = 24, .num_heads = 4, .num_kv_heads = 2};
  EXPECT_EQ(grouped, (AttentionSpec{.hidden_dim = 24, .num_heads = 4, .num_kv_heads = 2, .head_dim = 6}));
  EXPECT_EQ(message_of([] {
              (void)AttentionSpec(
                  SlidingWindowAttentionSpec{.hidden_dim = 25, .num_heads = 4, .num_kv_heads = 2, .window = 6});
            }),
            "SlidingWindowAttentionSpec.head_dim wanted a number where hidden_dim does not divide by num_heads, got 25 "
            "and 4");
  EXPECT_EQ(message_of([] {
              (void)AttentionSpec(
                  GroupedQueryAttentionSpec{.hidden_dim = 24, .num_heads = 4, .num_kv_heads = 4, .head_dim = 8});
            }),
            "GroupedQueryAttentionSpec.num_kv_heads wanted a divisor of num_heads below it, got 4 of 4");
  EXPECT_EQ(message_of([] { (void)AttentionSpec(SlidingWindowAttentionSpec{.hidden_dim = 24}); }),
            "SlidingWindowAttentionSpec.window wanted a positive number, got 0");
}

}  // namespace
}  // namespace ttt
