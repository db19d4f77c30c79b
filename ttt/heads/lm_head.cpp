#include "heads/lm_head.h"

#include <cmath>

#include "base/error.h"
#include "base/partition.h"
#include "kernels/rows/rows.h"
#include "linear/default_config.h"
#include "linear/gather_columns.h"

namespace ttt {
namespace {

// alpha: the scale, limit: the cap.
void scale_logits(float* values, std::int64_t n, const kernels::ActivationParams& params) noexcept {
  for (std::int64_t i = 0; i < n; ++i) values[i] *= params.alpha;
}

template <class Real>
void cap_logits(float* values, std::int64_t n, const kernels::ActivationParams& params) noexcept {
  const Real scale = static_cast<Real>(params.alpha), cap = static_cast<Real>(params.limit);
  for (std::int64_t i = 0; i < n; ++i) {
    values[i] = static_cast<float>(cap * std::tanh(static_cast<Real>(values[i]) * scale / cap));
  }
}

kernels::ActivationFn finish_of(const LMHeadSpec& spec, const LMHeadImplConfig& impl) {
  if (spec.soft_cap) return impl.linear.reference ? cap_logits<double> : cap_logits<float>;
  return spec.logit_scale == 1.0f ? nullptr : scale_logits;
}

Part vocab_part(const LMHeadSpec& spec, std::int64_t rank, const Context& context) {
  return part_of(spec.vocab_size, 1, rank, context.ranks);
}

LMHeadWeights check(const LMHeadSpec& spec, const LMHeadWeights& weights, const LMHeadImplConfig& impl,
                    const Context& context) {
  validate(spec, context);
  LMHeadWeights checked = weights;
  WeightChecker checker;
  bind_weights(checked, spec, impl, {}, context, checker);
  return checked;
}

std::vector<std::int64_t> parts_of(const LMHeadSpec& spec, const Context& context) {
  std::vector<std::int64_t> parts;
  for (std::int64_t r = 0; r < context.ranks; ++r) parts.push_back(vocab_part(spec, r, context).count);
  return parts;
}

}  // namespace

void set_weight_format(LMHeadImplConfig& impl, Format format) { impl.weight = format; }

void validate(const LMHeadSpec& spec, const Context& context) {
  const std::string_view who = context.name_or("LMHead");
  require(spec.hidden_dim > 0, ErrorKind::kBadData, "[", who, "] hidden_dim wanted a positive number, got ",
          spec.hidden_dim);
  require(spec.vocab_size > 0, ErrorKind::kBadData, "[", who, "] vocab_size wanted a positive number, got ",
          spec.vocab_size);
  require(std::isfinite(spec.logit_scale), ErrorKind::kBadData, "[", who, "] logit_scale wanted a finite number, got ",
          spec.logit_scale);
  require(!spec.soft_cap || (*spec.soft_cap > 0 && std::isfinite(*spec.soft_cap)), ErrorKind::kBadData, "[", who,
          "] soft_cap wanted a positive number, got ", spec.soft_cap.value_or(0));
}

LMHeadImplConfig default_impl_config(const LMHeadSpec&, const DeviceTraits& traits, Strategy strategy) {
  return {.linear = default_linear_config(traits, strategy)};
}

void bind_weights(LMHeadWeights& weights, const LMHeadSpec& spec, const LMHeadImplConfig& impl,
                  const LMHeadNames& names, const Context& context, WeightBinder& binder) {
  const std::string path(context.place.path);
  const Cut cut = cut_of(0, vocab_part(spec, context.rank, context));
  binder.bind(weights.weight, {.path = path,
                               .name = names.weight,
                               .shape = {spec.vocab_size, spec.hidden_dim},
                               .cut = cut,
                               .format = impl.weight});
  if (!spec.bias) return;
  binder.bind(weights.bias,
              {.path = path, .name = names.bias, .shape = {spec.vocab_size}, .cut = cut, .use = WeightUse::kVector});
}

LMHead::LMHead(const LMHeadSpec& spec, const LMHeadWeights& weights, const LMHeadImplConfig& impl,
               const Context& context)
    : plan_{[&] {
        const LMHeadWeights w = check(spec, weights, impl, context);
        return Plan{.place = context.place,
                    .hidden_dim = spec.hidden_dim,
                    .vocab_size = spec.vocab_size,
                    .parts = parts_of(spec, context),
                    .rank = context.rank,
                    .first = vocab_part(spec, context.rank, context).begin,
                    .linear = Linear({{w.weight, w.bias}}, impl.linear, context),
                    .finish = finish_of(spec, impl),
                    .params = {.limit = spec.soft_cap.value_or(0), .alpha = spec.logit_scale},
                    .project = context.ranks == 1 ? project_alone : project_sharded,
                    .exchange = context.ranks == 1 ? keep_candidates : exchange_candidates};
      }()} {}

void LMHead::project_alone(const Plan& plan, Exec& exec, ConstTensorView rows, TensorView logits) {
  Scratch::Frame frame(exec.scratch);
  plan.linear.run(exec, plan.linear.prepare(exec, frame, rows),
                  {{.y = logits, .activate = plan.finish, .params = plan.params}});
}

void LMHead::project_sharded(const Plan& plan, Exec& exec, ConstTensorView rows, TensorView logits) {
  Scratch::Frame frame(exec.scratch);
  const std::int64_t wanted = rows.dim(0);
  const TensorView mine = frame.take({wanted, plan.parts[static_cast<std::size_t>(plan.rank)]});
  project_alone(plan, exec, rows, mine);
  gather_columns(exec, mine, plan.parts, logits);
}

void LMHead::check_input(ConstTensorView x) const {
  require(x.shape.rank() == 2 && x.dim(1) == plan_.hidden_dim, ErrorKind::kInternal, "[", plan_.place.path,
          "] x wanted [rows, ", plan_.hidden_dim, "], got ", x.shape.to_string());
}

void LMHead::forward(Exec& exec, ConstTensorView x, std::span<const std::int64_t> wanted, TensorView logits) const {
  const std::int64_t count = static_cast<std::int64_t>(wanted.size());
  const Shape result{count, plan_.vocab_size};
  check_input(x);
  require(logits.shape == result, ErrorKind::kInternal, "[", plan_.place.path, "] logits wanted ", result.to_string(),
          ", got ", logits.shape.to_string());
  Scratch::Frame frame(exec.scratch);
  const TensorView rows = frame.take({count, plan_.hidden_dim});
  exec.launch(kernels::gather_rows, kernels::GatherRowsArgs{.x = x, .index = wanted, .y = rows});
  plan_.project(plan_, exec, rows, logits);
  exec.done(plan_.place, logits);
}

}  // namespace ttt
