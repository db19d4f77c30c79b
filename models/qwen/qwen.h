#pragma once

#include <memory>
#include <vector>

#include "attention/attention.h"
#include "embeddings/token.h"
#include "ffn/dense_or_moe.h"
#include "heads/lm_head.h"
#include "models/qwen/qwen_config.h"
#include "normalization/rmsnorm.h"
#include "runtime/model.h"

namespace ttt {

// Qwen 2, 2.5 and 3, dense and with experts: pre-norm decoder layers of attention with RoPE, biased q, k and v (2) or
// normed q and k (3), and SwiGLU or a mixture of SwiGLU experts.
class Qwen final : public Model {
 public:
  Qwen(const Scope& scope, const QwenConfig& config);

  void forward(Exec& exec, const Step& step, TensorView logits) const override;
  std::int64_t vocab_size() const override { return vocab_; }

 private:
  struct Layer {
    Layer(const Scope& scope, const QwenConfig& config, std::int64_t index);
    RMSNorm attention_norm;
    Attention attention;
    RMSNorm ffn_norm;
    DenseOrMoE ffn;
  };

  std::int64_t hidden_, vocab_;
  TokenEmbedding embedding_;
  std::vector<Layer> layers_;
  RMSNorm final_norm_;
  LMHead head_;
};

const Family& qwen_family();

}  // namespace ttt
