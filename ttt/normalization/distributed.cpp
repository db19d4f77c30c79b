#include "normalization/distributed.h"

#include <span>

#include "base/enum_names.h"
#include "base/error.h"
#include "block/check_rows.h"
#include "block/checked_weights.h"
#include "kernels/rows/add_rows.h"
#include "linear/gather_columns.h"
#include "normalization/rank_moments.h"

namespace ttt {
namespace {

constexpr EnumNames<2> kStrategyNames{"all_reduce", "all_gather"};

// What both base norms come down to.
struct Base {
  bool rms = false, weight = false, bias = false;
  std::int64_t dim = 0;
  float eps = 0, weight_offset = 0;
};

Base base_of(const DistributedNormSpec& spec) {
  if (const auto* rms = std::get_if<RMSNormSpec>(&spec.base_norm)) {
    return {.rms = true, .weight = rms->affine, .dim = rms->dim, .eps = rms->eps, .weight_offset = rms->weight_offset};
  }
  const auto& layer = std::get<LayerNormSpec>(spec.base_norm);
  return {.weight = layer.weight,
          .bias = layer.bias,
          .dim = layer.dim,
          .eps = layer.eps,
          .weight_offset = layer.weight_offset};
}

// Two numbers of every row, from every rank.
bool exchanges_statistics(const DistributedNormSpec& spec, const DistributedNormImplConfig& impl) {
  return spec.distributed_strategy == DistributedStrategy::kAllReduce && !impl.whole_rows;
}

}  // namespace

std::string_view name_of(DistributedStrategy strategy) { return name_in(kStrategyNames, strategy); }

void validate(const DistributedNormSpec& spec, const Context& context) {
  const std::string_view who = context.name_or("DistributedNorm");
  std::visit([&](const auto& base) { validate(base, context); }, spec.base_norm);
  require(spec.num_devices == context.ranks, ErrorKind::kUsage, "[", who, "] num_devices wanted the number of ranks, ",
          context.ranks, ", got ", spec.num_devices);
  require(!name_of(spec.distributed_strategy).empty(), ErrorKind::kUsage, "[", who,
          "] distributed_strategy wanted all_reduce or all_gather, got number ",
          static_cast<int>(spec.distributed_strategy));
}

DistributedNormImplConfig default_impl_config(const DistributedNormSpec&, const DeviceTraits&, Strategy strategy) {
  // Combined statistics round differently for every number of parts.
  return {.reference = strategy == Strategy::kReference, .whole_rows = strategy == Strategy::kInvariant};
}

void bind_weights(DistributedNormWeights& weights, const DistributedNormSpec& spec,
                  const DistributedNormImplConfig& impl, const DistributedNormNames& names, const Context& context,
                  WeightBinder& binder) {
  const Base base = base_of(spec);
  const std::string path(context.place.path);
  require(impl.unit > 0, ErrorKind::kUsage, "[", context.name_or("DistributedNorm"),
          "] unit wanted a positive number, got ", impl.unit);
  const Part mine = part_of(base.dim, impl.unit, context.rank, context.ranks);
  const Cut cut = exchanges_statistics(spec, impl) ? cut_of(0, mine) : Cut{};
  constexpr WeightUse kVector = WeightUse::kVector;
  const auto bind = [&](ConstTensorView& field, const TensorName& name) {
    binder.bind(field, {.path = path, .name = name, .shape = {base.dim}, .cut = cut, .use = kVector});
  };
  if (base.weight) bind(weights.weight, names.weight);
  if (base.bias) bind(weights.bias, names.bias);
}

DistributedNorm::DistributedNorm(const DistributedNormSpec& spec, const DistributedNormWeights& weights,
                                 const DistributedNormImplConfig& impl, const Context& context)
    : plan_(make_plan(spec, checked_weights(spec, weights, impl, context), impl, context)) {}

DistributedNorm::Plan DistributedNorm::make_plan(const DistributedNormSpec& spec, const DistributedNormWeights& weights,
                                                 const DistributedNormImplConfig& impl, const Context& context) {
  const Base base = base_of(spec);
  const bool reduce = exchanges_statistics(spec, impl);
  const auto gathered = base.rms ? norm_gathered<true, false> : norm_gathered<false, false>;
  const auto gathered_add = base.rms ? norm_gathered<true, true> : norm_gathered<false, true>;
  return {.place = context.place,
          .dim = base.dim,
          .part = part_of(base.dim, impl.unit, context.rank, context.ranks),
          .parts = parts_of(base.dim, impl.unit, context.ranks),
          .one_each = std::vector<std::int64_t>(static_cast<std::size_t>(context.ranks), 1),
          .eps = base.eps,
          .weight_offset = base.weight_offset,
          .weight = weights.weight,
          .bias = weights.bias,
          .moments = base.rms ? kernels::select_row_moments_about_zero(context.traits, impl.reference)
                              : kernels::select_row_moments(context.traits, impl.reference),
          .norm = kernels::select_shard_norm(context.traits, impl.reference),
          .norm_add = kernels::select_shard_norm_add(context.traits, impl.reference),
          .whole_rms = kernels::select_rms_norm(context.traits, impl.reference),
          .whole_layer = kernels::select_layer_norm(context.traits, impl.reference),
          .store = reduce ? store_reduced : gathered,
          .add = reduce ? add_reduced : gathered_add};
}

kernels::ShardNormArgs DistributedNorm::exchange_statistics(const Plan& plan, Exec& exec, Scratch::Frame& frame,
                                                            ConstTensorView x, TensorView y) {
  const TensorView all = gather_moments(exec, frame, plan.moments, x, plan.one_each);
  return {.x = x,
          .weight = plan.weight,
          .bias = plan.bias,
          .y = y,
          .statistics = all.row<float>(0),
          .parts = plan.parts,
          .eps = plan.eps,
          .weight_offset = plan.weight_offset};
}

void DistributedNorm::store_reduced(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y) {
  Scratch::Frame frame(exec.scratch);
  exec.launch(plan.norm, exchange_statistics(plan, exec, frame, x, y));
}

void DistributedNorm::add_reduced(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y) {
  Scratch::Frame frame(exec.scratch);
  exec.launch(plan.norm_add, exchange_statistics(plan, exec, frame, x, y));
}

TensorView DistributedNorm::gather(const Plan& plan, Exec& exec, Scratch::Frame& frame, ConstTensorView x) {
  const TensorView whole = frame.take({x.dim(0), plan.dim});
  gather_columns(exec, x, plan.parts, whole);
  return whole;
}

template <bool kRms, bool kAdd>
void DistributedNorm::norm_gathered(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y) {
  Scratch::Frame frame(exec.scratch);
  const TensorView whole = gather(plan, exec, frame, x);
  if constexpr (kRms) {
    exec.launch(plan.whole_rms,
                {.x = whole, .weight = plan.weight, .y = whole, .eps = plan.eps, .weight_offset = plan.weight_offset});
  } else {
    exec.launch(plan.whole_layer, {.x = whole, .weight = plan.weight, .bias = plan.bias, .y = whole, .eps = plan.eps});
  }
  const ConstTensorView mine = columns_of(ConstTensorView(whole), plan.part.begin, plan.part.count);
  exec.launch(kAdd ? kernels::add_rows : kernels::add_rows_store, kernels::AddRowsArgs{.x = mine, .y = y});
}

void DistributedNorm::check(ConstTensorView x, TensorView y) const {
  check_rows(plan_.place, x, y, plan_.part.count);
  require(x.row_bytes == plan_.part.count * std::int64_t{sizeof(float)} || x.dim(0) < 2, ErrorKind::kInternal, "[",
          plan_.place.path, "] x wanted rows back to back, got ", x.row_bytes, " bytes between them");
}

void DistributedNorm::compute(Exec& exec, ConstTensorView x, const BlockOutput& out) const {
  out.choose(plan_.store, plan_.add)(plan_, exec, x, out.y);
}

}  // namespace ttt
