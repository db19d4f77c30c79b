#include "models/gpt_oss/gpt_oss_gguf.h"

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
    {"feed_forward_length", "", GgufKeyKind::kHarmless},
    {"attention.layer_norm_rms_epsilon", "rms_norm_eps", GgufKeyKind::kNumber},
    {"rope.freq_base", "rope_theta", GgufKeyKind::kNumber},
    {"expert_count", "num_local_experts"},
    {"expert_used_count", "num_experts_per_tok"},
    {"attention.sliding_window", "sliding_window"},
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
    {"blk.{}.attn_sinks.weight", "model.layers.{}.self_attn.sinks"},
    {"blk.{}.post_attention_norm.weight", "model.layers.{}.post_attention_layernorm.weight"},
    {"blk.{}.ffn_gate_inp.weight", "model.layers.{}.mlp.router.weight"},
    {"blk.{}.ffn_gate_inp.bias", "model.layers.{}.mlp.router.bias"},
    {"blk.{}.ffn_gate_exps.weight", "model.layers.{}.mlp.experts.{}.gate_proj.weight"},
    {"blk.{}.ffn_gate_exps.bias", "model.layers.{}.mlp.experts.{}.gate_proj.bias"},
    {"blk.{}.ffn_up_exps.weight", "model.layers.{}.mlp.experts.{}.up_proj.weight"},
    {"blk.{}.ffn_up_exps.bias", "model.layers.{}.mlp.experts.{}.up_proj.bias"},
    {"blk.{}.ffn_down_exps.weight", "model.layers.{}.mlp.experts.{}.down_proj.weight"},
    {"blk.{}.ffn_down_exps.bias", "model.layers.{}.mlp.experts.{}.down_proj.bias"},
};

// What the files leave out: YaRN's limits are not rounded in this architecture.
void complete(const GgufFile& file, Json& config) {
  config.set("attention_bias", Json(file.find_tensor("blk.0.attn_q.bias") != nullptr));
  Json rope = config.find("rope_scaling") != nullptr ? *config.find("rope_scaling") : Json(Json::Object{});
  if (rope.find("rope_type") != nullptr && *rope.find("rope_type") == Json("yarn")) rope.set("truncate", Json(false));
  if (rope.find("rope_type") == nullptr) rope.set("rope_type", Json("default"));
  config.set("rope_scaling", rope);
}

constexpr GgufSpelling kSpellings[] = {{.architecture = "gpt-oss",
                                        .model_type = "gpt_oss",
                                        .hf_architecture = "GptOssForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete}};

}  // namespace

std::span<const GgufSpelling> gpt_oss_gguf_spellings() { return kSpellings; }

}  // namespace ttt
