#include "models/qwen/qwen_gguf.h"

#include "base/json.h"
#include "checkpoint/gguf.h"
#include "models/decoder/decoder_gguf.h"

namespace ttt {
namespace {

constexpr std::array kOwnKeys{
    GgufKey{"expert_count", "num_experts"},
    GgufKey{"expert_used_count", "num_experts_per_tok"},
    GgufKey{"expert_feed_forward_length", "moe_intermediate_size"},
    GgufKey{"expert_shared_feed_forward_length", "shared_expert_intermediate_size"},
};
constexpr auto kKeys = join(kDecoderKeys, kRmsNormKeys, kOwnKeys);

constexpr std::array kOwnTensors{
    GgufTensor{"blk.{}.ffn_gate_inp.weight", "model.layers.{}.mlp.gate.weight"},
    GgufTensor{"blk.{}.ffn_gate_inp_shexp.weight", "model.layers.{}.mlp.shared_expert_gate.weight", GgufChange::kAsRow},
    GgufTensor{"blk.{}.ffn_gate_shexp.weight", "model.layers.{}.mlp.shared_expert.gate_proj.weight"},
    GgufTensor{"blk.{}.ffn_up_shexp.weight", "model.layers.{}.mlp.shared_expert.up_proj.weight"},
    GgufTensor{"blk.{}.ffn_down_shexp.weight", "model.layers.{}.mlp.shared_expert.down_proj.weight"},
};
constexpr auto kTensors = join(kEmbeddingTensors, kQkNormTensors, kPreNormTensors, kGatedTensors, kExpertTensors,
                               kAttentionTensors<>, kOwnTensors);

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
