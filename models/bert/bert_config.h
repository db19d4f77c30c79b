#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "attention/attention.h"
#include "ffn/mlp.h"
#include "runtime/encoder_head.h"

namespace ttt {

// Where the tensors of an encoder with norms behind its blocks are: below the prefix, below a layer, and in the heads.
struct BertNames {
  std::string_view prefix, layers;                            // "bert", "encoder.layer"
  std::string_view attention, attention_norm, ffn, ffn_norm;  // places in a layer
  std::string_view q, k, v, o;                                // stems below the attention
  std::string_view up, down;                                  // stems below the feed-forward
  std::string_view lm_dense, lm_norm, lm_decoder, lm_bias;    // of the head for masked tokens
  std::string_view class_dense, classifier;                   // of the head for classes
};

struct BertConfig {
  const BertNames* names = nullptr;
  std::string prefix = {};  // of this checkpoint's tensors; empty where the encoder was saved by itself
  std::int64_t vocab = 0, hidden = 0, layers = 0, heads = 0, ffn = 0, positions = 0, types = 0;
  std::int64_t first_position = 0;  // rows of the table before the first position's
  float eps = 0;
  Activation activation = Activation::kGelu, lm_activation = Activation::kGelu, class_activation = Activation::kTanh;
  PositionRule rule = NoPosition{};
  OutputKind output = OutputKind::kHiddenStates;
  std::int64_t classes = 0;
  TensorName decoder = {}, decoder_bias = {};
};

// Of model types bert, roberta, xlm-roberta, distilbert and mpnet.
BertConfig read_bert_config(ConfigReader& config, const WeightSource& source, std::optional<OutputKind> asked);

}  // namespace ttt
