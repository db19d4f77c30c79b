#include "models/llama4/llama4_gguf.h"

#include "base/json.h"
#include "checkpoint/gguf.h"

namespace ttt {
namespace {

constexpr GgufKey kKeys[] = {
    {"context_length", "max_position_embeddings"},
    {"embedding_length", "hidden_size"},
    {"block_count", "num_hidden_layers"},
    {"attention.head_count", "num_attention_heads"},
    {"attention.head_count_kv", "num_key_value_heads"},
    {"expert_feed_forward_length", "intermediate_size"},
    {"feed_forward_length", "intermediate_size_mlp"},
    {"attention.layer_norm_rms_epsilon", "rms_norm_eps", GgufKeyKind::kNumber},
    {"rope.freq_base", "rope_theta", GgufKeyKind::kNumber},
    {"expert_count", "num_local_experts"},
    {"expert_used_count", "num_experts_per_tok"},
    {"interleave_moe_layer_step", "interleave_moe_layer_step"},
    {"attention.sliding_window", "", GgufKeyKind::kMustBe, 0},
    {"attention.causal", "", GgufKeyKind::kMustBe, 1},
    // Read by llama.cpp for other architectures only.
    {"use_parallel_residual", "", GgufKeyKind::kHarmless},
};

constexpr GgufTensor kTensors[] = {
    {"token_embd.weight", "model.embed_tokens.weight"},
    {"output_norm.weight", "model.norm.weight"},
    {"output.weight", "lm_head.weight"},
    {"blk.{}.attn_norm.weight", "model.layers.{}.input_layernorm.weight"},
    {"blk.{}.attn_q.weight", "model.layers.{}.self_attn.q_proj.weight"},
    {"blk.{}.attn_q.bias", "model.layers.{}.self_attn.q_proj.bias"},
    {"blk.{}.attn_k.weight", "model.layers.{}.self_attn.k_proj.weight"},
    {"blk.{}.attn_k.bias", "model.layers.{}.self_attn.k_proj.bias"},
    {"blk.{}.attn_v.weight", "model.layers.{}.self_attn.v_proj.weight"},
    {"blk.{}.attn_v.bias", "model.layers.{}.self_attn.v_proj.bias"},
    {"blk.{}.attn_output.weight", "model.layers.{}.self_attn.o_proj.weight"},
    {"blk.{}.attn_output.bias", "model.layers.{}.self_attn.o_proj.bias"},
    {"blk.{}.ffn_norm.weight", "model.layers.{}.post_attention_layernorm.weight"},
    {"blk.{}.ffn_gate.weight", "model.layers.{}.feed_forward.gate_proj.weight"},
    {"blk.{}.ffn_up.weight", "model.layers.{}.feed_forward.up_proj.weight"},
    {"blk.{}.ffn_down.weight", "model.layers.{}.feed_forward.down_proj.weight"},
    {"blk.{}.ffn_gate_inp.weight", "model.layers.{}.feed_forward.router.weight"},
    {"blk.{}.ffn_gate_exps.weight", "model.layers.{}.feed_forward.experts.{}.gate_proj.weight"},
    {"blk.{}.ffn_up_exps.weight", "model.layers.{}.feed_forward.experts.{}.up_proj.weight"},
    {"blk.{}.ffn_down_exps.weight", "model.layers.{}.feed_forward.experts.{}.down_proj.weight"},
    {"blk.{}.ffn_gate_shexp.weight", "model.layers.{}.feed_forward.shared_expert.gate_proj.weight"},
    {"blk.{}.ffn_up_shexp.weight", "model.layers.{}.feed_forward.shared_expert.up_proj.weight"},
    {"blk.{}.ffn_down_shexp.weight", "model.layers.{}.feed_forward.shared_expert.down_proj.weight"},
};

// What llama.cpp has in its code: chunks and temperature as the class has them by default; a window of 0 says that all
// layers turn positions and see everything. The model of 128 experts has no norms of queries and keys.
void complete(const GgufFile& file, Json& config) {
  config.set("attention_bias", Json(file.find_tensor("blk.0.attn_q.bias") != nullptr));
  const Json* experts = config.find("num_local_experts");
  config.set("use_qk_norm", Json(experts == nullptr || *experts != Json(std::int64_t{128})));
  if (file.find("llama4.attention.sliding_window") == nullptr) return;
  config.set("attention_chunk_size", Json());
  const Json* layers = config.find("num_hidden_layers");
  if (layers != nullptr && layers->is_integer()) {
    config.set("no_rope_layer_interval", Json(layers->as_integer("num_hidden_layers") + 1));
  }
}

constexpr GgufSpelling kSpellings[] = {{.architecture = "llama4",
                                        .model_type = "llama4_text",
                                        .hf_architecture = "Llama4ForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete}};

}  // namespace

std::span<const GgufSpelling> llama4_gguf_spellings() { return kSpellings; }

}  // namespace ttt
