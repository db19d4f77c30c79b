#include "models/glm4_moe/glm4_moe_gguf.h"

#include "base/json.h"
#include "checkpoint/gguf.h"
#include "models/decoder/decoder_gguf.h"

namespace ttt {
namespace {

constexpr std::array kOwnKeys{
    GgufKey{"expert_gating_func", "", GgufKeyKind::kMustBe, 2},
};
constexpr auto kKeys = join(kDecoderKeys, kRmsNormKeys, kGroupedExpertKeys, kOwnKeys);

constexpr auto kTensors = join(kEmbeddingTensors, kQkNormTensors, kNormTensors, kPostAttentionNormTensor, kGatedTensors,
                               kExpertTensors, kGroupedExpertTensors, kAttentionTensors<>);

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
