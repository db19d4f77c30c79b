#include "models/decoder/decoder_gguf.h"

#include "base/error.h"
#include "base/json.h"

namespace ttt {
namespace {

void complete_biases(const GgufFile& file, Json& config) {
  for (const auto& [tensor, key] :
       {std::pair{"blk.0.attn_q.bias", "attention_bias"}, {"blk.0.ffn_up.bias", "mlp_bias"}}) {
    config.set(key, Json(file.find_tensor(tensor) != nullptr));
  }
}

}  // namespace

void complete_rms_norm(const GgufFile& file, Json& config) {
  file.number(text(file.architecture(), ".attention.layer_norm_rms_epsilon"));
  complete_biases(file, config);
}

void complete_layer_norm(const GgufFile& file, Json&) {
  file.number(text(file.architecture(), ".attention.layer_norm_epsilon"));
}

void complete_windows(Json& config) {
  const Json* pattern = config.find("sliding_window_pattern");
  if (pattern == nullptr || !pattern->is_array()) return;
  Json::Array kinds;
  for (const Json& windowed : pattern->as_array("sliding_window_pattern")) {
    kinds.push_back(Json(windowed == Json(true) ? "sliding_attention" : "full_attention"));
  }
  config.set("layer_types", Json(std::move(kinds)));
  config.set("sliding_window_pattern", Json());
}

}  // namespace ttt
