#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "models/encoder/encoder.h"
#include "runtime/model.h"

// BERT, RoBERTa, XLM-RoBERTa, DistilBERT, MPNet: encoder layers with norms after attention and feed-forward.
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

struct BertConfig : EncoderShape {
  const BertNames* names = nullptr;
  std::string prefix = {};  // of this checkpoint's tensors; empty where the encoder was saved by itself
  std::int64_t vocab = 0, positions = 0, types = 0;
  std::int64_t first_position = 0;  // rows of the table before the first position's
  float eps = 0;
  Activation activation = Activation::kGelu, lm_activation = Activation::kGelu, class_activation = Activation::kTanh;
  PositionRule rule = NoPosition{};
  OutputKind output = OutputKind::kHiddenStates;
  std::int64_t classes = 0;
  std::string_view token_classifier = {};  // its place, of the head for classes of tokens
  TensorName decoder = {}, decoder_bias = {};
};

// Of model types bert, roberta, xlm-roberta, distilbert and mpnet.
BertConfig read_bert_config(ConfigReader& config, const WeightSource& source, std::optional<OutputKind> asked);

const Family& bert_family();

}  // namespace ttt
