#pragma once

#include <memory>
#include <string>
#include <vector>

#include "attention/attention.h"
#include "attention/cross_attention.h"
#include "embeddings/position_embedding.h"
#include "embeddings/token.h"
#include "ffn/mlp.h"
#include "heads/lm_head.h"
#include "normalization/layernorm.h"
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
};
BartConfig read_bart_config(ConfigReader& config, const Scope& scope);

class Bart final : public Model {
 public:
  Bart(const Scope& scope, const BartConfig& config);

  void forward(Exec& exec, const Step& step, TensorView logits) const override;
  void encode(Exec& exec, const Step& source) const override;
  bool has_encoder() const override { return true; }
  std::int64_t vocab_size() const override { return vocab_; }
  std::int64_t max_rows() const override { return positions_; }

 private:
  struct Inputs {
    Inputs(const Scope& scope, const BartConfig& config);
    void forward(Exec& exec, const Step& step, TensorView x) const;
    TokenEmbedding embedding;
    PositionEmbedding positions;
    LayerNorm norm;
  };
  struct Layer {
    Layer(const Scope& scope, const BartConfig& config);
    Attention attention;
    LayerNorm attention_norm;
    MLP ffn;
    LayerNorm ffn_norm;
  };
  struct DecoderLayer {
    DecoderLayer(const Scope& scope, const BartConfig& config);
    Attention attention;
    LayerNorm attention_norm;
    CrossAttention cross;
    LayerNorm cross_norm;
    MLP ffn;
    LayerNorm ffn_norm;
  };

  std::int64_t hidden_, vocab_, positions_;
  Inputs source_, target_;
  std::vector<Layer> encoder_;
  std::vector<DecoderLayer> decoder_;
  LMHead head_;
};

const Family& bart_family();

}  // namespace ttt
