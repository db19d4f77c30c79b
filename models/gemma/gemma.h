#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "embeddings/rotary.h"
#include "kernels/activation/activation.h"
#include "runtime/decoder_config.h"
#include "runtime/model.h"

namespace ttt {

// Gemma 2 and the text models of Gemma 3: scaled embeddings, norms of gain 1 + w before and after attention and GeGLU,
// windows in most layers. Gemma 2 caps scores and logits; Gemma 3 norms queries and keys, and its layers with a window
// have another RoPE base.
struct GemmaConfig : DecoderShape {
  std::int64_t ffn = 0;
  float eps = 0, scale = 0;  // scale: of scores
  bool bias = false, qk_norm = false;
  std::optional<float> score_cap = {}, logit_cap = {};
  Activation activation = Activation::kGeluTanh;
  RoPESpec rope = {}, window_rope = {};
  std::vector<std::int64_t> windows = {};  // by layer: rows that a query sees, its own included; 0: all before it
};
GemmaConfig read_gemma_config(ConfigReader& config, WeightSource& source, std::int64_t context);

const Family& gemma_family();

}  // namespace ttt
