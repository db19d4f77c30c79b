#pragma once

#include <optional>

#include "models/decoder/decoder_config.h"
#include "runtime/model.h"

namespace ttt {

// Gemma 2 and the text models of Gemma 3: scaled embeddings, norms of gain 1 + w before and after attention and GeGLU,
// windows in most layers. Gemma 2 caps scores and logits; Gemma 3 norms queries and keys, and its layers with a window
// have another RoPE base.
struct GemmaConfig : DecoderConfig {
  float scale = 0;  // of scores
  bool bias = false, qk_norm = false;
  std::optional<float> score_cap = {}, logit_cap = {};
  RoPESpec window_rope = {};  // of layers with a window
};
GemmaConfig read_gemma_config(ConfigReader& config, WeightSource& source, std::int64_t context);

const Family& gemma_family();

}  // namespace ttt
