#include "embeddings/token.h"

#include <cmath>
#include <type_traits>

#include "base/error.h"
#include "kernels/rows.h"

namespace ttt {

void validate(const TokenEmbeddingSpec& spec, const Context& context) {
  const std::string_view who = context.name_or("TokenEmbedding");
  require(spec.vocab_size > 0, ErrorKind::kBadData, "[", who, "] vocab_size wanted a positive number, got ",
          spec.vocab_size);
  require(spec.hidden_dim > 0, ErrorKind::kBadData, "[", who, "] hidden_dim wanted a positive number, got ",
          spec.hidden_dim);
  require(std::isfinite(spec.scale), ErrorKind::kBadData, "[", who, "] scale wanted a finite number, got ", spec.scale);
}

TokenEmbeddingImplConfig default_impl_config(const TokenEmbeddingSpec&, const DeviceTraits&, Strategy) { return {}; }

void bind_weights(TokenEmbeddingWeights& weights, const TokenEmbeddingSpec& spec, const TokenEmbeddingImplConfig& impl,
                  const TokenEmbeddingNames& names, const Context& context, WeightBinder& binder) {
  binder.bind(weights.weight, {.path = std::string(context.place.path),
                               .name = names.weight,
                               .shape = {spec.vocab_size, spec.hidden_dim},
                               .cut = cut_of(0, part_of(spec.vocab_size, 1, context.rank, context.ranks)),
                               .use = WeightUse::kTable,
                               .format = impl.table});
}

TokenEmbedding::TokenEmbedding(const TokenEmbeddingSpec& spec, const TokenEmbeddingWeights& weights,
                               const TokenEmbeddingImplConfig& impl, const Context& context) {
  validate(spec, context);
  TokenEmbeddingWeights checked = weights;
  WeightChecker checker;
  bind_weights(checked, spec, impl, {}, context, checker);
  plan_ = {.place = context.place,
           .vocab_size = spec.vocab_size,
           .hidden_dim = spec.hidden_dim,
           .part = part_of(spec.vocab_size, 1, context.rank, context.ranks),
           .scale = spec.scale,
           .weight = weights.weight,
           .reduce = select_all_reduce(context.ranks)};
  static_assert(std::is_trivially_copyable_v<Plan>);
}

void TokenEmbedding::forward(Exec& exec, std::span<const std::int32_t> ids, TensorView y) const {
  const Shape wanted{static_cast<std::int64_t>(ids.size()), plan_.hidden_dim};
  require(y.shape == wanted, ErrorKind::kInternal, "[", plan_.place.path, "] y wanted ", wanted.to_string(), ", got ",
          y.shape.to_string());
  for (const std::int32_t id : ids) {
    require(id >= 0 && id < plan_.vocab_size, ErrorKind::kBadData, "[", plan_.place.path, "] token id wanted 0 to ",
            plan_.vocab_size - 1, ", got ", id);
  }
  exec.launch(kernels::embed, kernels::EmbedArgs{.ids = ids,
                                                 .table = plan_.weight,
                                                 .first_row = plan_.part.begin,
                                                 .scale = plan_.scale,
                                                 .y = y});
  plan_.reduce(exec, y);
  exec.done(plan_.place, y);
}

}  // namespace ttt
