#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/context.h"
#include "base/exec.h"
#include "base/partition.h"
#include "base/weights.h"
#include "collectives/reduce.h"

namespace ttt {

// y[r, :] = scale * table[ids[r], :]
//
// Over ranks the table is cut by rows (vocabulary); the parts are summed.

struct TokenEmbeddingSpec {
  std::int64_t vocab_size = 0, hidden_dim = 0;
  float scale = 1.0f;  // sqrt(hidden_dim) in some models

  bool operator==(const TokenEmbeddingSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("vocab_size", self.vocab_size);
    visit("hidden_dim", self.hidden_dim);
    visit("scale", self.scale);
  }
};

struct TokenEmbeddingImplConfig {
  std::optional<Format> table = {};  // absent: as stored; rows are decoded as they are looked up

  bool operator==(const TokenEmbeddingImplConfig&) const = default;
  static void visit_fields(auto& self, auto&& visit) { visit("table", self.table); }
};

struct TokenEmbeddingWeights {
  ConstTensorView weight = {};  // [this rank's rows, hidden_dim], row-major, any format
};

struct TokenEmbeddingNames {
  TensorName weight = "weight";
};

void validate(const TokenEmbeddingSpec& spec, const Context& context);
TokenEmbeddingImplConfig default_impl_config(const TokenEmbeddingSpec& spec, const DeviceTraits& traits,
                                             Strategy strategy);
void bind_weights(TokenEmbeddingWeights& weights, const TokenEmbeddingSpec& spec, const TokenEmbeddingImplConfig& impl,
                  const TokenEmbeddingNames& names, const Context& context, WeightBinder& binder);

class TokenEmbedding {
 public:
  using Spec = TokenEmbeddingSpec;
  using ImplConfig = TokenEmbeddingImplConfig;
  using Weights = TokenEmbeddingWeights;
  using Names = TokenEmbeddingNames;

  TokenEmbedding(const TokenEmbeddingSpec& spec, const TokenEmbeddingWeights& weights,
                 const TokenEmbeddingImplConfig& impl, const Context& context);

  // y: [ids.size(), hidden_dim], f32. An id outside [0, vocab_size) is Error{kBadData} that names it.
  void forward(Exec& exec, std::span<const std::int32_t> ids, TensorView y) const;

 private:
  struct Plan {
    Place place;
    std::int64_t vocab_size, hidden_dim;
    Part part;
    float scale;
    ConstTensorView weight;
    ReduceFn reduce;
  } plan_{};
};

}  // namespace ttt
