#pragma once

#include <memory>
#include <vector>

#include "attention/attention.h"
#include "embeddings/token.h"
#include "ffn/gated_mlp.h"
#include "heads/lm_head.h"
#include "normalization/rmsnorm.h"
#include "runtime/decoder_config.h"
#include "runtime/model.h"

namespace ttt {

// Llama 2, 3, 3.1, 3.2, SmolLM: pre-norm decoder layers of attention with RoPE and SwiGLU.
struct LlamaConfig : DecoderShape {
  std::int64_t ffn = 0;
  float eps = 0;
  bool attention_bias = false, mlp_bias = false;
  Activation activation = Activation::kSilu;
  RoPESpec rope = {};
};
LlamaConfig read_llama_config(ConfigReader& config, WeightSource& source, std::int64_t context);

class Llama final : public Model {
 public:
  Llama(const Scope& scope, const LlamaConfig& config);

  void forward(Exec& exec, const Step& step, TensorView logits) const override;
  std::int64_t vocab_size() const override { return vocab_; }

 private:
  struct Layer {
    Layer(const Scope& scope, const LlamaConfig& config);
    RMSNorm attention_norm;
    Attention attention;
    RMSNorm ffn_norm;
    GatedMLP ffn;
  };

  std::int64_t hidden_, vocab_;
  TokenEmbedding embedding_;
  std::vector<Layer> layers_;
  RMSNorm final_norm_;
  LMHead head_;
};

const Family& llama_family();

}  // namespace ttt
