#pragma once

#include "base/json.h"
#include "checkpoint/gguf.h"
#include "checkpoint/gguf_spelling.h"

namespace ttt {

// GGUF files of the architecture "llama" (Llama 1 to 3, Mistral, Mixtral, SmolLM2 and others of that shape), as
// convert_hf_to_gguf.py of ggml-org/llama.cpp writes them: rows of q and k are in the order of the interleaved
// layout; llama3 scaling is in the tensor rope_freqs.weight. Files with experts are Mixtral's.
inline std::span<const GgufSpelling> llama_gguf_spellings() {
  static constexpr GgufKey kKeys[] = {
      {"context_length", "max_position_embeddings"},
      {"embedding_length", "hidden_size"},
      {"block_count", "num_hidden_layers"},
      {"feed_forward_length", "intermediate_size"},
      {"attention.head_count", "num_attention_heads"},
      {"attention.head_count_kv", "num_key_value_heads"},
      {"attention.layer_norm_rms_epsilon", "rms_norm_eps", GgufKeyKind::kNumber},
      {"rope.freq_base", "rope_theta", GgufKeyKind::kNumber},
      {"attention.sliding_window", "sliding_window"},
      {"expert_count", "num_local_experts"},
      {"expert_used_count", "num_experts_per_tok"},
      {"attention.causal", "", GgufKeyKind::kMustBe, 1},
      // Read by llama.cpp for other architectures only.
      {"use_parallel_residual", "", GgufKeyKind::kHarmless},
      {"attention.layer_norm_epsilon", "", GgufKeyKind::kHarmless},
      {"logit_scale", "", GgufKeyKind::kMustBe, 1},
      {"residual_scale", "", GgufKeyKind::kMustBe, 1},
      {"embedding_scale", "", GgufKeyKind::kMustBe, 1},
  };
  static constexpr GgufTensor kTensors[] = {
      {"token_embd.weight", "model.embed_tokens.weight"},
      {"output_norm.weight", "model.norm.weight"},
      {"output.weight", "lm_head.weight"},
      {"blk.{}.attn_norm.weight", "model.layers.{}.input_layernorm.weight"},
      {"blk.{}.attn_q.weight", "model.layers.{}.self_attn.q_proj.weight", GgufChange::kUnpermuteHeads},
      {"blk.{}.attn_q.bias", "model.layers.{}.self_attn.q_proj.bias", GgufChange::kUnpermuteHeads},
      {"blk.{}.attn_k.weight", "model.layers.{}.self_attn.k_proj.weight", GgufChange::kUnpermuteKvHeads},
      {"blk.{}.attn_k.bias", "model.layers.{}.self_attn.k_proj.bias", GgufChange::kUnpermuteKvHeads},
      {"blk.{}.attn_v.weight", "model.layers.{}.self_attn.v_proj.weight"},
      {"blk.{}.attn_v.bias", "model.layers.{}.self_attn.v_proj.bias"},
      {"blk.{}.attn_output.weight", "model.layers.{}.self_attn.o_proj.weight"},
      {"blk.{}.attn_output.bias", "model.layers.{}.self_attn.o_proj.bias"},
      {"blk.{}.ffn_norm.weight", "model.layers.{}.post_attention_layernorm.weight"},
      {"blk.{}.ffn_gate.weight", "model.layers.{}.mlp.gate_proj.weight"},
      {"blk.{}.ffn_gate.bias", "model.layers.{}.mlp.gate_proj.bias"},
      {"blk.{}.ffn_up.weight", "model.layers.{}.mlp.up_proj.weight"},
      {"blk.{}.ffn_up.bias", "model.layers.{}.mlp.up_proj.bias"},
      {"blk.{}.ffn_down.weight", "model.layers.{}.mlp.down_proj.weight"},
      {"blk.{}.ffn_down.bias", "model.layers.{}.mlp.down_proj.bias"},
      {"blk.{}.ffn_gate_inp.weight", "model.layers.{}.block_sparse_moe.gate.weight"},
      {"blk.{}.ffn_gate_exps.weight", "model.layers.{}.block_sparse_moe.experts.{}.w1.weight"},
      {"blk.{}.ffn_up_exps.weight", "model.layers.{}.block_sparse_moe.experts.{}.w3.weight"},
      {"blk.{}.ffn_down_exps.weight", "model.layers.{}.block_sparse_moe.experts.{}.w2.weight"},
  };
  static constexpr GgufSpelling kSpellings[] = {{
      .architecture = "llama",
      .model_type = "llama",
      .hf_architecture = "LlamaForCausalLM",
      .keys = kKeys,
      .tensors = kTensors,
      .complete =
          [](const GgufFile& file, Json& config) {
            // Neither side has a default for it: it is missing from broken files only.
            file.number("llama.attention.layer_norm_rms_epsilon");
            config.set("attention_bias", Json(file.find_tensor("blk.0.attn_q.bias") != nullptr));
            // llama.cpp writes 0 for none.
            if (const Json* window = config.find("sliding_window"); window != nullptr && *window == Json(0)) {
              config.set("sliding_window", Json());
            }
            config.set("mlp_bias", Json(file.find_tensor("blk.0.ffn_up.bias") != nullptr));
            const Json* experts = config.find("num_local_experts");
            if (experts != nullptr && *experts != Json(0)) {
              config.set("model_type", Json("mixtral"));
              config.set("architectures", Json(Json::Array{Json("MixtralForCausalLM")}));
            }
          },
  }};
  return kSpellings;
}

}  // namespace ttt
