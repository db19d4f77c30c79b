#pragma once

#include <array>
#include <cstddef>

#include "checkpoint/gguf.h"
#include "checkpoint/gguf_spelling.h"

// What the GGUF tables of most decoders have in common, and how a family joins it with its own.
namespace ttt {

template <class T, std::size_t... N>
constexpr auto join(const std::array<T, N>&... parts) {
  std::array<T, (N + ...)> all{};
  std::size_t at = 0;
  const auto append = [&](const auto& part) {
    for (const T& item : part) all[at++] = item;
  };
  (append(parts), ...);
  return all;
}

// Of every decoder; and of those whose layers have one feed-forward and keys and values of their own.
inline constexpr std::array kShapeKeys{
    GgufKey{"context_length", "max_position_embeddings"},
    GgufKey{"embedding_length", "hidden_size"},
    GgufKey{"block_count", "num_hidden_layers"},
    GgufKey{"attention.head_count", "num_attention_heads"},
    GgufKey{"rope.freq_base", "rope_theta", GgufKeyKind::kNumber},
    GgufKey{"attention.causal", "", GgufKeyKind::kMustBe, 1},
};
inline constexpr std::array kKvHeadsKey{GgufKey{"attention.head_count_kv", "num_key_value_heads"}};
inline constexpr std::array kFfnKey{GgufKey{"feed_forward_length", "intermediate_size"}};
inline constexpr auto kDecoderKeys = join(kShapeKeys, kKvHeadsKey, kFfnKey);

inline constexpr std::array kRmsNormKeys{
    GgufKey{"attention.layer_norm_rms_epsilon", "rms_norm_eps", GgufKeyKind::kNumber},
    // Read by llama.cpp for other architectures only.
    GgufKey{"attention.layer_norm_epsilon", "", GgufKeyKind::kHarmless},
    GgufKey{"use_parallel_residual", "", GgufKeyKind::kHarmless},
};

// For complete_windows.
inline constexpr std::array kWindowKeys{
    GgufKey{"attention.sliding_window", "sliding_window"},
    GgufKey{"attention.sliding_window_pattern", "sliding_window_pattern", GgufKeyKind::kArray},
};

inline constexpr std::array kEmbeddingTensors{
    GgufTensor{"token_embd.weight", "model.embed_tokens.weight"},
    GgufTensor{"output.weight", "lm_head.weight"},
};

// Queries and keys in the order of a directory: the layout (half_split or interleaved) is the same in both.
template <GgufChange kQueries = GgufChange::kNone, GgufChange kKeys = GgufChange::kNone>
inline constexpr std::array kAttentionTensors{
    GgufTensor{"blk.{}.attn_q.weight", "model.layers.{}.self_attn.q_proj.weight", kQueries},
    GgufTensor{"blk.{}.attn_q.bias", "model.layers.{}.self_attn.q_proj.bias", kQueries},
    GgufTensor{"blk.{}.attn_k.weight", "model.layers.{}.self_attn.k_proj.weight", kKeys},
    GgufTensor{"blk.{}.attn_k.bias", "model.layers.{}.self_attn.k_proj.bias", kKeys},
    GgufTensor{"blk.{}.attn_v.weight", "model.layers.{}.self_attn.v_proj.weight"},
    GgufTensor{"blk.{}.attn_v.bias", "model.layers.{}.self_attn.v_proj.bias"},
    GgufTensor{"blk.{}.attn_output.weight", "model.layers.{}.self_attn.o_proj.weight"},
    GgufTensor{"blk.{}.attn_output.bias", "model.layers.{}.self_attn.o_proj.bias"},
};
// For models whose layout is half_split in a directory and interleaved in llama.cpp.
inline constexpr auto kPermutedAttentionTensors =
    kAttentionTensors<GgufChange::kUnpermuteHeads, GgufChange::kUnpermuteKvHeads>;

// Norms of queries and keys.
inline constexpr std::array kQkNormTensors{
    GgufTensor{"blk.{}.attn_q_norm.weight", "model.layers.{}.self_attn.q_norm.weight"},
    GgufTensor{"blk.{}.attn_k_norm.weight", "model.layers.{}.self_attn.k_norm.weight"},
};

// The norms before attention and before the head; the one before the feed-forward has two names.
inline constexpr std::array kNormTensors{
    GgufTensor{"output_norm.weight", "model.norm.weight"},
    GgufTensor{"blk.{}.attn_norm.weight", "model.layers.{}.input_layernorm.weight"},
};
inline constexpr std::array kFfnNormTensor{
    GgufTensor{"blk.{}.ffn_norm.weight", "model.layers.{}.post_attention_layernorm.weight"},
};
inline constexpr std::array kPostAttentionNormTensor{
    GgufTensor{"blk.{}.post_attention_norm.weight", "model.layers.{}.post_attention_layernorm.weight"},
};
inline constexpr auto kPreNormTensors = join(kNormTensors, kFfnNormTensor);

inline constexpr std::array kGatedTensors{
    GgufTensor{"blk.{}.ffn_gate.weight", "model.layers.{}.mlp.gate_proj.weight"},
    GgufTensor{"blk.{}.ffn_gate.bias", "model.layers.{}.mlp.gate_proj.bias"},
    GgufTensor{"blk.{}.ffn_up.weight", "model.layers.{}.mlp.up_proj.weight"},
    GgufTensor{"blk.{}.ffn_up.bias", "model.layers.{}.mlp.up_proj.bias"},
    GgufTensor{"blk.{}.ffn_down.weight", "model.layers.{}.mlp.down_proj.weight"},
    GgufTensor{"blk.{}.ffn_down.bias", "model.layers.{}.mlp.down_proj.bias"},
};

inline constexpr std::array kExpertTensors{
    GgufTensor{"blk.{}.ffn_gate_exps.weight", "model.layers.{}.mlp.experts.{}.gate_proj.weight"},
    GgufTensor{"blk.{}.ffn_up_exps.weight", "model.layers.{}.mlp.experts.{}.up_proj.weight"},
    GgufTensor{"blk.{}.ffn_down_exps.weight", "model.layers.{}.mlp.experts.{}.down_proj.weight"},
};

// Experts in groups beside shared ones, after some dense layers.
inline constexpr std::array kGroupedExpertKeys{
    GgufKey{"expert_count", "n_routed_experts"},
    GgufKey{"expert_used_count", "num_experts_per_tok"},
    GgufKey{"expert_feed_forward_length", "moe_intermediate_size"},
    GgufKey{"expert_shared_count", "n_shared_experts"},
    GgufKey{"expert_weights_scale", "routed_scaling_factor", GgufKeyKind::kNumber},
    GgufKey{"expert_weights_norm", "norm_topk_prob", GgufKeyKind::kBoolean},
    GgufKey{"expert_group_count", "n_group"},
    GgufKey{"expert_group_used_count", "topk_group"},
    GgufKey{"leading_dense_block_count", "first_k_dense_replace"},
    GgufKey{"nextn_predict_layers", "num_nextn_predict_layers"},
};
inline constexpr std::array kGroupedExpertTensors{
    GgufTensor{"blk.{}.ffn_gate_inp.weight", "model.layers.{}.mlp.gate.weight"},
    GgufTensor{"blk.{}.exp_probs_b.bias", "model.layers.{}.mlp.gate.e_score_correction_bias"},
    GgufTensor{"blk.{}.ffn_gate_shexp.weight", "model.layers.{}.mlp.shared_experts.gate_proj.weight"},
    GgufTensor{"blk.{}.ffn_up_shexp.weight", "model.layers.{}.mlp.shared_experts.up_proj.weight"},
    GgufTensor{"blk.{}.ffn_down_shexp.weight", "model.layers.{}.mlp.shared_experts.down_proj.weight"},
};

// For GgufSpelling::complete: neither llama.cpp nor anyone else has a default for the eps of a norm; a file without is
// broken. And llama.cpp adds the biases that a file has, whatever the architecture.
void complete_rms_norm(const GgufFile& file, Json& config);
void complete_layer_norm(const GgufFile& file, Json& config);
// layer_types from the pattern of the file, which is true for layers with a window.
void complete_windows(Json& config);

}  // namespace ttt
