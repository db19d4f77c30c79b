#include "models/glm4_moe/glm4_moe_gguf.h"

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
    {"feed_forward_length", "intermediate_size"},
    {"attention.layer_norm_rms_epsilon", "rms_norm_eps", GgufKeyKind::kNumber},
    {"rope.freq_base", "rope_theta", GgufKeyKind::kNumber},
    {"expert_count", "n_routed_experts"},
    {"expert_used_count", "num_experts_per_tok"},
    {"expert_feed_forward_length", "moe_intermediate_size"},
    {"expert_shared_count", "n_shared_experts"},
    {"expert_weights_scale", "routed_scaling_factor", GgufKeyKind::kNumber},
    {"expert_weights_norm", "norm_topk_prob", GgufKeyKind::kBoolean},
    {"expert_group_count", "n_group"},
    {"expert_group_used_count", "topk_group"},
    {"leading_dense_block_count", "first_k_dense_replace"},
    {"expert_gating_func", "", GgufKeyKind::kMustBe, 2},
    {"nextn_predict_layers", "num_nextn_predict_layers"},
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
    {"blk.{}.attn_q_norm.weight", "model.layers.{}.self_attn.q_norm.weight"},
    {"blk.{}.attn_k_norm.weight", "model.layers.{}.self_attn.k_norm.weight"},
    {"blk.{}.post_attention_norm.weight", "model.layers.{}.post_attention_layernorm.weight"},
    {"blk.{}.ffn_gate.weight", "model.layers.{}.mlp.gate_proj.weight"},
    {"blk.{}.ffn_up.weight", "model.layers.{}.mlp.up_proj.weight"},
    {"blk.{}.ffn_down.weight", "model.layers.{}.mlp.down_proj.weight"},
    {"blk.{}.ffn_gate_inp.weight", "model.layers.{}.mlp.gate.weight"},
    {"blk.{}.exp_probs_b.bias", "model.layers.{}.mlp.gate.e_score_correction_bias"},
    {"blk.{}.ffn_gate_exps.weight", "model.layers.{}.mlp.experts.{}.gate_proj.weight"},
    {"blk.{}.ffn_up_exps.weight", "model.layers.{}.mlp.experts.{}.up_proj.weight"},
    {"blk.{}.ffn_down_exps.weight", "model.layers.{}.mlp.experts.{}.down_proj.weight"},
    {"blk.{}.ffn_gate_shexp.weight", "model.layers.{}.mlp.shared_experts.gate_proj.weight"},
    {"blk.{}.ffn_up_shexp.weight", "model.layers.{}.mlp.shared_experts.up_proj.weight"},
    {"blk.{}.ffn_down_shexp.weight", "model.layers.{}.mlp.shared_experts.down_proj.weight"},
};

// What llama.cpp takes from the tensors, or counts in another way.
void complete(const GgufFile& file, Json& config) {
  const auto number = [&](std::string_view key) {
    const Json* v = config.find(key);
    return v != nullptr && v->is_integer() ? v->as_integer(key) : 0;
  };
  config.set("num_hidden_layers", Json(number("num_hidden_layers") - number("num_nextn_predict_layers")));
  config.set("attention_bias", Json(file.find_tensor("blk.0.attn_q.bias") != nullptr));
  config.set("use_qk_norm", Json(file.find_tensor("blk.0.attn_q_norm.weight") != nullptr));
  if (config.find("partial_rotary_factor") == nullptr) config.set("partial_rotary_factor", Json(1.0));
}

constexpr GgufSpelling kSpellings[] = {{.architecture = "glm4moe",
                                        .model_type = "glm4_moe",
                                        .hf_architecture = "Glm4MoeForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete}};

}  // namespace

std::span<const GgufSpelling> glm4_moe_gguf_spellings() { return kSpellings; }

}  // namespace ttt
