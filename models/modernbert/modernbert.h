#pragma once

#include <memory>
#include <string>
#include <vector>

#include "attention/attention.h"
#include "embeddings/token.h"
#include "ffn/gated_mlp.h"
#include "normalization/layernorm.h"
#include "runtime/encoder_head.h"
#include "runtime/model.h"

namespace ttt {

// ModernBERT: norms before the blocks, rotary positions, bidirectional windows in most layers, GeGLU.
struct ModernBertConfig {
  std::string prefix = {};  // "model", or empty where the encoder was saved by itself
  std::int64_t vocab = 0, hidden = 0, layers = 0, heads = 0, ffn = 0, positions = 0;
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

class ModernBert final : public Model {
 public:
  ModernBert(const Scope& scope, const ModernBertConfig& config);

  void forward(Exec& exec, const Step& step, TensorView output) const override;
  std::int64_t vocab_size() const override { return vocab_; }
  OutputKind output() const override { return head_->kind(); }
  std::int64_t output_size() const override { return head_->size(); }

 private:
  struct Layer {
    Layer(const Scope& scope, const ModernBertConfig& config, std::int64_t index);
    std::vector<LayerNorm> attention_norm;  // none in the first layer
    Attention attention;
    LayerNorm ffn_norm;
    GatedMLP ffn;
  };

  std::int64_t hidden_, vocab_;
  TokenEmbedding embedding_;
  LayerNorm embedding_norm_;
  std::vector<Layer> layers_;
  LayerNorm norm_;
  std::unique_ptr<EncoderHead> head_;
};

const Family& modernbert_family();

}  // namespace ttt
