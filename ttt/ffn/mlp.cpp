#include "ffn/mlp.h"

#include <cmath>

#include "base/error.h"
#include "linear/default_config.h"

namespace ttt {
namespace {

constexpr std::int64_t kUnit = 32;  // the widest group of any weight format but kInt8's, which is the row

Part ffn_part(const MLPSpec& spec, const Context& context) {
  return part_of(spec.ffn_dim, kUnit, context.rank, context.ranks);
}

ProjectionSplit down_split(const MLPSpec& spec, const MLPImplConfig& impl, const Context& context) {
  return projection_split(spec.ffn_dim, kUnit, spec.hidden_dim, impl.linear, context.ranks);
}

MLPWeights check(const MLPSpec& spec, const MLPWeights& weights, const MLPImplConfig& impl, const Context& context) {
  validate(spec, context);
  MLPWeights checked = weights;
  WeightChecker checker;
  bind_weights(checked, spec, impl, {}, context, checker);
  return checked;
}

}  // namespace

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
  const Part part = ffn_part(spec, context);
  constexpr WeightUse kVector = WeightUse::kVector;
  binder.bind(weights.up, {.path = path,
                           .name = names.up,
                           .shape = {spec.ffn_dim, spec.hidden_dim},
                           .cut = cut_of(0, part),
                           .format = impl.up});
  binder.bind(weights.down, {.path = path,
                             .name = names.down,
                             .shape = {spec.hidden_dim, spec.ffn_dim},
                             .cut = down_split(spec, impl, context).cut(context.rank),
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
    : plan_{[&] {
        const MLPWeights w = check(spec, weights, impl, context);
        const XieluSpec xielu = spec.xielu.value_or(XieluSpec{});
        const Activation activation = spec.xielu ? Activation::kIdentity : spec.activation;
        return Plan{.place = context.place,
                    .hidden_dim = spec.hidden_dim,
                    .ffn = ffn_part(spec, context).count,
                    .activate = kernels::select_activation(context.traits, activation, impl.linear.reference),
                    .finish = spec.xielu ? finish_xielu : finish_nothing,
                    .xielu = kernels::select_xielu(context.traits, impl.linear.reference),
                    .alpha_p = w.alpha_p,
                    .alpha_n = w.alpha_n,
                    .beta = xielu.beta,
                    .eps = xielu.eps,
                    .up = Linear({{w.up, w.up_bias}}, impl.linear, context),
                    .down = ReducedLinear({w.down, w.down_bias}, down_split(spec, impl, context), impl.linear,
                                          context.at("down_proj"))};
      }()} {}

void MLP::finish_nothing(const Plan&, Exec&, TensorView) {}

void MLP::finish_xielu(const Plan& plan, Exec& exec, TensorView hidden) {
  exec.launch(plan.xielu,
              {.x = hidden, .alpha_p = plan.alpha_p, .alpha_n = plan.alpha_n, .beta = plan.beta, .eps = plan.eps});
}

TensorView MLP::hidden(Exec& exec, Scratch::Frame& frame, ConstTensorView x) const {
  require(x.shape.rank() == 2 && x.dim(1) == plan_.hidden_dim, ErrorKind::kInternal, "[", plan_.place.path,
          "] x wanted [rows, ", plan_.hidden_dim, "], got ", x.shape.to_string());
  const TensorView h = frame.take({x.dim(0), plan_.ffn});
  {
    Scratch::Frame inner(exec.scratch);
    plan_.up.run(exec, plan_.up.prepare(exec, inner, x), {{.y = h, .activate = plan_.activate}});
  }
  plan_.finish(plan_, exec, h);
  return h;
}

void MLP::forward(Exec& exec, ConstTensorView x, TensorView y) const {
  Scratch::Frame frame(exec.scratch);
  plan_.down.forward(exec, hidden(exec, frame, x), y);
  exec.done(plan_.place, y);
}

void MLP::forward_add(Exec& exec, ConstTensorView x, TensorView y) const {
  Scratch::Frame frame(exec.scratch);
  plan_.down.forward_add(exec, hidden(exec, frame, x), y);
  exec.done(plan_.place, y);
}

}  // namespace ttt
