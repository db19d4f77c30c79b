#include "ffn/gated_mlp.h"

#include <cmath>

#include "base/error.h"
#include "block/check_rows.h"
#include "block/checked_weights.h"
#include "ffn/ffn_split.h"
#include "linear/default_config.h"

namespace ttt {

GatedMLPSpec SwiGLU(std::int64_t hidden_dim, std::int64_t ffn_dim) {
  return {.hidden_dim = hidden_dim, .ffn_dim = ffn_dim, .activation = Activation::kSilu};
}
GatedMLPSpec GeGLU(std::int64_t hidden_dim, std::int64_t ffn_dim) {
  return {.hidden_dim = hidden_dim, .ffn_dim = ffn_dim, .activation = Activation::kGelu};
}
GatedMLPSpec ReGLU(std::int64_t hidden_dim, std::int64_t ffn_dim) {
  return {.hidden_dim = hidden_dim, .ffn_dim = ffn_dim, .activation = Activation::kRelu};
}

GatedMLPNames fused_gate_up(std::int64_t ffn_dim, const std::string& weight, const std::string& bias) {
  return {.gate = rows(weight, 0, ffn_dim),
          .up = rows(weight, ffn_dim, ffn_dim),
          .gate_bias = rows(bias, 0, ffn_dim),
          .up_bias = rows(bias, ffn_dim, ffn_dim)};
}
GatedMLPNames interleaved_gate_up(std::int64_t ffn_dim, const std::string& weight, const std::string& bias) {
  return {.gate = every(weight, 0, 1, 2, ffn_dim),
          .up = every(weight, 1, 1, 2, ffn_dim),
          .gate_bias = every(bias, 0, 1, 2, ffn_dim),
          .up_bias = every(bias, 1, 1, 2, ffn_dim)};
}

void set_weight_format(GatedMLPImplConfig& impl, Format format) { impl.gate = impl.up = impl.down = format; }

void validate(const GatedMLPSpec& spec, const Context& context) {
  const std::string_view who = context.name_or("GatedMLP");
  require(spec.hidden_dim > 0, ErrorKind::kBadData, "[", who, "] hidden_dim wanted a positive number, got ",
          spec.hidden_dim);
  require(spec.ffn_dim > 0, ErrorKind::kBadData, "[", who, "] ffn_dim wanted a positive number, got ", spec.ffn_dim);
  if (!spec.clamp) return;
  require(spec.activation == Activation::kSilu, ErrorKind::kUnsupported, "[", who,
          "] clamp wanted activation silu, got ", name_of(spec.activation));
  require(spec.clamp->limit > 0 && std::isfinite(spec.clamp->alpha) && std::isfinite(spec.clamp->up_offset),
          ErrorKind::kBadData, "[", who, "] clamp wanted a positive limit and finite numbers, got limit ",
          spec.clamp->limit, ", alpha ", spec.clamp->alpha, ", up_offset ", spec.clamp->up_offset);
}

GatedMLPImplConfig default_impl_config(const GatedMLPSpec&, const DeviceTraits& traits, Strategy strategy) {
  return {.linear = default_linear_config(traits, strategy)};
}

void bind_weights(GatedMLPWeights& weights, const GatedMLPSpec& spec, const GatedMLPImplConfig& impl,
                  const GatedMLPNames& names, const Context& context, WeightBinder& binder) {
  const std::string path(context.place.path);
  const Part part = ffn_part(spec.ffn_dim, context);
  const Cut by_out = cut_of(0, part),
            narrow = ffn_down_split(spec.ffn_dim, spec.hidden_dim, impl.linear, context).cut(context.rank);
  const Shape widening{spec.ffn_dim, spec.hidden_dim}, narrowing{spec.hidden_dim, spec.ffn_dim};
  binder.bind(weights.gate, {.path = path, .name = names.gate, .shape = widening, .cut = by_out, .format = impl.gate});
  binder.bind(weights.up, {.path = path, .name = names.up, .shape = widening, .cut = by_out, .format = impl.up});
  binder.bind(weights.down, {.path = path, .name = names.down, .shape = narrowing, .cut = narrow, .format = impl.down});
  if (!spec.bias) return;
  constexpr WeightUse kVector = WeightUse::kVector;
  binder.bind(weights.gate_bias,
              {.path = path, .name = names.gate_bias, .shape = {spec.ffn_dim}, .cut = by_out, .use = kVector});
  binder.bind(weights.up_bias,
              {.path = path, .name = names.up_bias, .shape = {spec.ffn_dim}, .cut = by_out, .use = kVector});
  binder.bind(weights.down_bias, {.path = path, .name = names.down_bias, .shape = {spec.hidden_dim}, .use = kVector});
}

GatedMLP::GatedMLP(const GatedMLPSpec& spec, const GatedMLPWeights& weights, const GatedMLPImplConfig& impl,
                   const Context& context)
    : plan_(make_plan(spec, checked_weights(spec, weights, impl, context), impl, context)) {}

GatedMLP::Plan GatedMLP::make_plan(const GatedMLPSpec& spec, const GatedMLPWeights& w, const GatedMLPImplConfig& impl,
                                   const Context& context) {
  const GateClamp clamp = spec.clamp.value_or(GateClamp{});
  return {
      .place = context.place,
      .hidden_dim = spec.hidden_dim,
      .ffn = ffn_part(spec.ffn_dim, context).count,
      .gate = spec.clamp ? kernels::select_clamped_gate(context.traits, impl.linear.reference)
                         : kernels::select_gate(context.traits, impl.linear.reference),
      .activate = kernels::select_activation(context.traits, spec.activation, impl.linear.reference),
      .params = {.limit = clamp.limit, .alpha = clamp.alpha},
      .up_offset = clamp.up_offset,
      .gate_up = Linear({{w.gate, w.gate_bias}, {w.up, w.up_bias}}, impl.linear, context),
      .down = ReducedLinear({w.down, w.down_bias}, ffn_down_split(spec.ffn_dim, spec.hidden_dim, impl.linear, context),
                            impl.linear, context.at("down_proj"))};
}

void GatedMLP::check(ConstTensorView x, TensorView y) const { check_rows(plan_.place, x, y, plan_.hidden_dim); }

TensorView GatedMLP::hidden(Exec& exec, Scratch::Frame& frame, ConstTensorView x) const {
  const TensorView gate = frame.take({x.dim(0), plan_.ffn}), up = frame.take({x.dim(0), plan_.ffn});
  {
    Scratch::Frame inner(exec.scratch);
    plan_.gate_up.run(exec, plan_.gate_up.prepare(exec, inner, x), {{.y = gate}, {.y = up}});
  }
  exec.launch(plan_.gate, {.gate = gate,
                           .up = up,
                           .y = up,
                           .activate = plan_.activate,
                           .params = plan_.params,
                           .up_offset = plan_.up_offset});
  return up;
}

void GatedMLP::compute(Exec& exec, ConstTensorView x, const BlockOutput& out) const {
  Scratch::Frame frame(exec.scratch);
  plan_.down.write(exec, hidden(exec, frame, x), out);
}

}  // namespace ttt
