#pragma once

#include <memory>
#include <vector>

#include "attention/attention.h"
#include "embeddings/position_embedding.h"
#include "embeddings/token.h"
#include "ffn/mlp.h"
#include "models/bert/bert_config.h"
#include "normalization/layernorm.h"
#include "runtime/model.h"

namespace ttt {

// BERT, RoBERTa, XLM-RoBERTa, DistilBERT, MPNet: encoder layers with norms after attention and feed-forward.
class Bert final : public Model {
 public:
  Bert(const Scope& scope, const BertConfig& config);

  void forward(Exec& exec, const Step& step, TensorView output) const override;
  std::int64_t vocab_size() const override { return vocab_; }
  OutputKind output() const override { return head_->kind(); }
  std::int64_t output_size() const override { return head_->size(); }
  std::int64_t token_types() const override { return types_; }
  std::int64_t max_rows() const override { return max_rows_; }

 private:
  struct Layer {
    Layer(const Scope& scope, const BertConfig& config);
    Attention attention;
    LayerNorm attention_norm;
    MLP ffn;
    LayerNorm ffn_norm;
  };

  std::int64_t hidden_, vocab_, types_, max_rows_;
  TokenEmbedding embedding_;
  PositionEmbedding positions_;
  LayerNorm embedding_norm_;
  std::vector<Layer> layers_;
  std::unique_ptr<EncoderHead> head_;
};

const Family& bert_family();

}  // namespace ttt
