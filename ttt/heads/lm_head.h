#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/context.h"
#include "base/exec.h"
#include "base/weights.h"
#include "kernels/rows/top_rows.h"
#include "linear/gathered_linear.h"

namespace ttt {

// logits[i, :] = cap(logit_scale * (x[wanted[i], :] w^T + bias)), cap(v) = soft_cap * tanh(v / soft_cap) where given
//
// Over ranks the vocabulary is cut into parts of any size; every rank receives all logits, or the k largest.

struct LMHeadSpec {
  std::int64_t hidden_dim = 0, vocab_size = 0;
  bool tie_word_embeddings = false;  // the weight is the token embedding's table
  bool bias = false;
  float logit_scale = 1.0f;
  std::optional<float> soft_cap = {};

  bool operator==(const LMHeadSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("hidden_dim", self.hidden_dim);
    visit("vocab_size", self.vocab_size);
    visit("tie_word_embeddings", self.tie_word_embeddings);
    visit("bias", self.bias);
    visit("logit_scale", self.logit_scale);
    visit("soft_cap", self.soft_cap);
  }
};

struct LMHeadImplConfig {
  std::optional<Format> weight = {};  // absent: as stored
  bool keep_narrower = false;         // WeightRequest::keep_narrower
  LinearImplConfig linear = {};

  bool operator==(const LMHeadImplConfig&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("weight", self.weight);
    visit("keep_narrower", self.keep_narrower);
    visit("linear", self.linear);
  }
};
// Of a tied head a format of four bits would also round what the embedding looks up exactly, and costs more there than
// in all layers (docs/quality.md): such a head gets q8_0, or stays as stored if that takes no more bits.
void set_weight_format(LMHeadImplConfig& impl, const LMHeadSpec& spec, Format format);

// vocab is this rank's part of vocab_size.
struct LMHeadWeights {
  ConstTensorView weight = {};  // [vocab, hidden_dim]
  ConstTensorView bias = {};    // [vocab], f32; absent without bias
};

// Where the weight is tied, name the embedding's table from the root: {.weight = "/model.embed_tokens.weight"}.
struct LMHeadNames {
  TensorName weight = "weight", bias = "bias";
};

void validate(const LMHeadSpec& spec, const Context& context);
// As default_linear_config; kReference computes the soft cap in double precision too.
LMHeadImplConfig default_impl_config(const LMHeadSpec& spec, const DeviceTraits& traits, Strategy strategy);
void bind_weights(LMHeadWeights& weights, const LMHeadSpec& spec, const LMHeadImplConfig& impl,
                  const LMHeadNames& names, const Context& context, WeightBinder& binder);

class LMHead {
 public:
  using Spec = LMHeadSpec;
  using ImplConfig = LMHeadImplConfig;
  using Weights = LMHeadWeights;
  using Names = LMHeadNames;

  LMHead(const LMHeadSpec& spec, const LMHeadWeights& weights, const LMHeadImplConfig& impl, const Context& context);

  // x: [rows, hidden_dim], f32; wanted: row indices of x; logits: [wanted.size(), vocab_size], f32.
  void forward(Exec& exec, ConstTensorView x, std::span<const std::int64_t> wanted, TensorView logits) const;
  // The k largest logits of each wanted row, largest first, equal ones by ascending id, NaN before any number. The
  // values are those of forward, but each rank sends only k entries instead of its part of the vocabulary.
  // ids: [wanted.size() * k]; values: [wanted.size(), k], f32. Error{kUsage} unless 1 <= k <= vocab_size.
  void forward_top(Exec& exec, ConstTensorView x, std::span<const std::int64_t> wanted, std::int64_t k,
                   std::span<std::int32_t> ids, TensorView values) const;

 private:
  struct Plan {
    // All ranks' candidates, rank after rank, from this rank's: each rank has rows x min(k, its part).
    using ExchangeFn = const kernels::TopEntry* (*)(const Plan&, Exec&, Scratch::Frame&, const kernels::TopEntry* mine,
                                                    std::int64_t rows, std::int64_t k);
    Place place;
    std::int64_t hidden_dim, vocab_size;
    GatheredLinear linear;
    kernels::ActivationFn scale_and_cap;  // of logits; null: neither
    kernels::ActivationParams params;
    ExchangeFn exchange;
  } plan_;

  static Plan make_plan(const LMHeadSpec& spec, const LMHeadWeights& w, const LMHeadImplConfig& impl,
                        const Context& context);
  void check_input(ConstTensorView x) const;
  static const kernels::TopEntry* keep_candidates(const Plan& plan, Exec& exec, Scratch::Frame& frame,
                                                  const kernels::TopEntry* mine, std::int64_t rows, std::int64_t k);
  static const kernels::TopEntry* exchange_candidates(const Plan& plan, Exec& exec, Scratch::Frame& frame,
                                                      const kernels::TopEntry* mine, std::int64_t rows, std::int64_t k);
};

}  // namespace ttt
