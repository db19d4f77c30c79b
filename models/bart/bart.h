#pragma once

#include <string>

#include "kernels/activation/activation.h"
#include "runtime/model.h"

namespace ttt {

// BART: an encoder and a decoder of layers with norms after their blocks, learned positions, a shared table of ids.
struct BartConfig {
  std::string prefix = {};  // "model", or empty where the model was saved without its head
  std::int64_t vocab = 0, hidden = 0, positions = 0, source_rows = 0;
  std::int64_t layers = 0, heads = 0, ffn = 0;                          // of the encoder
  std::int64_t decoder_layers = 0, decoder_heads = 0, decoder_ffn = 0;  // of the decoder
  Activation activation = Activation::kGelu;
  float embedding_scale = 1;
  bool tied = false, logits_bias = false;
  OutputKind output =
      OutputKind::kLogits;  // or classes: of the decoder's last row, whose ids are the source's, shifted
  std::int64_t classes = 0;
};
BartConfig read_bart_config(ConfigReader& config, const Scope& scope);

const Family& bart_family();

}  // namespace ttt
