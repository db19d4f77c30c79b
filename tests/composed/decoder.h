#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "embeddings/token.h"
#include "heads/lm_head.h"
#include "runtime/model.h"
#include "runtime/rope_config.h"

namespace ttt::composed {

// What all of these configurations have.
struct Shape {
  std::int64_t vocab = 0, hidden = 0, layers = 0, heads = 0, kv_heads = 0, head_dim = 0, ffn = 0, context = 0;
  float eps = 0;
  bool tied = false;
};

inline Shape read_shape(ConfigReader& config, const Scope& scope) {
  Shape s;
  s.vocab = config.integer("vocab_size", {.min = 1});
  s.hidden = config.integer("hidden_size", {.min = 1});
  s.layers = config.integer("num_hidden_layers", {.min = 1});
  s.heads = config.integer("num_attention_heads", {.min = 1});
  s.kv_heads = config.integer("num_key_value_heads", s.heads, {.min = 1});
  s.head_dim = config.integer("head_dim", s.hidden / s.heads, {.min = 1});
  s.ffn = config.integer("intermediate_size", {.min = 1});
  s.eps = static_cast<float>(config.number("rms_norm_eps", config.number("layer_norm_eps", 1e-5), {.min = 0}));
  s.tied = config.boolean("tie_word_embeddings", true);
  s.context = scope.options().context;
  return s;
}

// How a decoder begins and ends; names of tensors as the checkpoint has them.
template <class Norm>
struct Ends {
  TokenEmbeddingSpec embedding = {};
  std::string embedding_name = "model.embed_tokens", layers_name = "model.layers", norm_name = "model.norm";
  typename Norm::Spec norm = {};
  LMHeadSpec head = {};
  std::string head_name = "lm_head";
};

template <class Norm>
Ends<Norm> ends_of(const Shape& s, const typename Norm::Spec& norm) {
  return {.embedding = {.vocab_size = s.vocab, .hidden_dim = s.hidden},
          .norm = norm,
          .head = {.hidden_dim = s.hidden, .vocab_size = s.vocab, .tie_word_embeddings = s.tied}};
}

// Embedding, layers, norm, head. A Layer is built from (Scope, Config, index) and has
// forward(Exec&, const Step&, TensorView x, TensorView normed) const, which changes x.
template <class Layer, class Norm>
class Decoder : public Model {
 public:
  template <class Config>
  Decoder(const Scope& s, const Ends<Norm>& ends, std::int64_t layers, const Config& config)
      : hidden_(ends.embedding.hidden_dim),
        vocab_(ends.embedding.vocab_size),
        embedding_(make<TokenEmbedding>(s / ends.embedding_name, ends.embedding)),
        layers_(make_layers<Layer>(s / ends.layers_name, layers, config)),
        norm_(make<Norm>(s / ends.norm_name, ends.norm)),
        head_(make<LMHead>(
            s / ends.head_name, ends.head,
            {.weight = ends.head.tie_word_embeddings ? "/" + ends.embedding_name + ".weight" : "weight"})) {}

  void forward(Exec& exec, const Step& step, TensorView logits) const override {
    Scratch::Frame frame(exec.scratch);
    const TensorView x = frame.take({step.rows(), hidden_}), normed = frame.take({step.rows(), hidden_});
    embedding_.forward(exec, step.ids, x);
    after_embedding(exec, step, x);
    for (const Layer& layer : layers_) layer.forward(exec, step, x, normed);
    norm_.forward(exec, x, normed);
    head_.forward(exec, normed, step.wanted_rows, logits);
  }
  std::int64_t vocab_size() const override { return vocab_; }

 protected:
  virtual void after_embedding(Exec&, const Step&, TensorView) const {}

 private:
  std::int64_t hidden_, vocab_;
  TokenEmbedding embedding_;
  std::vector<Layer> layers_;
  Norm norm_;
  LMHead head_;
};

}  // namespace ttt::composed
