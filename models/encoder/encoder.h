#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "attention/attention.h"
#include "ffn/gated_mlp.h"
#include "ffn/mlp.h"
#include "heads/lm_head.h"
#include "runtime/encoder_head.h"
#include "runtime/model.h"

// What encoders and encoder-decoders share: the model around their layers, a layer, and names of tensors.
namespace ttt {

// What a model takes; see the functions of Model of these names.
struct EncoderInputs {
  std::int64_t hidden = 0, vocab = 0, input_size = 0, token_types = 0, max_rows = 0;
};

// output = head(encoder(rows))
//
// An Encoder is built from (Scope, const Config&) and has
//     void forward(Exec&, const Step&, TensorView x) const;
// which writes to x, [rows, hidden], f32, the states of the step's rows after the last layer.
template <class Encoder>
class EncoderModel final : public Model {
 public:
  EncoderModel(const EncoderInputs& inputs, Encoder encoder, std::unique_ptr<EncoderHead> head)
      : inputs_(inputs), encoder_(std::move(encoder)), head_(std::move(head)) {}

  void forward(Exec& exec, const Step& step, TensorView output) const override {
    Scratch::Frame frame(exec.scratch);
    const TensorView x = frame.take({step.rows(), inputs_.hidden});
    encoder_.forward(exec, step, x);
    head_->forward(exec, step, x, output);
  }
  std::int64_t vocab_size() const override { return inputs_.vocab; }
  OutputKind output() const override { return head_->kind(); }
  std::int64_t output_size() const override { return head_->size(); }
  std::int64_t input_size() const override { return inputs_.input_size; }
  std::int64_t token_types() const override { return inputs_.token_types; }
  std::int64_t max_rows() const override { return inputs_.max_rows; }

 private:
  EncoderInputs inputs_;
  Encoder encoder_;
  std::unique_ptr<EncoderHead> head_;
};

// output = head(decoder(ids, encoder(source ids)))
//
// A Decoder has, beside a forward like an Encoder's,
//     void store(Exec&, ConstTensorView x, const Step& source) const;
// which stores what its cross attentions read of the encoder's states x.
template <class Encoder, class Decoder>
class EncoderDecoderModel final : public Model {
 public:
  EncoderDecoderModel(const EncoderInputs& inputs, Encoder encoder, Decoder decoder, std::unique_ptr<EncoderHead> head)
      : inputs_(inputs), encoder_(std::move(encoder)), decoder_(std::move(decoder)), head_(std::move(head)) {}

  void encode(Exec& exec, const Step& source) const override {
    Scratch::Frame frame(exec.scratch);
    const TensorView x = frame.take({source.rows(), inputs_.hidden});
    encoder_.forward(exec, source, x);
    decoder_.store(exec, x, source);
  }
  void forward(Exec& exec, const Step& step, TensorView output) const override {
    Scratch::Frame frame(exec.scratch);
    const TensorView x = frame.take({step.rows(), inputs_.hidden});
    decoder_.forward(exec, step, x);
    head_->forward(exec, step, x, output);
  }
  bool has_encoder() const override { return true; }
  OutputKind output() const override { return head_->kind(); }
  std::int64_t output_size() const override { return head_->size(); }
  std::int64_t vocab_size() const override { return inputs_.vocab; }
  std::int64_t max_rows() const override { return inputs_.max_rows; }

 private:
  EncoderInputs inputs_;
  Encoder encoder_;
  Decoder decoder_;
  std::unique_ptr<EncoderHead> head_;
};

// The logits of a decoder's wanted rows.
std::unique_ptr<EncoderHead> make_vocabulary_head(LMHead head, std::int64_t vocab);

// x = norm(x + attention(x)); x = norm(x + ffn(x))
template <class Norm, class FeedForward>
struct NormAfterSumLayer {
  Attention attention;
  Norm attention_norm;
  FeedForward ffn;
  Norm ffn_norm;

  // x: [rows, hidden], f32
  void forward(Exec& exec, const Step& step, TensorView x) const {
    attention.forward_add(exec, x, step, x);
    attention_norm.forward(exec, x, x);
    ffn.forward_add(exec, x, x);
    ffn_norm.forward(exec, x, x);
  }
};

// The feed-forward of families of which some models have a gate. It holds one of the two, so forward does not choose.
class PlainOrGatedMLP {
 public:
  explicit PlainOrGatedMLP(MLP ffn) { plain_.push_back(std::move(ffn)); }
  explicit PlainOrGatedMLP(GatedMLP ffn) { gated_.push_back(std::move(ffn)); }

  // x, y: [rows, hidden], f32; y may be x.
  void forward(Exec& exec, ConstTensorView x, TensorView y) const {
    for (const MLP& ffn : plain_) ffn.forward(exec, x, y);
    for (const GatedMLP& ffn : gated_) ffn.forward(exec, x, y);
  }
  void forward_add(Exec& exec, ConstTensorView x, TensorView y) const {
    for (const MLP& ffn : plain_) ffn.forward_add(exec, x, y);
    for (const GatedMLP& ffn : gated_) ffn.forward_add(exec, x, y);
  }

 private:
  std::vector<MLP> plain_;  // one of the two has one block
  std::vector<GatedMLP> gated_;
};

// STEM.weight and STEM.bias of every projection.
AttentionNames attention_names(std::string_view q, std::string_view k, std::string_view v, std::string_view o);
MLPNames mlp_names(std::string_view up, std::string_view down);
// Gate and up in one tensor.
GatedMLPNames gated_mlp_names(std::int64_t ffn, std::string_view gate_up, std::string_view down);

// The sizes of an encoder's layers.
struct EncoderShape {
  std::int64_t hidden = 0, layers = 0, heads = 0, ffn = 0;
};
// Of the usual keys. Error{kBadData} where hidden is no multiple of the heads.
EncoderShape read_encoder_shape(ConfigReader& config, const EncoderShape& absent);
void check_heads(const ConfigReader& config, std::string_view key, std::int64_t hidden, std::int64_t heads);

}  // namespace ttt
