#pragma once

#include <memory>
#include <string>
#include <vector>

#include "attention/attention.h"
#include "embeddings/token.h"
#include "ffn/gated_mlp.h"
#include "heads/lm_head.h"
#include "normalization/rmsnorm.h"
#include "runtime/decoder_config.h"
#include "runtime/model.h"

namespace ttt {

// Gemma 2 and the text models of Gemma 3: scaled embeddings, norms of gain 1 + w before and after attention and GeGLU,
// windows in most layers. Gemma 2 caps scores and logits; Gemma 3 norms queries and keys, and its windows turn by
// another base.
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

class Gemma final : public Model {
 public:
  Gemma(const Scope& scope, const GemmaConfig& config);

  void forward(Exec& exec, const Step& step, TensorView logits) const override;
  std::int64_t vocab_size() const override { return vocab_; }

 private:
  struct Layer {
    Layer(const Scope& scope, const GemmaConfig& config, std::int64_t index);
    RMSNorm before_attention;
    Attention attention;
    RMSNorm after_attention, before_ffn;
    GatedMLP ffn;
    RMSNorm after_ffn;
  };

  std::int64_t hidden_, vocab_;
  TokenEmbedding embedding_;
  std::vector<Layer> layers_;
  RMSNorm final_norm_;
  LMHead head_;
};

const Family& gemma_family();

}  // namespace ttt
