#pragma once

#include <memory>
#include <vector>

#include "attention/attention.h"
#include "embeddings/position_embedding.h"
#include "embeddings/token.h"
#include "ffn/gated_mlp.h"
#include "ffn/mlp.h"
#include "normalization/layer_scale.h"
#include "normalization/layernorm.h"
#include "runtime/encoder_head.h"
#include "runtime/model.h"

namespace ttt {

// Vision Transformer and DINOv2: norms before the blocks, a class token before the patches, learned positions. The
// input is rows of patches (runtime/image_rows.h), one projection of which is what the reference's convolution does.
struct ViTConfig {
  bool dino = false;  // names of its own, and a learned weight of each block's result
  std::string prefix = {};
  std::int64_t hidden = 0, layers = 0, heads = 0, ffn = 0, patches = 0, patch_values = 0;
  float eps = 0;
  bool qkv_bias = true, gated = false;
  Activation activation = Activation::kGelu;
  OutputKind output = OutputKind::kHiddenStates;
  std::int64_t classes = 0;
};
ViTConfig read_vit_config(ConfigReader& config, const Scope& scope);

class ViT final : public Model {
 public:
  ViT(const Scope& scope, const ViTConfig& config);

  void forward(Exec& exec, const Step& step, TensorView output) const override;
  std::int64_t vocab_size() const override { return 0; }
  std::int64_t input_size() const override { return input_size_; }
  std::int64_t max_rows() const override { return max_rows_; }
  OutputKind output() const override { return head_->kind(); }
  std::int64_t output_size() const override { return head_->size(); }

 private:
  struct Layer {
    Layer(const Scope& scope, const ViTConfig& config);
    LayerNorm attention_norm;
    Attention attention;
    LayerNorm ffn_norm;
    std::vector<MLP> ffn;  // one of the two, once
    std::vector<GatedMLP> gated;
    std::vector<LayerScale> scales;  // of attention and of the feed-forward, or none
  };
  void embed(Exec& exec, const Step& step, TensorView x) const;

  std::int64_t hidden_, input_size_, max_rows_;
  Dense patches_;
  TokenEmbedding class_token_;  // a table of one row
  PositionEmbedding positions_;
  std::vector<Layer> layers_;
  LayerNorm norm_;
  std::unique_ptr<EncoderHead> head_;
};

const Family& vit_family();

}  // namespace ttt
