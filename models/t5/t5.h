#pragma once

#include <cstdint>

#include "attention/relative_bias.h"
#include "kernels/activation/activation.h"
#include "runtime/model.h"

namespace ttt {

// T5, T5 v1.1, Flan-T5: RMSNorm before each block, the first layer's relative bias in all layers of a stack, scores
// without a scale.
struct T5Config {
  std::int64_t vocab = 0, hidden = 0, head_dim = 0, heads = 0, ffn = 0, layers = 0, decoder_layers = 0;
  std::int64_t source_rows = 0;
  RelativeBiasSpec bias = {};  // of the encoder
  float eps = 0, logit_scale = 1;
  Activation activation = Activation::kRelu;
  bool gated = false;
  std::string_view plain_up = "wi";  // without a gate; GGUF files have one name for both
  bool tied = false;
  OutputKind output = OutputKind::kLogits;  // states: the encoder alone
};
T5Config read_t5_config(ConfigReader& config, const Scope& scope);

const Family& t5_family();

}  // namespace ttt
