#include "models/olmo2/olmo2_gguf.h"

#include "base/json.h"
#include "models/decoder/decoder_gguf.h"

namespace ttt {
namespace {

constexpr std::array kOwnTensors{
    GgufTensor{"output_norm.weight", "model.norm.weight"},
    GgufTensor{"blk.{}.attn_q_norm.weight", "model.layers.{}.self_attn.q_norm.weight"},
    GgufTensor{"blk.{}.attn_k_norm.weight", "model.layers.{}.self_attn.k_norm.weight"},
    GgufTensor{"blk.{}.post_attention_norm.weight", "model.layers.{}.post_attention_layernorm.weight"},
    GgufTensor{"blk.{}.post_ffw_norm.weight", "model.layers.{}.post_feedforward_layernorm.weight"},
};
constexpr auto kKeys = join(kDecoderKeys, kRmsNormKeys, kWindowKeys);
constexpr auto kTensors = join(kEmbeddingTensors, kAttentionTensors<>, kGatedTensors, kOwnTensors);

void complete(const GgufFile& file, Json& config) {
  complete_rms_norm(file, config);
  complete_windows(config);
  if (const Json* window = config.find("sliding_window"); window != nullptr && *window != Json(0)) {
    config.set("model_type", Json("olmo3"));
    config.set("architectures", Json(Json::Array{Json("Olmo3ForCausalLM")}));
  }
}

constexpr GgufSpelling kSpellings[] = {{.architecture = "olmo2",
                                        .model_type = "olmo2",
                                        .hf_architecture = "Olmo2ForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete}};

}  // namespace

std::span<const GgufSpelling> olmo2_gguf_spellings() { return kSpellings; }

}  // namespace ttt
