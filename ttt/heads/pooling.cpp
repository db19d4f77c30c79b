#include "heads/pooling.h"

#include <array>
#include <cmath>
#include <limits>
#include <type_traits>

#include "base/enum_names.h"
#include "base/error.h"

namespace ttt {
namespace {

constexpr EnumNames<3> kKindNames{"mean", "cls", "last"};
constexpr std::array<kernels::PoolRowsFn, 3> kPools{kernels::pool_mean, kernels::pool_first, kernels::pool_last};

}  // namespace

std::string_view name_of(PoolingKind kind) { return name_in(kKindNames, kind); }

void validate(const PoolingSpec& spec, const Context& context) {
  const std::string_view who = context.name_or("Pooling");
  require(spec.hidden_dim > 0, ErrorKind::kBadData, "[", who, "] hidden_dim wanted a positive number, got ",
          spec.hidden_dim);
  require(!name_of(spec.kind).empty(), ErrorKind::kUsage, "[", who, "] kind wanted mean, cls or last, got number ",
          static_cast<int>(spec.kind));
  require(spec.eps > 0 && std::isfinite(spec.eps), ErrorKind::kBadData, "[", who,
          "] eps wanted a positive number, got ", spec.eps);
}

PoolingImplConfig default_impl_config(const PoolingSpec&, const DeviceTraits&, Strategy) { return {}; }

void bind_weights(PoolingWeights&, const PoolingSpec&, const PoolingImplConfig&, const PoolingNames&, const Context&,
                  WeightBinder&) {}

Pooling::Pooling(const PoolingSpec& spec, const PoolingWeights&, const PoolingImplConfig&, const Context& context) {
  validate(spec, context);
  plan_ = {.place = context.place,
           .hidden_dim = spec.hidden_dim,
           .stored = spec.kind == PoolingKind::kLast ? std::numeric_limits<std::int64_t>::max() : 0,
           .eps = spec.eps,
           .pool = kPools[static_cast<std::size_t>(spec.kind)],
           .normalize = spec.normalize ? kernels::normalize_rows : kernels::keep_rows};
  static_assert(std::is_trivially_copyable_v<Plan>);
}

void Pooling::forward(Exec& exec, ConstTensorView x, const BatchView& batch, TensorView y) const {
  const std::string_view path = plan_.place.path;
  const Shape rows{batch.rows(), plan_.hidden_dim}, result{batch.seqs(), plan_.hidden_dim};
  require(x.shape == rows && y.shape == result, ErrorKind::kInternal, "[", path, "] x wanted ", rows.to_string(),
          " and y ", result.to_string(), ", got ", x.shape.to_string(), " and ", y.shape.to_string());
  for (std::size_t s = 0; s < batch.past.size(); ++s) {
    require(batch.row_begin[s + 1] > batch.row_begin[s], ErrorKind::kUsage, "[", path, "] sequence ", s,
            " has no row in this step");
    require(batch.past[s] <= plan_.stored, ErrorKind::kUsage, "[", path, "] sequence ", s,
            " wanted whole in one step, got ", batch.past[s], " rows before it");
  }
  exec.launch(plan_.pool, {.x = x, .row_begin = batch.row_begin, .y = y});
  exec.launch(plan_.normalize, {.y = y, .eps = plan_.eps});
  exec.done(plan_.place, y);
}

}  // namespace ttt
