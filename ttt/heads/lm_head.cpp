#include "heads/lm_head.h"

#include <cmath>

#include "base/error.h"
#include "block/checked_weights.h"
#include "heads/bind_outputs.h"
#include "kernels/rows/rows.h"
#include "linear/default_config.h"

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

kernels::ActivationFn scale_and_cap_of(const LMHeadSpec& spec, const LMHeadImplConfig& impl) {
  if (spec.soft_cap) return impl.linear.reference ? cap_logits<double> : cap_logits<float>;
  return spec.logit_scale == 1.0f ? nullptr : scale_logits;
}

}  // namespace

void set_weight_format(LMHeadImplConfig& impl, const LMHeadSpec& spec, Format format) {
  constexpr double kFewBits = 6;
  impl.keep_narrower = spec.tie_word_embeddings && traits_of(format).nominal_bits < kFewBits;
  const Format eight_bits =
      spec.hidden_dim % traits_of(Format::kQ8_0).block_elements == 0 ? Format::kQ8_0 : Format::kBfp8B;
  impl.weight = impl.keep_narrower ? eight_bits : format;
}

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
  bind_outputs(
      weights,
      {.inputs = spec.hidden_dim, .outputs = spec.vocab_size, .bias = spec.bias, .keep_narrower = impl.keep_narrower},
      impl.weight, names, context, binder);
}

LMHead::LMHead(const LMHeadSpec& spec, const LMHeadWeights& weights, const LMHeadImplConfig& impl,
               const Context& context)
    : plan_(make_plan(spec, checked_weights(spec, weights, impl, context), impl, context)) {}

LMHead::Plan LMHead::make_plan(const LMHeadSpec& spec, const LMHeadWeights& w, const LMHeadImplConfig& impl,
                               const Context& context) {
  return {
      .place = context.place,
      .hidden_dim = spec.hidden_dim,
      .vocab_size = spec.vocab_size,
      .linear = GatheredLinear({w.weight, w.bias}, parts_of(spec.vocab_size, 1, context.ranks), impl.linear, context),
      .scale_and_cap = scale_and_cap_of(spec, impl),
      .params = {.limit = spec.soft_cap.value_or(0), .alpha = spec.logit_scale},
      .exchange = context.ranks == 1 ? keep_candidates : exchange_candidates};
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
  plan_.linear.forward(exec, rows, {.y = logits, .activate = plan_.scale_and_cap, .params = plan_.params});
  exec.done(plan_.place, logits);
}

}  // namespace ttt
