#include "models/qwen/qwen_gguf.h"

#include "base/json.h"
#include "checkpoint/gguf.h"

namespace ttt {
namespace {

constexpr GgufKey kKeys[] = {
    {"context_length", "max_position_embeddings"},
    {"embedding_length", "hidden_size"},
    {"block_count", "num_hidden_layers"},
    {"feed_forward_length", "intermediate_size"},
    {"attention.head_count", "num_attention_heads"},
    {"attention.head_count_kv", "num_key_value_heads"},
    {"attention.layer_norm_rms_epsilon", "rms_norm_eps", GgufKeyKind::kNumber},
    {"rope.freq_base", "rope_theta", GgufKeyKind::kNumber},
    {"expert_count", "num_experts"},
    {"expert_used_count", "num_experts_per_tok"},
    {"expert_feed_forward_length", "moe_intermediate_size"},
    {"expert_shared_feed_forward_length", "shared_expert_intermediate_size"},
    {"attention.causal", "", GgufKeyKind::kMustBe, 1},
    // Read by llama.cpp for other architectures only.
    {"use_parallel_residual", "", GgufKeyKind::kHarmless},
    {"attention.layer_norm_epsilon", "", GgufKeyKind::kHarmless},
};

constexpr GgufTensor kTensors[] = {
    {"token_embd.weight", "model.embed_tokens.weight"},
    {"output_norm.weight", "model.norm.weight"},
    {"output.weight", "lm_head.weight"},
    {"blk.{}.attn_norm.weight", "model.layers.{}.input_layernorm.weight"},
    {"blk.{}.attn_q.weight", "model.layers.{}.self_attn.q_proj.weight"},
    {"blk.{}.attn_q.bias", "model.layers.{}.self_attn.q_proj.bias"},
    {"blk.{}.attn_q_norm.weight", "model.layers.{}.self_attn.q_norm.weight"},
    {"blk.{}.attn_k.weight", "model.layers.{}.self_attn.k_proj.weight"},
    {"blk.{}.attn_k.bias", "model.layers.{}.self_attn.k_proj.bias"},
    {"blk.{}.attn_k_norm.weight", "model.layers.{}.self_attn.k_norm.weight"},
    {"blk.{}.attn_v.weight", "model.layers.{}.self_attn.v_proj.weight"},
    {"blk.{}.attn_v.bias", "model.layers.{}.self_attn.v_proj.bias"},
    {"blk.{}.attn_output.weight", "model.layers.{}.self_attn.o_proj.weight"},
    {"blk.{}.attn_output.bias", "model.layers.{}.self_attn.o_proj.bias"},
    {"blk.{}.ffn_norm.weight", "model.layers.{}.post_attention_layernorm.weight"},
    {"blk.{}.ffn_gate.weight", "model.layers.{}.mlp.gate_proj.weight"},
    {"blk.{}.ffn_up.weight", "model.layers.{}.mlp.up_proj.weight"},
    {"blk.{}.ffn_down.weight", "model.layers.{}.mlp.down_proj.weight"},
    {"blk.{}.ffn_gate_inp.weight", "model.layers.{}.mlp.gate.weight"},
    {"blk.{}.ffn_gate_exps.weight", "model.layers.{}.mlp.experts.{}.gate_proj.weight"},
    {"blk.{}.ffn_up_exps.weight", "model.layers.{}.mlp.experts.{}.up_proj.weight"},
    {"blk.{}.ffn_down_exps.weight", "model.layers.{}.mlp.experts.{}.down_proj.weight"},
    {"blk.{}.ffn_gate_inp_shexp.weight", "model.layers.{}.mlp.shared_expert_gate.weight", GgufChange::kAsRow},
    {"blk.{}.ffn_gate_shexp.weight", "model.layers.{}.mlp.shared_expert.gate_proj.weight"},
    {"blk.{}.ffn_up_shexp.weight", "model.layers.{}.mlp.shared_expert.up_proj.weight"},
    {"blk.{}.ffn_down_shexp.weight", "model.layers.{}.mlp.shared_expert.down_proj.weight"},
};

void set_missing(Json& config, std::string_view key, std::int64_t value) {
  if (config.find(key) == nullptr) config.set(key, Json(value));
}

// What llama.cpp has in its code or takes from the tensors.
void complete(const GgufFile& file, Json& config) {
  file.number(text(file.architecture(), ".attention.layer_norm_rms_epsilon"));  // neither side has a default for it
  const bool bias = file.find_tensor("blk.0.attn_q.bias") != nullptr;
  config.set("qkv_bias", Json(bias));
  config.set("attention_bias", Json(bias && file.find_tensor("blk.0.attn_output.bias") != nullptr));
  config.set("norm_topk_prob", Json(file.architecture() == "qwen3moe"));
  for (const auto& [tensor, key] : {std::pair{"blk.0.ffn_gate_exps.weight", "moe_intermediate_size"},
                                    {"blk.0.ffn_gate_shexp.weight", "shared_expert_intermediate_size"}}) {
    const StoredTensor* stored = file.find_tensor(tensor);
    if (stored != nullptr && stored->shape.rank() >= 2) {
      set_missing(config, key, stored->shape[stored->shape.rank() - 2]);
    }
  }
}

constexpr GgufSpelling spelling(std::string_view architecture, std::string_view model_type, std::string_view hf) {
  return {.architecture = architecture,
          .model_type = model_type,
          .hf_architecture = hf,
          .keys = kKeys,
          .tensors = kTensors,
          .complete = complete};
}

constexpr GgufSpelling kSpellings[] = {
    spelling("qwen2", "qwen2", "Qwen2ForCausalLM"), spelling("qwen3", "qwen3", "Qwen3ForCausalLM"),
    spelling("qwen2moe", "qwen2_moe", "Qwen2MoeForCausalLM"), spelling("qwen3moe", "qwen3_moe", "Qwen3MoeForCausalLM")};

}  // namespace

std::span<const GgufSpelling> qwen_gguf_spellings() { return kSpellings; }

}  // namespace ttt
