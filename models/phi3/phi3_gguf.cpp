#include "models/phi3/phi3_gguf.h"

#include <cstring>

#include "base/json.h"
#include "models/decoder/decoder_gguf.h"

namespace ttt {
namespace {

constexpr std::array kOwnKeys{
    GgufKey{"attention.sliding_window", "sliding_window"},
    GgufKey{"rope.scaling.original_context_length", "original_max_position_embeddings"},
    GgufKey{"rope.scaling.attn_factor", "attention_factor", GgufKeyKind::kNumber},
};
constexpr std::array kOwnTensors{
    GgufTensor{"blk.{}.attn_qkv.weight", "model.layers.{}.self_attn.qkv_proj.weight"},
    GgufTensor{"blk.{}.attn_output.weight", "model.layers.{}.self_attn.o_proj.weight"},
    GgufTensor{"blk.{}.ffn_up.weight", "model.layers.{}.mlp.gate_up_proj.weight"},
    GgufTensor{"blk.{}.ffn_down.weight", "model.layers.{}.mlp.down_proj.weight"},
};
constexpr auto kKeys = join(kOwnKeys, kDecoderKeys, kRmsNormKeys);
constexpr auto kTensors = join(kEmbeddingTensors, kPreNormTensors, kOwnTensors);

Json factors(const GgufFile& file, std::string_view name) {
  const StoredTensor* t = file.find_tensor(name);
  constexpr std::int64_t kMostPairs = 32768;
  const bool vector = t != nullptr && t->format == Format::kF32 && t->shape.rank() == 1 && t->shape[0] <= kMostPairs;
  require(vector, ErrorKind::kBadData, file.path(), ": tensor ", name, " wanted a vector of f32, at most ", kMostPairs,
          " values, got ", t == nullptr ? std::string("nothing") : text(t->format_name, " ", t->shape.to_string()));
  Json::Array list;
  for (std::int64_t i = 0; i < t->shape[0]; ++i) {
    float v = 0;
    std::memcpy(&v, t->data + i * 4, sizeof v);
    list.push_back(Json(static_cast<double>(v)));
  }
  return Json(std::move(list));
}

void complete(const GgufFile& file, Json& config) {
  complete_rms_norm(file, config);
  complete_longrope(file, config);
}

constexpr GgufSpelling kSpellings[] = {{.architecture = "phi3",
                                        .model_type = "phi3",
                                        .hf_architecture = "Phi3ForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete}};

}  // namespace

void complete_longrope(const GgufFile& file, Json& config) {
  if (const Json* window = config.find("sliding_window"); window != nullptr && *window == Json(0)) {
    config.set("sliding_window", Json());  // llama.cpp writes 0 for none
  }
  const Json* factor = config.find("attention_factor");
  const Json attention_factor = factor == nullptr ? Json() : *factor;
  config.set("attention_factor", Json());
  if (file.find_tensor("rope_factors_long.weight") == nullptr) return;
  config.set("rope_scaling", Json(Json::Object{{"rope_type", Json("longrope")},
                                               {"short_factor", factors(file, "rope_factors_short.weight")},
                                               {"long_factor", factors(file, "rope_factors_long.weight")},
                                               {"attention_factor", attention_factor}}));
}

std::span<const GgufSpelling> phi3_gguf_spellings() { return kSpellings; }

}  // namespace ttt
