#pragma once

#include <memory>
#include <vector>

#include "attention/attention.h"
#include "attention/cross_attention.h"
#include "embeddings/token.h"
#include "ffn/gated_mlp.h"
#include "ffn/mlp.h"
#include "heads/lm_head.h"
#include "models/t5/t5_config.h"
#include "normalization/rmsnorm.h"
#include "runtime/encoder_head.h"

namespace ttt {

// T5, T5 v1.1, Flan-T5: RMSNorm before each block, the first layer's relative bias in all layers of a stack, scores
// without a scale.
struct T5FeedForward {
  T5FeedForward(const Scope& scope, const T5Config& config);
  void forward_add(Exec& exec, ConstTensorView x, TensorView y) const;

 private:
  std::vector<MLP> plain_;  // one of the two, once
  std::vector<GatedMLP> gated_;
};

class T5Encoder {
 public:
  T5Encoder(const Scope& scope, const T5Config& config);
  // x: [rows, hidden], embedded ids; overwritten by the states after the last norm.
  void forward(Exec& exec, const Step& step, TensorView x) const;

 private:
  struct Layer {
    Layer(const Scope& scope, const T5Config& config);
    RMSNorm attention_norm;
    Attention attention;
    RMSNorm ffn_norm;
    T5FeedForward ffn;
  };
  std::vector<Layer> layers_;
  RMSNorm norm_;
};

class T5 final : public Model {
 public:
  T5(const Scope& scope, const T5Config& config);

  void forward(Exec& exec, const Step& step, TensorView logits) const override;
  void encode(Exec& exec, const Step& source) const override;
  bool has_encoder() const override { return true; }
  std::int64_t vocab_size() const override { return vocab_; }

 private:
  struct Layer {
    Layer(const Scope& scope, const T5Config& config);
    RMSNorm attention_norm;
    Attention attention;
    RMSNorm cross_norm;
    CrossAttention cross;
    RMSNorm ffn_norm;
    T5FeedForward ffn;
  };

  std::int64_t hidden_, vocab_;
  TokenEmbedding embedding_;
  T5Encoder encoder_;
  std::vector<Layer> layers_;
  RMSNorm norm_;
  LMHead head_;
};

// The encoder alone: states of all rows.
class T5States final : public Model {
 public:
  T5States(const Scope& scope, const T5Config& config);
  void forward(Exec& exec, const Step& step, TensorView states) const override;
  std::int64_t vocab_size() const override { return vocab_; }
  OutputKind output() const override { return head_->kind(); }
  std::int64_t output_size() const override { return head_->size(); }

 private:
  std::int64_t hidden_, vocab_;
  TokenEmbedding embedding_;
  T5Encoder encoder_;
  std::unique_ptr<EncoderHead> head_;
};

const Family& t5_family();

}  // namespace ttt
