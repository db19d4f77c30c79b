#include "ffn/moe_weights.h"

#include "base/error.h"
#include "linear/default_config.h"

namespace ttt {
namespace {

constexpr WeightUse kVector = WeightUse::kVector;

void bind_router(MoEWeights& w, const MoESpec& spec, const MoENames& names, const std::string& path,
                 WeightBinder& binder) {
  const RouterSpec& r = spec.router;
  const auto vector = [&](ConstTensorView& field, const TensorName& name) {
    binder.bind(field, {.path = path, .name = name, .shape = {spec.routed()}, .use = kVector});
  };
  binder.bind(w.router,
              {.path = path, .name = names.router, .shape = {spec.routed(), spec.hidden_dim}, .format = Format::kF32});
  if (r.bias) vector(w.router_bias, names.router_bias);
  if (r.selection_bias) vector(w.selection_bias, names.selection_bias);
  if (r.expert_scale) vector(w.expert_scale, names.expert_scale);
  if (r.token_table > 0) {
    binder.bind(
        w.token_experts,
        {.path = path, .name = names.token_experts, .shape = {r.token_table, r.top_k}, .use = WeightUse::kTable});
  }
  if (r.norm && r.norm->affine) {
    binder.bind(w.router_norm.weight,
                {.path = path, .name = names.router_norm, .shape = {spec.hidden_dim}, .use = kVector});
  }
}

void bind_expert(GatedMLPWeights& w, const MoESpec& spec, const MoEImplConfig& impl, const MoENames& names,
                 std::int64_t expert, const std::string& path, WeightBinder& binder) {
  const ExpertSpec& e = spec.expert;
  const Shape widening{e.ffn_dim, spec.hidden_dim}, narrowing{spec.hidden_dim, e.ffn_dim};
  const auto matrix = [&](ConstTensorView& field, const TensorName& name, const Shape& shape,
                          std::optional<Format> format) {
    binder.bind(field, {.path = path, .name = expert_name(name, expert), .shape = shape, .format = format});
  };
  const auto vector = [&](ConstTensorView& field, const TensorName& name, std::int64_t size) {
    binder.bind(field, {.path = path, .name = expert_name(name, expert), .shape = {size}, .use = kVector});
  };
  if (e.gated) matrix(w.gate, names.gate, widening, impl.gate);
  matrix(w.up, names.up, widening, impl.up);
  matrix(w.down, names.down, narrowing, impl.down);
  if (!e.bias) return;
  if (e.gated) vector(w.gate_bias, names.gate_bias, e.ffn_dim);
  vector(w.up_bias, names.up_bias, e.ffn_dim);
  vector(w.down_bias, names.down_bias, spec.hidden_dim);
}

}  // namespace

void set_weight_format(MoEImplConfig& impl, Format format) {
  impl.gate = impl.up = impl.down = format;
  set_weight_format(impl.shared, format);
  set_weight_format(impl.dense, format);
}

MoEImplConfig default_impl_config(const MoESpec&, const DeviceTraits& traits, Strategy strategy) {
  const GatedMLPImplConfig gated_mlp = default_impl_config(GatedMLPSpec{}, traits, strategy);
  return {.linear = default_linear_config(traits, strategy), .shared = gated_mlp, .dense = gated_mlp};
}

GatedMLPNames below(const std::string& part, GatedMLPNames names) {
  for (TensorName* n : {&names.gate, &names.up, &names.down, &names.gate_bias, &names.up_bias, &names.down_bias}) {
    n->name = text(part, ".", n->name);
  }
  return names;
}

MoENames::MoENames() : shared(below("shared_experts")), dense(below("mlp")) {}

MoENames stacked_experts(std::int64_t ffn_dim, const std::string& gate_up, const std::string& down) {
  MoENames names;
  names.gate = rows(gate_up, 0, ffn_dim);
  names.up = rows(gate_up, ffn_dim, ffn_dim);
  names.down = down;
  return names;
}

MoENames stacked_transposed_experts(std::int64_t ffn_dim, const std::string& gate_up, const std::string& down) {
  MoENames names;
  names.gate = every(transposed(gate_up), 0, 1, 2, ffn_dim);
  names.up = every(transposed(gate_up), 1, 1, 2, ffn_dim);
  names.down = transposed(down);
  names.gate_bias = every(gate_up + "_bias", 0, 1, 2, ffn_dim);
  names.up_bias = every(gate_up + "_bias", 1, 1, 2, ffn_dim);
  names.down_bias = down + "_bias";
  return names;
}

TensorName expert_name(const TensorName& pattern, std::int64_t expert) {
  const std::size_t hole = pattern.name.find("{}");
  if (hole == std::string::npos) return slice(pattern, expert);
  TensorName name = pattern;
  name.name.replace(hole, 2, text(expert));
  return name;
}

Part expert_part(const MoESpec& spec, const Context& context) {
  return part_of(spec.num_experts, 1, context.rank, context.ranks);
}

void bind_weights(MoEWeights& weights, const MoESpec& spec, const MoEImplConfig& impl, const MoENames& names,
                  const Context& context, WeightBinder& binder) {
  const std::string path(context.place.path);
  bind_router(weights, spec, names, path, binder);
  const Part part = expert_part(spec, context);
  weights.experts.resize(static_cast<std::size_t>(part.count));
  for (std::int64_t i = 0; i < part.count; ++i) {
    bind_expert(weights.experts[static_cast<std::size_t>(i)], spec, impl, names, part.begin + i, path, binder);
  }
  if (spec.shared) bind_weights(weights.shared, *spec.shared, impl.shared, names.shared, context, binder);
  if (spec.shared_gate) {
    binder.bind(weights.shared_gate,
                {.path = path, .name = names.shared_gate, .shape = {1, spec.hidden_dim}, .format = Format::kF32});
  }
  if (spec.dense) bind_weights(weights.dense, *spec.dense, impl.dense, names.dense, context, binder);
}

}  // namespace ttt
