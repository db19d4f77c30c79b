#include "models/deepseek/deepseek_gguf.h"

#include <optional>

#include "base/json.h"
#include "checkpoint/gguf.h"
#include "models/decoder/decoder_gguf.h"

namespace ttt {
namespace {

constexpr std::array kOwnKeys{
    GgufKey{"attention.head_count_kv", "", GgufKeyKind::kHarmless},
    GgufKey{"attention.q_lora_rank", "q_lora_rank"},
    GgufKey{"attention.kv_lora_rank", "kv_lora_rank"},
    // Read by complete().
    GgufKey{"attention.key_length", "", GgufKeyKind::kHarmless},
    GgufKey{"attention.value_length", "", GgufKeyKind::kHarmless},
    GgufKey{"attention.key_length_mla", "", GgufKeyKind::kHarmless},
    GgufKey{"attention.value_length_mla", "", GgufKeyKind::kHarmless},
    GgufKey{"rope.dimension_count", "qk_rope_head_dim"},
    GgufKey{"rope.scaling.yarn_log_multiplier", "", GgufKeyKind::kHarmless},
    GgufKey{"expert_gating_func", "", GgufKeyKind::kHarmless},
};
constexpr auto kKeys = join(kShapeKeys, kRmsNormKeys, kGroupedExpertKeys, kFfnKey, kOwnKeys);

constexpr std::array kOwnTensors{
    GgufTensor{"blk.{}.attn_q.weight", "model.layers.{}.self_attn.q_proj.weight"},
    GgufTensor{"blk.{}.attn_q_a.weight", "model.layers.{}.self_attn.q_a_proj.weight"},
    GgufTensor{"blk.{}.attn_q_a_norm.weight", "model.layers.{}.self_attn.q_a_layernorm.weight"},
    GgufTensor{"blk.{}.attn_q_b.weight", "model.layers.{}.self_attn.q_b_proj.weight"},
    GgufTensor{"blk.{}.attn_kv_a_mqa.weight", "model.layers.{}.self_attn.kv_a_proj_with_mqa.weight"},
    GgufTensor{"blk.{}.attn_kv_a_norm.weight", "model.layers.{}.self_attn.kv_a_layernorm.weight"},
    GgufTensor{"blk.{}.attn_kv_b.weight", "model.layers.{}.self_attn.kv_b_proj.weight"},
    GgufTensor{"blk.{}.attn_k_b.weight", "model.layers.{}.self_attn.k_b_proj.weight", GgufChange::kJoinedTransposed},
    GgufTensor{"blk.{}.attn_v_b.weight", "model.layers.{}.self_attn.v_b_proj.weight", GgufChange::kJoined},
    GgufTensor{"blk.{}.attn_output.weight", "model.layers.{}.self_attn.o_proj.weight"},
};
constexpr auto kTensors =
    join(kEmbeddingTensors, kPreNormTensors, kGatedTensors, kExpertTensors, kGroupedExpertTensors, kOwnTensors);

std::optional<double> number(const GgufFile& file, std::string_view key) {
  const std::string whole = text(file.architecture(), ".", key);
  if (file.find(whole) == nullptr) return std::nullopt;
  return file.number(whole);
}

// Widths of heads are those of the latents in newer files, which state both. The file's number is a tenth of YaRN's
// mscale_all_dim, which llama.cpp takes for mscale too.
void complete(const GgufFile& file, Json& config) {
  const std::optional<double> rope = number(file, "rope.dimension_count");
  std::optional<double> key = number(file, "attention.key_length_mla"),
                        value = number(file, "attention.value_length_mla");
  if (!key) key = number(file, "attention.key_length");
  if (!value) value = number(file, "attention.value_length");
  if (rope && key) config.set("qk_nope_head_dim", Json(static_cast<std::int64_t>(*key - *rope)));
  if (value) config.set("v_head_dim", Json(static_cast<std::int64_t>(*value)));
  if (rope) config.set("head_dim", Json(static_cast<std::int64_t>(*rope)));
  if (config.find("q_lora_rank") == nullptr) config.set("q_lora_rank", Json());
  const std::optional<double> magnitude = number(file, "rope.scaling.yarn_log_multiplier");
  if (const Json* scaling = config.find("rope_scaling"); scaling != nullptr && magnitude) {
    Json changed = *scaling;
    for (const char* name : {"mscale", "mscale_all_dim"}) changed.set(name, Json(10 * *magnitude));
    config.set("rope_scaling", changed);
  }
  if (number(file, "expert_gating_func").value_or(1) == 2) {
    config.set("model_type", Json("deepseek_v3"));
    config.set("architectures", Json(Json::Array{Json("DeepseekV3ForCausalLM")}));
    return;
  }
  const Json* groups = config.find("n_group");
  const bool grouped = groups != nullptr && groups->is_integer() && groups->as_integer("n_group") > 1;
  config.set("topk_method", Json(grouped ? "group_limited_greedy" : "greedy"));
}

constexpr GgufSpelling kSpellings[] = {{.architecture = "deepseek2",
                                        .model_type = "deepseek_v2",
                                        .hf_architecture = "DeepseekV2ForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete}};

}  // namespace

std::span<const GgufSpelling> deepseek_gguf_spellings() { return kSpellings; }

}  // namespace ttt
