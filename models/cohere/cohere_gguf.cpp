#include "models/cohere/cohere_gguf.h"

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
    {"attention.layer_norm_epsilon", "layer_norm_eps", GgufKeyKind::kNumber},
    {"rope.freq_base", "rope_theta", GgufKeyKind::kNumber},
    {"logit_scale", "logit_scale", GgufKeyKind::kNumber},
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
    {"blk.{}.attn_q_norm.weight", "model.layers.{}.self_attn.q_norm.weight"},
    {"blk.{}.attn_k_norm.weight", "model.layers.{}.self_attn.k_norm.weight"},
    {"blk.{}.ffn_gate.weight", "model.layers.{}.mlp.gate_proj.weight"},
    {"blk.{}.ffn_up.weight", "model.layers.{}.mlp.up_proj.weight"},
    {"blk.{}.ffn_down.weight", "model.layers.{}.mlp.down_proj.weight"},
};

// What llama.cpp takes from the tensors.
void complete(const GgufFile& file, Json& config) {
  config.set("attention_bias", Json(file.find_tensor("blk.0.attn_q.bias") != nullptr));
  if (file.find_tensor("blk.0.attn_q_norm.weight") != nullptr) config.set("use_qk_norm", Json(true));
}

constexpr GgufSpelling kSpellings[] = {{.architecture = "command-r",
                                        .model_type = "cohere",
                                        .hf_architecture = "CohereForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete},
                                       {.architecture = "cohere2",
                                        .model_type = "cohere2",
                                        .hf_architecture = "Cohere2ForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete}};

}  // namespace

std::span<const GgufSpelling> cohere_gguf_spellings() { return kSpellings; }

}  // namespace ttt
