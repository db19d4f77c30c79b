#include "models/deepseek/deepseek_gguf.h"

#include <optional>

#include "base/json.h"
#include "checkpoint/gguf.h"

namespace ttt {
namespace {

constexpr GgufKey kKeys[] = {
    {"context_length", "max_position_embeddings"},
    {"embedding_length", "hidden_size"},
    {"block_count", "num_hidden_layers"},
    {"attention.head_count", "num_attention_heads"},
    {"attention.head_count_kv", "", GgufKeyKind::kHarmless},
    {"feed_forward_length", "intermediate_size"},
    {"attention.layer_norm_rms_epsilon", "rms_norm_eps", GgufKeyKind::kNumber},
    {"rope.freq_base", "rope_theta", GgufKeyKind::kNumber},
    {"attention.q_lora_rank", "q_lora_rank"},
    {"attention.kv_lora_rank", "kv_lora_rank"},
    {"expert_count", "n_routed_experts"},
    {"expert_used_count", "num_experts_per_tok"},
    {"expert_feed_forward_length", "moe_intermediate_size"},
    {"expert_shared_count", "n_shared_experts"},
    {"expert_weights_scale", "routed_scaling_factor", GgufKeyKind::kNumber},
    {"expert_weights_norm", "norm_topk_prob", GgufKeyKind::kBoolean},
    {"expert_group_count", "n_group"},
    {"expert_group_used_count", "topk_group"},
    {"leading_dense_block_count", "first_k_dense_replace"},
    {"nextn_predict_layers", "num_nextn_predict_layers"},
    {"attention.causal", "", GgufKeyKind::kMustBe, 1},
    // Read by complete().
    {"attention.key_length", "", GgufKeyKind::kHarmless},
    {"attention.value_length", "", GgufKeyKind::kHarmless},
    {"attention.key_length_mla", "", GgufKeyKind::kHarmless},
    {"attention.value_length_mla", "", GgufKeyKind::kHarmless},
    {"rope.dimension_count", "qk_rope_head_dim"},
    {"rope.scaling.yarn_log_multiplier", "", GgufKeyKind::kHarmless},
    {"expert_gating_func", "", GgufKeyKind::kHarmless},
    // Read by llama.cpp for other architectures only.
    {"use_parallel_residual", "", GgufKeyKind::kHarmless},
};

constexpr GgufTensor kTensors[] = {
    {"token_embd.weight", "model.embed_tokens.weight"},
    {"output_norm.weight", "model.norm.weight"},
    {"output.weight", "lm_head.weight"},
    {"blk.{}.attn_norm.weight", "model.layers.{}.input_layernorm.weight"},
    {"blk.{}.attn_q.weight", "model.layers.{}.self_attn.q_proj.weight"},
    {"blk.{}.attn_q_a.weight", "model.layers.{}.self_attn.q_a_proj.weight"},
    {"blk.{}.attn_q_a_norm.weight", "model.layers.{}.self_attn.q_a_layernorm.weight"},
    {"blk.{}.attn_q_b.weight", "model.layers.{}.self_attn.q_b_proj.weight"},
    {"blk.{}.attn_kv_a_mqa.weight", "model.layers.{}.self_attn.kv_a_proj_with_mqa.weight"},
    {"blk.{}.attn_kv_a_norm.weight", "model.layers.{}.self_attn.kv_a_layernorm.weight"},
    {"blk.{}.attn_kv_b.weight", "model.layers.{}.self_attn.kv_b_proj.weight"},
    {"blk.{}.attn_k_b.weight", "model.layers.{}.self_attn.k_b_proj.weight", GgufChange::kJoinedTransposed},
    {"blk.{}.attn_v_b.weight", "model.layers.{}.self_attn.v_b_proj.weight", GgufChange::kJoined},
    {"blk.{}.attn_output.weight", "model.layers.{}.self_attn.o_proj.weight"},
    {"blk.{}.ffn_norm.weight", "model.layers.{}.post_attention_layernorm.weight"},
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

std::optional<double> number(const GgufFile& file, std::string_view key) {
  const std::string whole = text(file.architecture(), ".", key);
  if (file.find(whole) == nullptr) return std::nullopt;
  return file.number(whole);
}

// Widths of heads are those of the latents in newer files, which state both. The file's number is a tenth of YaRN's
// mscale_all_dim, which llama.cpp takes for mscale too.
void complete(const GgufFile& file, Json& config) {
  const std::optional<double> rope = number(file, "rope.dimension_count");
  std::optional<double> key = number(file, "attention.key_length_mla"),
                        value = number(file, "attention.value_length_mla");
  if (!key) key = number(file, "attention.key_length");
  if (!value) value = number(file, "attention.value_length");
  if (rope && key) config.set("qk_nope_head_dim", Json(static_cast<std::int64_t>(*key - *rope)));
  if (value) config.set("v_head_dim", Json(static_cast<std::int64_t>(*value)));
  if (rope) config.set("head_dim", Json(static_cast<std::int64_t>(*rope)));
  if (config.find("q_lora_rank") == nullptr) config.set("q_lora_rank", Json());
  const std::optional<double> magnitude = number(file, "rope.scaling.yarn_log_multiplier");
  if (const Json* scaling = config.find("rope_scaling"); scaling != nullptr && magnitude) {
    Json changed = *scaling;
    for (const char* name : {"mscale", "mscale_all_dim"}) changed.set(name, Json(10 * *magnitude));
    config.set("rope_scaling", changed);
  }
  if (number(file, "expert_gating_func").value_or(1) == 2) {
    config.set("model_type", Json("deepseek_v3"));
    config.set("architectures", Json(Json::Array{Json("DeepseekV3ForCausalLM")}));
    return;
  }
  const Json* groups = config.find("n_group");
  const bool grouped = groups != nullptr && groups->is_integer() && groups->as_integer("n_group") > 1;
  config.set("topk_method", Json(grouped ? "group_limited_greedy" : "greedy"));
}

constexpr GgufSpelling kSpellings[] = {{.architecture = "deepseek2",
                                        .model_type = "deepseek_v2",
                                        .hf_architecture = "DeepseekV2ForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete}};

}  // namespace

std::span<const GgufSpelling> deepseek_gguf_spellings() { return kSpellings; }

}  // namespace ttt
