#include "models/gemma/gemma_gguf.h"

#include "base/json.h"
#include "checkpoint/gguf.h"
#include "models/decoder/decoder_gguf.h"

namespace ttt {
namespace {

constexpr std::array kOwnKeys{
    GgufKey{"attention.sliding_window", "sliding_window"},
    GgufKey{"attention.sliding_window_pattern", "sliding_window_pattern"},
    GgufKey{"attn_logit_softcapping", "attn_logit_softcapping", GgufKeyKind::kNumber},
    GgufKey{"final_logit_softcapping", "final_logit_softcapping", GgufKeyKind::kNumber},
    GgufKey{"rope.freq_base_swa", "rope_local_base_freq", GgufKeyKind::kNumber},
};
constexpr auto kKeys = join(kDecoderKeys, kRmsNormKeys, kOwnKeys);

constexpr GgufChange kGain = GgufChange::kSubtractOne;
constexpr std::array kOwnTensors{
    GgufTensor{"output_norm.weight", "model.norm.weight", kGain},
    GgufTensor{"blk.{}.attn_norm.weight", "model.layers.{}.input_layernorm.weight", kGain},
    GgufTensor{"blk.{}.attn_q_norm.weight", "model.layers.{}.self_attn.q_norm.weight", kGain},
    GgufTensor{"blk.{}.attn_k_norm.weight", "model.layers.{}.self_attn.k_norm.weight", kGain},
    GgufTensor{"blk.{}.post_attention_norm.weight", "model.layers.{}.post_attention_layernorm.weight", kGain},
    GgufTensor{"blk.{}.ffn_norm.weight", "model.layers.{}.pre_feedforward_layernorm.weight", kGain},
    GgufTensor{"blk.{}.post_ffw_norm.weight", "model.layers.{}.post_feedforward_layernorm.weight", kGain},
};
constexpr auto kTensors = join(kEmbeddingTensors, kGatedTensors, kAttentionTensors<>, kOwnTensors);

// The largest model of each generation, known by its number of layers, scales scores by hidden / heads, the others by
// the width of a head. No key says so; llama.cpp decides alike.
void complete(const GgufFile& file, Json& config, std::int64_t layers_of_largest) {
  file.number(text(file.architecture(), ".attention.layer_norm_rms_epsilon"));  // neither side has a default for it
  const auto integer = [&](std::string_view key) {
    const Json* v = config.find(key);
    return v != nullptr && v->is_integer() ? v->as_integer(key) : 0;
  };
  const std::int64_t heads = integer("num_attention_heads"), head_dim = integer("head_dim");
  const bool largest = integer("num_hidden_layers") == layers_of_largest && heads > 0;
  const std::int64_t scalar = largest ? integer("hidden_size") / heads : head_dim;
  if (scalar > 0) config.set("query_pre_attn_scalar", Json(scalar));
}

constexpr GgufSpelling kSpellings[] = {
    {.architecture = "gemma2",
     .model_type = "gemma2",
     .hf_architecture = "Gemma2ForCausalLM",
     .keys = kKeys,
     .tensors = kTensors,
     .complete = [](const GgufFile& file, Json& config) { complete(file, config, 46); }},
    {.architecture = "gemma3",
     .model_type = "gemma3_text",
     .hf_architecture = "Gemma3ForCausalLM",
     .keys = kKeys,
     .tensors = kTensors,
     .complete = [](const GgufFile& file, Json& config) { complete(file, config, 62); }}};

}  // namespace

std::span<const GgufSpelling> gemma_gguf_spellings() { return kSpellings; }

}  // namespace ttt
