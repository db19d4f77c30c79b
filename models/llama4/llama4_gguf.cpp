#include "models/llama4/llama4_gguf.h"

#include "base/json.h"
#include "checkpoint/gguf.h"
#include "models/decoder/decoder_gguf.h"

namespace ttt {
namespace {

constexpr std::array kOwnKeys{
    GgufKey{"expert_feed_forward_length", "intermediate_size"},
    GgufKey{"feed_forward_length", "intermediate_size_mlp"},
    GgufKey{"expert_count", "num_local_experts"},
    GgufKey{"expert_used_count", "num_experts_per_tok"},
    GgufKey{"interleave_moe_layer_step", "interleave_moe_layer_step"},
    GgufKey{"attention.sliding_window", "", GgufKeyKind::kMustBe, 0},
};
constexpr auto kKeys = join(kShapeKeys, kRmsNormKeys, kKvHeadsKey, kOwnKeys);

constexpr std::array kOwnTensors{
    GgufTensor{"blk.{}.ffn_gate.weight", "model.layers.{}.feed_forward.gate_proj.weight"},
    GgufTensor{"blk.{}.ffn_up.weight", "model.layers.{}.feed_forward.up_proj.weight"},
    GgufTensor{"blk.{}.ffn_down.weight", "model.layers.{}.feed_forward.down_proj.weight"},
    GgufTensor{"blk.{}.ffn_gate_inp.weight", "model.layers.{}.feed_forward.router.weight"},
    GgufTensor{"blk.{}.ffn_gate_exps.weight", "model.layers.{}.feed_forward.experts.{}.gate_proj.weight"},
    GgufTensor{"blk.{}.ffn_up_exps.weight", "model.layers.{}.feed_forward.experts.{}.up_proj.weight"},
    GgufTensor{"blk.{}.ffn_down_exps.weight", "model.layers.{}.feed_forward.experts.{}.down_proj.weight"},
    GgufTensor{"blk.{}.ffn_gate_shexp.weight", "model.layers.{}.feed_forward.shared_expert.gate_proj.weight"},
    GgufTensor{"blk.{}.ffn_up_shexp.weight", "model.layers.{}.feed_forward.shared_expert.up_proj.weight"},
    GgufTensor{"blk.{}.ffn_down_shexp.weight", "model.layers.{}.feed_forward.shared_expert.down_proj.weight"},
};
constexpr auto kTensors = join(kEmbeddingTensors, kPreNormTensors, kAttentionTensors<>, kOwnTensors);

// What llama.cpp has in its code: chunks and temperature as the class has them by default; a window of 0 says that all
// layers turn positions and see everything. The model of 128 experts has no norms of queries and keys.
void complete(const GgufFile& file, Json& config) {
  config.set("attention_bias", Json(file.find_tensor("blk.0.attn_q.bias") != nullptr));
  const Json* experts = config.find("num_local_experts");
  config.set("use_qk_norm", Json(experts == nullptr || *experts != Json(std::int64_t{128})));
  if (file.find("llama4.attention.sliding_window") == nullptr) return;
  config.set("attention_chunk_size", Json());
  const Json* layers = config.find("num_hidden_layers");
  if (layers != nullptr && layers->is_integer()) {
    config.set("no_rope_layer_interval", Json(layers->as_integer("num_hidden_layers") + 1));
  }
}

constexpr GgufSpelling kSpellings[] = {{.architecture = "llama4",
                                        .model_type = "llama4_text",
                                        .hf_architecture = "Llama4ForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete}};

}  // namespace

std::span<const GgufSpelling> llama4_gguf_spellings() { return kSpellings; }

}  // namespace ttt
