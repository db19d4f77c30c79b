#pragma once

#include <string>
#include <vector>

#include "models/encoder/encoder.h"

namespace ttt {

// ModernBERT: norms before the blocks, rotary positions, bidirectional windows in most layers, GeGLU.
struct ModernBertConfig : EncoderShape {
  std::string prefix = {};  // "model", or empty where the encoder was saved by itself
  std::int64_t vocab = 0;
  float eps = 0;
  bool norm_bias = false, attention_bias = false, ffn_bias = false, dense_bias = false, decoder_bias = true;
  Activation activation = Activation::kGelu, head_activation = Activation::kGelu;
  std::vector<std::int64_t> windows = {};  // by layer: rows on each side; 0: all
  RoPESpec rope = {}, window_rope = {};
  OutputKind output = OutputKind::kHiddenStates;
  PoolingKind pooling = PoolingKind::kCls;
  std::int64_t classes = 0;
  TensorName decoder = {};
};
ModernBertConfig read_modernbert_config(ConfigReader& config, const Scope& scope);

const Family& modernbert_family();

}  // namespace ttt
