#include "models/gpt_oss/gpt_oss_gguf.h"

#include "base/json.h"
#include "checkpoint/gguf.h"
#include "models/decoder/decoder_gguf.h"

namespace ttt {
namespace {

constexpr std::array kOwnKeys{
    GgufKey{"expert_feed_forward_length", "intermediate_size"},
    GgufKey{"feed_forward_length", "", GgufKeyKind::kHarmless},
    GgufKey{"expert_count", "num_local_experts"},
    GgufKey{"expert_used_count", "num_experts_per_tok"},
    GgufKey{"attention.sliding_window", "sliding_window"},
};
constexpr auto kKeys = join(kShapeKeys, kRmsNormKeys, kKvHeadsKey, kOwnKeys);

constexpr std::array kOwnTensors{
    GgufTensor{"blk.{}.attn_sinks.weight", "model.layers.{}.self_attn.sinks"},
    GgufTensor{"blk.{}.ffn_gate_inp.weight", "model.layers.{}.mlp.router.weight"},
    GgufTensor{"blk.{}.ffn_gate_inp.bias", "model.layers.{}.mlp.router.bias"},
    GgufTensor{"blk.{}.ffn_gate_exps.bias", "model.layers.{}.mlp.experts.{}.gate_proj.bias"},
    GgufTensor{"blk.{}.ffn_up_exps.bias", "model.layers.{}.mlp.experts.{}.up_proj.bias"},
    GgufTensor{"blk.{}.ffn_down_exps.bias", "model.layers.{}.mlp.experts.{}.down_proj.bias"},
};
constexpr auto kTensors =
    join(kEmbeddingTensors, kNormTensors, kPostAttentionNormTensor, kExpertTensors, kAttentionTensors<>, kOwnTensors);

// What the files leave out: YaRN's limits are not rounded in this architecture.
void complete(const GgufFile& file, Json& config) {
  config.set("attention_bias", Json(file.find_tensor("blk.0.attn_q.bias") != nullptr));
  Json rope = config.find("rope_scaling") != nullptr ? *config.find("rope_scaling") : Json(Json::Object{});
  if (rope.find("rope_type") != nullptr && *rope.find("rope_type") == Json("yarn")) rope.set("truncate", Json(false));
  if (rope.find("rope_type") == nullptr) rope.set("rope_type", Json("default"));
  config.set("rope_scaling", rope);
}

constexpr GgufSpelling kSpellings[] = {{.architecture = "gpt-oss",
                                        .model_type = "gpt_oss",
                                        .hf_architecture = "GptOssForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete}};

}  // namespace

std::span<const GgufSpelling> gpt_oss_gguf_spellings() { return kSpellings; }

}  // namespace ttt
