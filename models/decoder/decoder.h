#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

#include "embeddings/token.h"
#include "heads/lm_head.h"
#include "runtime/decoder_config.h"
#include "runtime/model.h"

namespace ttt {

// The embedding, final norm and head of a decoder, with their names in the checkpoint.
template <class Norm>
struct DecoderEnds {
  typename Norm::Spec norm = {};  // of the last layer's result
  float embedding_scale = 1, logit_scale = 1;
  std::optional<float> logit_cap = {};
  bool head_bias = false;
  std::string_view embedding = "model.embed_tokens", layers = "model.layers", final_norm = "model.norm",
                   head = "lm_head";
};

// logits = head(norm(layer_n(... layer_1(embedding(ids)))))
//
// A Layer is built from (Scope, const Config&, index) and has
//     void forward(Exec&, const Step&, TensorView x, TensorView spare) const;
// x: [rows, hidden], f32, the residual stream, updated in place; spare: [rows, hidden], f32, scratch.
template <class Layer, class Norm>
class DecoderModel final : public Model {
 public:
  template <class Config>  // a DecoderShape and what Layer reads
  DecoderModel(const Scope& s, const Config& c, const DecoderEnds<Norm>& ends)
      : hidden_(c.hidden),
        vocab_(c.vocab),
        embedding_(make<TokenEmbedding>(s / ends.embedding,
                                        {.vocab_size = c.vocab, .hidden_dim = c.hidden, .scale = ends.embedding_scale},
                                        {.weight = c.embedding})),
        layers_(make_layers<Layer>(s / ends.layers, c.layers, c)),
        norm_(make<Norm>(s / ends.final_norm, ends.norm)),
        head_(make<LMHead>(s / ends.head,
                           {.hidden_dim = c.hidden,
                            .vocab_size = c.vocab,
                            .tie_word_embeddings = c.tied,
                            .bias = ends.head_bias,
                            .logit_scale = ends.logit_scale,
                            .soft_cap = ends.logit_cap},
                           {.weight = c.head})) {}

  void forward(Exec& exec, const Step& step, TensorView logits) const override {
    Scratch::Frame frame(exec.scratch);
    const TensorView x = frame.take({step.rows(), hidden_}), spare = frame.take({step.rows(), hidden_});
    embedding_.forward(exec, step.ids, x);
    for (const Layer& layer : layers_) layer.forward(exec, step, x, spare);
    norm_.forward(exec, x, spare);
    head_.forward(exec, spare, step.wanted_rows, logits);
  }
  std::int64_t vocab_size() const override { return vocab_; }

 private:
  std::int64_t hidden_, vocab_;
  TokenEmbedding embedding_;
  std::vector<Layer> layers_;
  Norm norm_;
  LMHead head_;
};

// Family::make of a DecoderModel. kRead(config, scope) returns the Config of Layer, and has refused keys that it does
// not know (ConfigReader::finish); kEnds(config) returns the DecoderEnds, or of the usual ones the Spec of their norm.
template <class Layer, class Norm, auto kRead, auto kEnds>
std::unique_ptr<Model> make_decoder(const Scope& scope, ConfigReader& config) {
  const auto c = kRead(config, scope);
  DecoderEnds<Norm> ends;
  if constexpr (std::is_same_v<decltype(kEnds(c)), DecoderEnds<Norm>>) {
    ends = kEnds(c);
  } else {
    ends.norm = kEnds(c);
  }
  return std::make_unique<DecoderModel<Layer, Norm>>(scope, c, ends);
}

}  // namespace ttt
