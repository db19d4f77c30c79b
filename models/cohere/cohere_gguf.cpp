#include "models/cohere/cohere_gguf.h"

#include "base/json.h"
#include "checkpoint/gguf.h"
#include "models/decoder/decoder_gguf.h"

namespace ttt {
namespace {

constexpr std::array kOwnKeys{
    GgufKey{"attention.layer_norm_epsilon", "layer_norm_eps", GgufKeyKind::kNumber},
    GgufKey{"logit_scale", "logit_scale", GgufKeyKind::kNumber},
    GgufKey{"attention.sliding_window", "sliding_window"},
    // Read by llama.cpp for other architectures only.
    GgufKey{"use_parallel_residual", "", GgufKeyKind::kHarmless},
};
constexpr auto kKeys = join(kDecoderKeys, kOwnKeys);

constexpr auto kTensors = join(kEmbeddingTensors, kQkNormTensors, kNormTensors, kGatedTensors, kAttentionTensors<>);

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
