#include "models/granite/granite_gguf.h"

#include <cmath>

#include "base/json.h"
#include "models/decoder/decoder_gguf.h"

namespace ttt {
namespace {

constexpr std::array kOwnKeys{
    GgufKey{"attention.scale", "attention_multiplier", GgufKeyKind::kNumber},
    GgufKey{"embedding_scale", "embedding_multiplier", GgufKeyKind::kNumber},
    GgufKey{"residual_scale", "residual_multiplier", GgufKeyKind::kNumber},
    GgufKey{"logit_scale", "logits_scaling", GgufKeyKind::kNumber},
    GgufKey{"expert_count", "num_local_experts"},
    GgufKey{"expert_used_count", "num_experts_per_tok"},
    GgufKey{"expert_shared_feed_forward_length", "shared_intermediate_size"},
};
constexpr std::array kExpertTensors{
    GgufTensor{"blk.{}.ffn_gate_inp.weight", "model.layers.{}.block_sparse_moe.router.layer.weight"},
    GgufTensor{"blk.{}.ffn_gate_exps.weight", "model.layers.{}.block_sparse_moe.experts.{}.gate_proj.weight"},
    GgufTensor{"blk.{}.ffn_up_exps.weight", "model.layers.{}.block_sparse_moe.experts.{}.up_proj.weight"},
    GgufTensor{"blk.{}.ffn_down_exps.weight", "model.layers.{}.block_sparse_moe.experts.{}.down_proj.weight"},
    GgufTensor{"blk.{}.ffn_gate_shexp.weight", "model.layers.{}.shared_mlp.gate_proj.weight"},
    GgufTensor{"blk.{}.ffn_up_shexp.weight", "model.layers.{}.shared_mlp.up_proj.weight"},
    GgufTensor{"blk.{}.ffn_down_shexp.weight", "model.layers.{}.shared_mlp.output_linear.weight"},
};
constexpr auto kKeys = join(kDecoderKeys, kRmsNormKeys, kOwnKeys);
constexpr auto kDense = join(kEmbeddingTensors, kPreNormTensors, kPermutedAttentionTensors, kGatedTensors);
constexpr auto kExperts = join(kEmbeddingTensors, kPreNormTensors, kPermutedAttentionTensors, kExpertTensors);

// In llama.cpp scores have the scale of the head's width where the file has none.
void complete(const GgufFile& file, Json& config) {
  complete_rms_norm(file, config);
  const Json* head_dim = config.find("head_dim");
  if (config.find("attention_multiplier") == nullptr && head_dim != nullptr) {
    config.set("attention_multiplier", Json(1 / std::sqrt(head_dim->as_number("head_dim"))));
  }
  if (file.architecture() == "granitemoe" && config.find("shared_intermediate_size") != nullptr) {
    config.set("model_type", Json("granitemoeshared"));
  }
}

constexpr GgufSpelling kSpellings[] = {{.architecture = "granite",
                                        .model_type = "granite",
                                        .hf_architecture = "GraniteForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kDense,
                                        .complete = complete},
                                       {.architecture = "granitemoe",
                                        .model_type = "granitemoe",
                                        .hf_architecture = "GraniteMoeForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kExperts,
                                        .complete = complete}};

}  // namespace

std::span<const GgufSpelling> granite_gguf_spellings() { return kSpellings; }

}  // namespace ttt
