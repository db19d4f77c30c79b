#pragma once

#include <cstdint>
#include <vector>

#include "base/weights.h"
#include "checkpoint/config_reader.h"
#include "embeddings/rotary.h"
#include "ffn/moe_spec.h"
#include "kernels/activation/activation.h"
#include "runtime/decoder_config.h"

namespace ttt {

struct QwenConfig : DecoderShape {
  std::int64_t ffn = 0;  // of the dense layers
  float eps = 0;
  bool qkv_bias = false, o_bias = false, qk_norm = false;
  Activation activation = Activation::kSilu;
  RoPESpec rope = {};
  std::vector<std::int64_t> windows = {};  // by layer: rows that a query sees, its own included; 0: all before it
  std::vector<bool> sparse = {};           // by layer: experts in place of the dense feed-forward
  MoESpec moe = {};
};

// model_type qwen2, qwen3, qwen2_moe or qwen3_moe.
QwenConfig read_qwen_config(ConfigReader& config, WeightSource& source, std::int64_t context);

}  // namespace ttt
