#include "models/glm/glm_gguf.h"

#include "base/json.h"
#include "models/decoder/decoder_gguf.h"

namespace ttt {
namespace {

constexpr std::array kFusedTensors{
    GgufTensor{"blk.{}.attn_qkv.weight", "model.layers.{}.self_attn.qkv_proj.weight"},
    GgufTensor{"blk.{}.attn_qkv.bias", "model.layers.{}.self_attn.qkv_proj.bias"},
    GgufTensor{"blk.{}.ffn_up.weight", "model.layers.{}.mlp.gate_up_proj.weight"},
    GgufTensor{"blk.{}.ffn_down.weight", "model.layers.{}.mlp.down_proj.weight"},
    GgufTensor{"blk.{}.post_attention_norm.weight", "model.layers.{}.post_self_attn_layernorm.weight"},
    GgufTensor{"blk.{}.post_ffw_norm.weight", "model.layers.{}.post_mlp_layernorm.weight"},
};
constexpr auto kKeys = join(kDecoderKeys, kRmsNormKeys);
constexpr auto kTensors = join(kEmbeddingTensors, kPreNormTensors, kAttentionTensors<>, kFusedTensors);

void complete(const GgufFile& file, Json& config) {
  complete_rms_norm(file, config);
  const bool fused = file.find_tensor("blk.0.attn_qkv.weight") != nullptr;
  config.set("gguf_fused_qkv", Json(fused));
  config.set("attention_bias", Json(file.find_tensor(fused ? "blk.0.attn_qkv.bias" : "blk.0.attn_q.bias") != nullptr));
}

constexpr GgufSpelling kSpellings[] = {{.architecture = "chatglm",
                                        .model_type = "glm",
                                        .hf_architecture = "GlmForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete},
                                       {.architecture = "glm4",
                                        .model_type = "glm4",
                                        .hf_architecture = "Glm4ForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete}};

}  // namespace

std::span<const GgufSpelling> glm_gguf_spellings() { return kSpellings; }

}  // namespace ttt
