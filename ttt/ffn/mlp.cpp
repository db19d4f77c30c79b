#include "ffn/mlp.h"

#include <cmath>

#include "base/error.h"
#include "block/check_rows.h"
#include "block/checked_weights.h"
#include "ffn/ffn_split.h"
#include "linear/default_config.h"

namespace ttt {

void set_weight_format(MLPImplConfig& impl, Format format) { impl.up = impl.down = format; }

void validate(const MLPSpec& spec, const Context& context) {
  const std::string_view who = context.name_or("MLP");
  require(spec.hidden_dim > 0, ErrorKind::kBadData, "[", who, "] hidden_dim wanted a positive number, got ",
          spec.hidden_dim);
  require(spec.ffn_dim > 0, ErrorKind::kBadData, "[", who, "] ffn_dim wanted a positive number, got ", spec.ffn_dim);
  if (!spec.xielu) return;
  require(std::isfinite(spec.xielu->beta) && std::isfinite(spec.xielu->eps) && spec.xielu->eps <= 0,
          ErrorKind::kBadData, "[", who, "] xielu wanted a finite beta and an eps of at most 0, got beta ",
          spec.xielu->beta, ", eps ", spec.xielu->eps);
}

MLPImplConfig default_impl_config(const MLPSpec&, const DeviceTraits& traits, Strategy strategy) {
  return {.linear = default_linear_config(traits, strategy)};
}

void bind_weights(MLPWeights& weights, const MLPSpec& spec, const MLPImplConfig& impl, const MLPNames& names,
                  const Context& context, WeightBinder& binder) {
  const std::string path(context.place.path);
  const Part part = ffn_part(spec.ffn_dim, context);
  constexpr WeightUse kVector = WeightUse::kVector;
  binder.bind(weights.up, {.path = path,
                           .name = names.up,
                           .shape = {spec.ffn_dim, spec.hidden_dim},
                           .cut = cut_of(0, part),
                           .format = impl.up});
  binder.bind(weights.down,
              {.path = path,
               .name = names.down,
               .shape = {spec.hidden_dim, spec.ffn_dim},
               .cut = ffn_down_split(spec.ffn_dim, spec.hidden_dim, impl.linear, context).cut(context.rank),
               .format = impl.down});
  if (spec.bias) {
    binder.bind(weights.up_bias,
                {.path = path, .name = names.up_bias, .shape = {spec.ffn_dim}, .cut = cut_of(0, part), .use = kVector});
    binder.bind(weights.down_bias, {.path = path, .name = names.down_bias, .shape = {spec.hidden_dim}, .use = kVector});
  }
  if (spec.xielu) {
    binder.bind(weights.alpha_p, {.path = path, .name = names.alpha_p, .shape = {1}, .use = kVector});
    binder.bind(weights.alpha_n, {.path = path, .name = names.alpha_n, .shape = {1}, .use = kVector});
  }
}

MLP::MLP(const MLPSpec& spec, const MLPWeights& weights, const MLPImplConfig& impl, const Context& context)
    : plan_(make_plan(spec, checked_weights(spec, weights, impl, context), impl, context)) {}

MLP::Plan MLP::make_plan(const MLPSpec& spec, const MLPWeights& w, const MLPImplConfig& impl, const Context& context) {
  const XieluSpec xielu = spec.xielu.value_or(XieluSpec{});
  const Activation activation = spec.xielu ? Activation::kIdentity : spec.activation;
  return {
      .place = context.place,
      .hidden_dim = spec.hidden_dim,
      .ffn = ffn_part(spec.ffn_dim, context).count,
      .activate = kernels::select_activation(context.traits, activation, impl.linear.reference),
      .xielu_step = spec.xielu ? apply_xielu : skip_xielu,
      .xielu = kernels::select_xielu(context.traits, impl.linear.reference),
      .alpha_p = w.alpha_p,
      .alpha_n = w.alpha_n,
      .beta = xielu.beta,
      .eps = xielu.eps,
      .up = Linear({{w.up, w.up_bias}}, impl.linear, context),
      .down = ReducedLinear({w.down, w.down_bias}, ffn_down_split(spec.ffn_dim, spec.hidden_dim, impl.linear, context),
                            impl.linear, context.at("down_proj"))};
}

void MLP::skip_xielu(const Plan&, Exec&, TensorView) {}

void MLP::apply_xielu(const Plan& plan, Exec& exec, TensorView hidden) {
  exec.launch(plan.xielu,
              {.x = hidden, .alpha_p = plan.alpha_p, .alpha_n = plan.alpha_n, .beta = plan.beta, .eps = plan.eps});
}

void MLP::check(ConstTensorView x, TensorView y) const { check_rows(plan_.place, x, y, plan_.hidden_dim); }

TensorView MLP::hidden(Exec& exec, Scratch::Frame& frame, ConstTensorView x) const {
  const TensorView h = frame.take({x.dim(0), plan_.ffn});
  {
    Scratch::Frame inner(exec.scratch);
    plan_.up.run(exec, plan_.up.prepare(exec, inner, x), {{.y = h, .activate = plan_.activate}});
  }
  plan_.xielu_step(plan_, exec, h);
  return h;
}

void MLP::compute(Exec& exec, ConstTensorView x, const BlockOutput& out) const {
  Scratch::Frame frame(exec.scratch);
  plan_.down.write(exec, hidden(exec, frame, x), out);
}

}  // namespace ttt
