#include "embeddings/token.h"

#include <cmath>
#include <utility>

#include "base/enum_names.h"
#include "base/error.h"
#include "block/checked_weights.h"
#include "kernels/rows/rows.h"
#include "linear/gather_columns.h"

namespace ttt {
namespace {

constexpr EnumNames<2> kSplitNames{"vocabulary", "hidden"};

// Columns that no block of a stored format crosses: rows hold whole blocks, so the width tells which there can be.
std::int64_t column_unit(std::int64_t hidden_dim) {
  for (const std::int64_t block : {256, 32}) {
    if (hidden_dim % block == 0) return block;
  }
  return 1;
}

bool by_columns(const TokenEmbeddingImplConfig& impl, const Context& context) {
  return impl.split == TableSplit::kHidden && context.ranks > 1;
}

Part row_part(const TokenEmbeddingSpec& spec, const Context& context) {
  return part_of(spec.vocab_size, 1, context.rank, context.ranks);
}

Part column_part(const TokenEmbeddingSpec& spec, const Context& context) {
  return part_of(spec.hidden_dim, column_unit(spec.hidden_dim), context.rank, context.ranks);
}

}  // namespace

std::string_view name_of(TableSplit split) { return name_in(kSplitNames, split); }

void validate(const TokenEmbeddingSpec& spec, const Context& context) {
  const std::string_view who = context.name_or("TokenEmbedding");
  require(spec.vocab_size > 0, ErrorKind::kBadData, "[", who, "] vocab_size wanted a positive number, got ",
          spec.vocab_size);
  require(spec.hidden_dim > 0, ErrorKind::kBadData, "[", who, "] hidden_dim wanted a positive number, got ",
          spec.hidden_dim);
  require(std::isfinite(spec.scale), ErrorKind::kBadData, "[", who, "] scale wanted a finite number, got ", spec.scale);
  require(spec.num_token_types >= 0, ErrorKind::kBadData, "[", who,
          "] num_token_types wanted a number of at least 0, got ", spec.num_token_types);
  const std::int64_t padding = spec.padding_idx.value_or(0);
  require(padding >= -spec.vocab_size && padding < spec.vocab_size, ErrorKind::kBadData, "[", who,
          "] padding_idx wanted ", -spec.vocab_size, " to ", spec.vocab_size - 1, ", got ", padding);
}

TokenEmbeddingImplConfig default_impl_config(const TokenEmbeddingSpec&, const DeviceTraits&, Strategy) { return {}; }

void bind_weights(TokenEmbeddingWeights& weights, const TokenEmbeddingSpec& spec, const TokenEmbeddingImplConfig& impl,
                  const TokenEmbeddingNames& names, const Context& context, WeightBinder& binder) {
  const std::string path(context.place.path);
  binder.bind(weights.weight, {.path = path,
                               .name = names.weight,
                               .shape = {spec.vocab_size, spec.hidden_dim},
                               .cut = by_columns(impl, context) ? cut_of(1, column_part(spec, context))
                                                                : cut_of(0, row_part(spec, context)),
                               .use = WeightUse::kTable,
                               .format = impl.table});
  if (spec.num_token_types == 0) return;
  binder.bind(weights.token_type, {.path = path,
                                   .name = names.token_type,
                                   .shape = {spec.num_token_types, spec.hidden_dim},
                                   .use = WeightUse::kTable,
                                   .format = impl.table});
}

TokenEmbedding::TokenEmbedding(const TokenEmbeddingSpec& spec, const TokenEmbeddingWeights& weights,
                               const TokenEmbeddingImplConfig& impl, const Context& context)
    : plan_(make_plan(spec, checked_weights(spec, weights, impl, context), impl, context)) {}

TokenEmbedding::Plan TokenEmbedding::make_plan(const TokenEmbeddingSpec& spec, const TokenEmbeddingWeights& w,
                                               const TokenEmbeddingImplConfig& impl, const Context& context) {
  require(!name_of(impl.split).empty(), ErrorKind::kUsage, "[", context.name_or("TokenEmbedding"),
          "] split wanted vocabulary or hidden, got number ", static_cast<int>(impl.split));
  const bool gathers = by_columns(impl, context), types = spec.num_token_types > 0;
  return {.place = context.place,
          .vocab_size = spec.vocab_size,
          .hidden_dim = spec.hidden_dim,
          .token_types = spec.num_token_types,
          .first_row = gathers ? 0 : row_part(spec, context).begin,
          .columns = w.weight.dim(1),
          .columns_of_ranks = parts_of(spec.hidden_dim, column_unit(spec.hidden_dim), context.ranks),
          .scale = spec.scale,
          .weight = w.weight,
          .token_type = w.token_type,
          .reduce = select_all_reduce(context.ranks),
          .look_up = gathers ? look_up_gathered : look_up_summed,
          .add_types = types ? add_type_rows : add_nothing};
}

void TokenEmbedding::look_up_summed(const Plan& plan, Exec& exec, std::span<const std::int32_t> ids, TensorView y) {
  exec.launch(
      kernels::embed,
      kernels::EmbedArgs{.ids = ids, .table = plan.weight, .first_row = plan.first_row, .scale = plan.scale, .y = y});
  plan.reduce(exec, y);
}

void TokenEmbedding::look_up_gathered(const Plan& plan, Exec& exec, std::span<const std::int32_t> ids, TensorView y) {
  Scratch::Frame frame(exec.scratch);
  const TensorView mine = frame.take({y.dim(0), plan.columns});
  exec.launch(kernels::embed, kernels::EmbedArgs{.ids = ids, .table = plan.weight, .scale = plan.scale, .y = mine});
  gather_columns(exec, mine, plan.columns_of_ranks, y);
}

void TokenEmbedding::add_type_rows(const Plan& plan, Exec& exec, std::span<const std::int32_t> types, TensorView y) {
  exec.launch(kernels::add_table_rows, kernels::AddTableRowsArgs{.ids = types, .table = plan.token_type, .y = y});
}

void TokenEmbedding::add_nothing(const Plan&, Exec&, std::span<const std::int32_t>, TensorView) {}

void TokenEmbedding::check(std::span<const std::int32_t> ids, std::span<const std::int32_t> types, TensorView y) const {
  const std::string_view who = plan_.place.path;
  const Shape wanted{static_cast<std::int64_t>(ids.size()), plan_.hidden_dim};
  require(y.shape == wanted, ErrorKind::kInternal, "[", who, "] y wanted ", wanted.to_string(), ", got ",
          y.shape.to_string());
  require(types.empty() || types.size() == ids.size(), ErrorKind::kUsage, "[", who, "] token types wanted ", ids.size(),
          " or none, got ", types.size());
  for (const std::int32_t id : ids) {
    require(id >= 0 && id < plan_.vocab_size, ErrorKind::kUsage, "[", who, "] token id wanted 0 to ",
            plan_.vocab_size - 1, ", got ", id);
  }
  require(types.empty() || plan_.token_types > 0, ErrorKind::kUsage, "[", who,
          "] wanted no token types, as there is no table of them, got ", types.size());
  for (const std::int32_t type : types) {
    require(type >= 0 && type < plan_.token_types, ErrorKind::kUsage, "[", who, "] token type wanted 0 to ",
            plan_.token_types - 1, ", got ", type);
  }
}

void TokenEmbedding::forward(Exec& exec, std::span<const std::int32_t> ids, std::span<const std::int32_t> types,
                             TensorView y) const {
  check(ids, types, y);
  plan_.look_up(plan_, exec, ids, y);
  plan_.add_types(plan_, exec, types, y);
  exec.done(plan_.place, y);
}

}  // namespace ttt
