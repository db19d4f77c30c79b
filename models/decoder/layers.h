#pragma once

#include "attention/attention.h"
#include "base/exec.h"
#include "model/scope.h"

// The two most usual layers of decoders, for families to derive theirs from. What else a layer does, its family writes
// out.
namespace ttt {

// x += attention(norm(x)); x += ffn(norm(x))
template <class Norm, class FeedForward, class Mixer = Attention>
struct PreNormLayer {
  Norm attention_norm;
  Mixer attention;
  Norm ffn_norm;
  FeedForward ffn;

  // x, normed: [rows, hidden], f32
  void forward(Exec& exec, const Step& step, TensorView x, TensorView normed) const {
    attention_norm.forward(exec, x, normed);
    attention.forward_add(exec, normed, step, x);
    ffn_norm.forward(exec, x, normed);
    ffn.forward_add(exec, normed, x);
  }
};

// The layer of most decoders, by the names that their checkpoints have.
template <class Norm, class FeedForward>
PreNormLayer<Norm, FeedForward> make_pre_norm_layer(const Scope& s, const typename Norm::Spec& norm,
                                                    const AttentionSpec& attention,
                                                    const typename FeedForward::Spec& ffn,
                                                    const typename FeedForward::Names& ffn_names = {}) {
  return {make<Norm>(s / "input_layernorm", norm), make<Attention>(s / "self_attn", attention),
          make<Norm>(s / "post_attention_layernorm", norm), make<FeedForward>(s / "mlp", ffn, ffn_names)};
}

// x += norm(attention(x)); x += norm(ffn(x))
template <class Norm, class FeedForward>
struct PostNormLayer {
  Attention attention;
  Norm attention_norm;
  FeedForward ffn;
  Norm ffn_norm;

  // x, result: [rows, hidden], f32
  void forward(Exec& exec, const Step& step, TensorView x, TensorView result) const {
    attention.forward(exec, x, step, result);
    attention_norm.forward_add(exec, result, x);
    ffn.forward(exec, x, result);
    ffn_norm.forward_add(exec, result, x);
  }
};

}  // namespace ttt
