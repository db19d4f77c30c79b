#include <algorithm>

#include "attention/attention.h"
#include "attention/cross_attention.h"
#include "attention/latent_attention.h"
#include "compatibility/option.h"

namespace ttt::compatibility {
namespace {

// Four heads over two of keys and values, so that one to four ranks have uneven shares of both.
AttentionSpec grouped(std::int64_t hidden) {
  return {.hidden_dim = hidden, .num_heads = 4, .num_kv_heads = 2, .head_dim = hidden / 4};
}

class List {
 public:
  explicit List(std::int64_t hidden) : hidden_(hidden) {}

  // The plain Spec as `change` leaves it.
  Option& add(std::string name, const std::function<void(AttentionSpec&)>& change) {
    AttentionSpec spec = grouped(hidden_);
    change(spec);
    return add_spec(std::move(name), spec);
  }
  Option& add_spec(std::string name, const AttentionSpec& spec) {
    const std::int64_t hidden = hidden_;
    return all.emplace_back(
        Option{.block = "Attention", .name = std::move(name), .build = [spec, hidden](const Scope& s) {
                 return instance<Attention>(s, spec, hidden);
               }});
  }
  Option& turned(std::string name, const std::function<void(RoPESpec&)>& change) {
    RoPESpec rope{.rotary_dim = hidden_ / 4, .base = 100};
    change(rope);
    return add("position: RoPE, " + name, [&](AttentionSpec& s) { s.position = rope; });
  }

  Options all;

 private:
  std::int64_t hidden_;
};

void add_shapes(List& list, std::int64_t hidden) {
  list.add("grouped: 4 heads over 2 of keys and values", [](AttentionSpec&) {});
  list.add("multi-head: num_kv_heads 4", [](AttentionSpec& s) { s.num_kv_heads = 4; });
  list.add("multi-query: num_kv_heads 1", [](AttentionSpec& s) { s.num_kv_heads = 1; });
  list.add("9 heads over 3, head_dim 16",
           [](AttentionSpec& s) { s.num_heads = 9, s.num_kv_heads = 3, s.head_dim = 16; });
  list.add("2 heads", [](AttentionSpec& s) { s.num_heads = 2; });
  list.add("head_dim 20 (heads are wider than hidden_dim)", [](AttentionSpec& s) { s.head_dim = 20; });
  list.add("value_dim 24", [](AttentionSpec& s) { s.value_dim = 24; });
  list.add("scale", [](AttentionSpec& s) { s.scale = 0.4f; });
  list.add_spec("MultiHeadAttentionSpec", MultiHeadAttentionSpec{.hidden_dim = hidden, .num_heads = 4});
  list.add_spec("MultiHeadAttentionSpec, not causal",
                MultiHeadAttentionSpec{.hidden_dim = hidden, .num_heads = 4, .causal = false})
      .whole_sequences = true;
  list.add_spec(
          "GroupedQueryAttentionSpec",
          GroupedQueryAttentionSpec{.hidden_dim = hidden, .num_heads = 4, .num_kv_heads = 2, .head_dim = hidden / 4})
      .same_answer = true;
  list.add_spec("SlidingWindowAttentionSpec",
                SlidingWindowAttentionSpec{
                    .hidden_dim = hidden, .num_heads = 4, .num_kv_heads = 2, .head_dim = hidden / 4, .window = 3});
}

void add_visibility(List& list) {
  list.add("visible: bidirectional", [](AttentionSpec& s) { s.visible.ahead = Visible::kAll; }).whole_sequences = true;
  list.add("visible: window of 3", [](AttentionSpec& s) { s.visible.behind = 2; });
  list.add("visible: window of 3, 2 pinned", [](AttentionSpec& s) { s.visible.behind = 2, s.visible.pinned = 2; });
  list.add("visible: chunks of 4", [](AttentionSpec& s) { s.visible.chunk = 4; });
  list.add("mask of the step", [](AttentionSpec&) {}).masks = true;
}

void add_positions(List& list, std::int64_t hidden) {
  const auto pairs = static_cast<std::size_t>(hidden / 8);
  list.turned("half-split", [](RoPESpec&) {});
  list.turned("interleaved", [](RoPESpec& r) { r.layout = RotaryLayout::kInterleaved; });
  list.turned("partial", [](RoPESpec& r) { r.rotary_dim /= 2; });
  list.turned("scaling linear", [](RoPESpec& r) { r.scaling = LinearScaling{.factor = 4}; });
  list.turned("scaling dynamic", [](RoPESpec& r) {
    r.scaling = DynamicNTKScaling{.factor = 2, .original_max_position_embeddings = 8};
    r.context = kContext;
  });
  list.turned("scaling llama3", [](RoPESpec& r) { r.scaling = Llama3Scaling{.original_max_position_embeddings = 8}; });
  list.turned("scaling yarn",
              [](RoPESpec& r) { r.scaling = YaRNScaling{.factor = 4, .original_max_position_embeddings = 8}; });
  list.turned("scaling longrope", [pairs](RoPESpec& r) {
    r.scaling = LongRoPEScaling{.short_factor = std::vector<float>(pairs, 1.5f),
                                .long_factor = std::vector<float>(pairs, 3.0f),
                                .factor = 2,
                                .original_max_position_embeddings = 8};
    r.context = kContext;
  });
  list.turned("scaling proportional", [](RoPESpec& r) { r.scaling = ProportionalScaling{.proportion = 0.5}; });
  list.turned("freq_factors", [pairs](RoPESpec& r) { r.freq_factors.assign(pairs, 2.5f); });
  const auto sections = [pairs](RoPESpec& r) {
    const auto part = static_cast<std::int64_t>(pairs) / 4;
    r.sections = {static_cast<std::int64_t>(pairs) - 2 * part, part, part};
  };
  list.turned("three axes in sections", sections).position_axes = 3;
  list.turned("three axes, interleaved", [&](RoPESpec& r) { sections(r), r.interleaved_sections = true; })
      .position_axes = 3;
  list.add("position: ALiBi", [](AttentionSpec& s) { s.position = ALiBiSpec{}; });
  list.add("position: relative bias", [](AttentionSpec& s) {
    s.position = RelativeBiasSpec{.num_buckets = 8, .max_distance = 10, .bidirectional = false};
  });
  list.add("position: relative bias, bidirectional",
           [](AttentionSpec& s) {
             s.position = RelativeBiasSpec{.num_buckets = 8, .max_distance = 10};
             s.visible.ahead = Visible::kAll;
           })
      .whole_sequences = true;
}

void add_scores(List& list) {
  list.add("soft_cap", [](AttentionSpec& s) { s.soft_cap = 1.5f; });
  list.add("sinks", [](AttentionSpec& s) { s.sinks = true; });
  list.add("qk_norm per head", [](AttentionSpec& s) { s.qk_norm = RMSNormSpec{}; });
  list.add("qk_layer_norm", [](AttentionSpec& s) { s.qk_layer_norm = LayerNormSpec{.bias = false}; });
  list.add("qk_layer_norm shared, with a bias",
           [](AttentionSpec& s) { s.qk_layer_norm = LayerNormSpec{}, s.qk_layer_norm_shared = true; });
  list.add("qkv_clip", [](AttentionSpec& s) { s.qkv_clip = 0.5f; });
  list.add("qk_norm not affine (L2)", [](AttentionSpec& s) { s.qk_norm = RMSNormSpec{.affine = false}; });
  list.add("qk_norm whole", [](AttentionSpec& s) { s.qk_norm = RMSNormSpec{}, s.qk_norm_whole = true; });
  list.add("v_norm", [](AttentionSpec& s) { s.v_norm = RMSNormSpec{}; });
  list.add("temperature", [](AttentionSpec& s) { s.temperature = TemperatureSpec{.scale = 0.5f, .floor_scale = 2}; });
  list.add("q_bias", [](AttentionSpec& s) { s.q_bias = true; });
  // Without positions a bias of keys moves all scores of a query alike.
  list.add("k_bias, with RoPE",
           [](AttentionSpec& s) { s.k_bias = true, s.position = RoPESpec{.rotary_dim = s.head_dim}; });
  list.add("v_bias", [](AttentionSpec& s) { s.v_bias = true; });
  list.add("o_bias", [](AttentionSpec& s) { s.o_bias = true; });
  list.add("gate", [](AttentionSpec& s) { s.gate = true; });
  list.add("gate with gate_bias", [](AttentionSpec& s) { s.gate = s.gate_bias = true; });
}

// A second block whose queries read what the first has stored.
Instance sharing(const Scope& scope, const AttentionSpec& spec) {
  auto first = std::make_shared<const Attention>(make<Attention>(scope / "first", spec));
  AttentionSpec second_spec = spec;
  second_spec.shares_rows = true;
  auto second = std::make_shared<const Attention>(make<Attention>(scope / kPath, second_spec));
  scope.tree().states.back().shared_slot = 0;
  return {.forward =
              [first, second](const Call& c) {
                first->forward(c.exec, c.x, c.step, c.y);
                second->forward(c.exec, c.x, c.step, c.y);
              },
          .x_width = spec.hidden_dim,
          .y_width = spec.hidden_dim};
}

void add_ways(List& list, std::int64_t hidden) {
  for (const Format f : {Format::kF32, Format::kBF16, Format::kInt8, Format::kBfp8B}) {
    Option& o = list.add(text("rows stored in ", name_of(f)), [](AttentionSpec&) {});
    o.state = f, o.same_answer = true;
  }
  const auto way = [&](std::string name, std::string impl) {
    Option& o = list.add(std::move(name), [](AttentionSpec&) {});
    o.impl = std::move(impl), o.same_answer = true;
  };
  way("scores: flash, blocks of 3 queries and 2 keys",
      R"({"many": {"kind": "flash", "query_block": 3, "key_block": 2}, "one": {"kind": "flash", "key_block": 2}})");
  way("scores: full", R"({"many": {"kind": "full"}, "one": {"kind": "full"}})");
  way("scores: reference", R"({"many": {"kind": "reference"}, "one": {"kind": "reference"}})");
  list.all.push_back({.block = "Attention",
                      .name = "shares_rows of an earlier block",
                      .build = [hidden](const Scope& s) { return sharing(s, grouped(hidden)); }});
  list.all.push_back({.block = "Attention", .name = "added to the stream", .build = [hidden](const Scope& s) {
                        return adding<Attention>(s, grouped(hidden), hidden);
                      }});
  list.all.push_back(
      {.block = "Attention", .name = "a multiple added to the stream", .build = [hidden](const Scope& s) {
         return adding<Attention>(s, grouped(hidden), hidden, Adding::kQuarter);
       }});
}

Instance crossing(const Scope& scope, const CrossAttentionSpec& spec) {
  auto block = std::make_shared<const CrossAttention>(make<CrossAttention>(scope / kPath, spec));
  const std::int64_t source = spec.source_dim > 0 ? spec.source_dim : spec.hidden_dim;
  return {.forward = [block](const Call& c) { block->forward(c.exec, c.x, c.step, c.y); },
          .store = [block, source](const Call& c) { block->store(c.exec, columns_of(c.x, 0, source), c.step); },
          .x_width = spec.hidden_dim,
          .y_width = spec.hidden_dim};
}

}  // namespace

Options attention_options(std::int64_t hidden) {
  List list(hidden);
  add_shapes(list, hidden);
  add_visibility(list);
  add_positions(list, hidden);
  add_scores(list);
  add_ways(list, hidden);
  return list.all;
}

Options cross_attention_options(std::int64_t hidden) {
  Options all;
  const auto add = [&](std::string name, const std::function<void(CrossAttentionSpec&)>& change) -> Option& {
    CrossAttentionSpec spec{.hidden_dim = hidden,
                            .num_heads = 4,
                            .num_kv_heads = 2,
                            .head_dim = hidden / 4,
                            .max_source_rows = kSourceRows};
    change(spec);
    return all.emplace_back(Option{.block = "CrossAttention", .name = std::move(name), .build = [spec](const Scope& s) {
                                     return crossing(s, spec);
                                   }});
  };
  add("grouped: 4 heads over 2 of keys and values", [](CrossAttentionSpec&) {});
  add("multi-head: num_kv_heads 4", [](CrossAttentionSpec& s) { s.num_kv_heads = 4; });
  add("source_dim 32", [](CrossAttentionSpec& s) { s.source_dim = 32; });
  add("value_dim 24", [](CrossAttentionSpec& s) { s.value_dim = 24; });
  add("scale", [](CrossAttentionSpec& s) { s.scale = 0.4f; });
  add("q_bias", [](CrossAttentionSpec& s) { s.q_bias = true; });
  // It moves all scores of a query alike, and so not the softmax.
  add("k_bias", [](CrossAttentionSpec& s) { s.k_bias = true; }).same_answer = true;
  add("v_bias and o_bias", [](CrossAttentionSpec& s) { s.v_bias = s.o_bias = true; });
  for (const Format f : {Format::kBF16, Format::kInt8, Format::kBfp8B}) {
    Option& o = add(text("rows stored in ", name_of(f)), [](CrossAttentionSpec&) {});
    o.state = f, o.same_answer = true;
  }
  return all;
}

Options latent_attention_options(std::int64_t hidden) {
  Options all;
  const auto add = [&](std::string name, const std::function<void(MultiHeadLatentAttentionSpec&)>& change) -> Option& {
    MultiHeadLatentAttentionSpec spec{.hidden_dim = hidden,
                                      .num_heads = 4,
                                      .kv_lora_rank = hidden / 2,
                                      .qk_nope_head_dim = hidden / 4,
                                      .qk_rope_head_dim = 8,
                                      .v_head_dim = hidden / 4,
                                      .rope = {.rotary_dim = 8, .base = 100}};
    change(spec);
    return all.emplace_back(
        Option{.block = "MultiHeadLatentAttention", .name = std::move(name), .build = [spec](const Scope& s) {
                 return instance<MultiHeadLatentAttention>(s, spec, spec.hidden_dim);
               }});
  };
  add("q from x by one projection", [](MultiHeadLatentAttentionSpec&) {});
  add("q_lora_rank 32", [](MultiHeadLatentAttentionSpec& s) { s.q_lora_rank = 32; });
  add("rope interleaved", [](MultiHeadLatentAttentionSpec& s) { s.rope.layout = RotaryLayout::kInterleaved; });
  add("rope yarn with mscale_all_dim", [](MultiHeadLatentAttentionSpec& s) {
    s.rope.scaling = YaRNScaling{.factor = 4, .original_max_position_embeddings = 8, .mscale = 1, .mscale_all_dim = 1};
  });
  add("scale", [](MultiHeadLatentAttentionSpec& s) { s.scale = 0.4f; });
  add("norm_eps", [](MultiHeadLatentAttentionSpec& s) { s.norm_eps = 0.1f; });
  add("bias", [](MultiHeadLatentAttentionSpec& s) { s.q_lora_rank = 32, s.bias = true; });
  add("v_head_dim 20", [](MultiHeadLatentAttentionSpec& s) { s.v_head_dim = 20; });
  Option& naive = add("form naive", [](MultiHeadLatentAttentionSpec&) {});
  naive.impl = R"({"form": {"kind": "naive"}})", naive.same_answer = true;
  for (const Format f : {Format::kBF16, Format::kInt8, Format::kBfp8B}) {
    Option& o = add(text("latents stored in ", name_of(f)), [](MultiHeadLatentAttentionSpec&) {});
    o.state = f, o.same_answer = true;
  }
  return all;
}

}  // namespace ttt::compatibility
