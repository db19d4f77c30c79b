#include "ffn/moe.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "block/check_rows.h"
#include "block/checked_weights.h"
#include "collectives/launch.h"
#include "kernels/rows/add_rows.h"

namespace ttt {
namespace {

// Checks what bind_weights does not say: how many experts there are, and that a table holds integers.
const MoEWeights& checked_experts(const MoESpec& spec, const MoEWeights& weights, const Context& context) {
  validate(spec, context);
  const std::int64_t experts = expert_part(spec, context).count;
  require(static_cast<std::int64_t>(weights.experts.size()) == experts, ErrorKind::kBadData, "[", context.place.path,
          "] experts wanted ", experts, " on this rank, got ", weights.experts.size());
  // A table without data is a plan's, and its source has said what is wrong with it.
  const ConstTensorView& table = weights.token_experts;
  require(spec.router.token_table == 0 || table.data == nullptr || table.format == Format::kI32 ||
              table.format == Format::kI64,
          ErrorKind::kBadData, "[", context.place.path, "] token table wanted integers of 32 or 64 bits, got ",
          name_of(table.format));
  return weights;
}

// Checks that every assignment has found its expert, which a table of experts may prevent, and adds up the counts for
// the caller.
struct CountAssignmentsArgs {
  std::span<const std::int64_t> begin = {};        // [routed + 1]
  std::int64_t wanted = 0;                         // assignments
  std::span<std::int64_t> tokens_per_expert = {};  // [routed], or empty
  std::string_view path = {};
};
void count_assignments(Exec&, const CountAssignmentsArgs& args) {
  require(args.begin.back() == args.wanted, ErrorKind::kBadData, "[", args.path,
          "] token table names an expert outside [0, ", args.begin.size() - 1, ")");
  for (std::size_t e = 0; e < args.tokens_per_expert.size(); ++e) {
    args.tokens_per_expert[e] += args.begin[e + 1] - args.begin[e];
  }
}
double operations(const CountAssignmentsArgs&) { return 0; }
double bytes(const CountAssignmentsArgs&) { return 0; }

kernels::RouterRule rule_of(const RouterSpec& r) {
  return {.score = r.score,
          .weight = r.weight,
          .top_k = r.top_k,
          .groups = r.groups,
          .groups_used = r.groups_used,
          .group_top = r.group_top,
          .logit_scale = r.logit_scale,
          .renormalise = r.renormalise,
          .sum_floor = r.sum_floor,
          .routed_scale = r.routed_scale,
          .tolerance = r.tolerance};
}

// Routing must not depend on what a format rounds away, so the router is multiplied in f32 under every strategy.
LinearImplConfig router_config(const LinearImplConfig& experts) {
  return {
      .activation = kernels::ActivationForm::kF32, .one_kernel = experts.one_kernel, .reference = experts.reference};
}

Linear input_of(const GatedMLPWeights& w, bool gated, const LinearImplConfig& impl, const Context& context) {
  if (!gated) return Linear({{w.up, w.up_bias}}, impl, context);
  return Linear({{w.gate, w.gate_bias}, {w.up, w.up_bias}}, impl, context);
}

}  // namespace

MoE::MoE(const MoESpec& spec, const MoEWeights& weights, const MoEImplConfig& impl, const Context& context)
    : plan_(make_plan(spec, checked_weights(spec, checked_experts(spec, weights, context), impl, context), impl,
                      context)) {}

void MoE::add_unrouted(Plan& plan, const MoESpec& spec, const MoEWeights& w, const MoEImplConfig& impl,
                       const Context& context) {
  if (spec.shared) {
    GatedMLP shared(*spec.shared, w.shared, impl.shared, context.at("shared_experts"));
    if (spec.shared_gate) {
      plan.gated.push_back({std::move(shared), Linear({{w.shared_gate, {}}}, router_config(impl.linear), context)});
    } else {
      plan.unrouted.push_back(std::move(shared));
    }
  }
  if (spec.dense) plan.unrouted.emplace_back(*spec.dense, w.dense, impl.dense, context.at("mlp"));
}

MoE::Plan MoE::make_plan(const MoESpec& spec, const MoEWeights& w, const MoEImplConfig& impl, const Context& context) {
  const DeviceTraits& traits = context.traits;
  const ExpertSpec& e = spec.expert;
  const GateClamp clamp = e.clamp.value_or(GateClamp{});
  const bool exact = impl.linear.reference, by_slot = impl.linear.one_kernel, first = context.rank == 0 || by_slot;
  Plan plan{
      .place = context.place,
      .router_place = context.at("gate").place,
      .choices_place = context.at("chosen_experts").place,
      .experts_place = context.at("experts").place,
      .hidden_dim = spec.hidden_dim,
      .routed = spec.routed(),
      .ffn = e.ffn_dim,
      .ids_per_row = spec.router.token_table > 0 ? 1 : 0,
      .vocab = spec.router.token_table,
      .rows_per_expert = spec.router.token_table > 0 ? spec.router.top_k : 1,
      .first_expert = expert_part(spec, context).begin,
      .first_identity = first ? spec.num_experts : std::numeric_limits<std::int64_t>::max(),
      .rule = rule_of(spec.router),
      .router_bias = w.router_bias,
      .selection_bias = w.selection_bias,
      .expert_scale = w.expert_scale,
      .token_experts = w.token_experts,
      .router_norm = {},
      .router = Linear({{w.router, {}}}, router_config(impl.linear), context),
      .experts = {},
      .activate = kernels::select_activation(traits, e.activation, exact),
      .gate = e.clamp ? kernels::select_clamped_gate(traits, exact) : kernels::select_gate(traits, exact),
      .params = {.limit = clamp.limit, .alpha = clamp.alpha},
      .up_offset = clamp.up_offset,
      .hidden = e.gated ? hidden_gated : hidden_plain,
      .gather = e.apply_router_weight_on_input ? kernels::gather_assigned_weighted : kernels::gather_assigned,
      .scatter = by_slot ? (e.apply_router_weight_on_input ? kernels::store_assigned : kernels::store_assigned_weighted)
                         : (e.apply_router_weight_on_input ? kernels::add_assigned : kernels::add_assigned_weighted),
      .sum = by_slot ? sum_by_slot : sum_in_place,
      .reduce = select_all_reduce(context.ranks),
      .unrouted = {},
      .gated = {}};
  if (spec.router.norm) {
    plan.router_norm.emplace_back(*spec.router.norm, w.router_norm, RMSNormImplConfig{.reference = exact},
                                  context.at("router_norm"));
  }
  for (const GatedMLPWeights& x : w.experts) {
    plan.experts.push_back(
        {input_of(x, e.gated, impl.linear, context), Linear({{x.down, x.down_bias}}, impl.linear, context)});
  }
  add_unrouted(plan, spec, w, impl, context);
  return plan;
}

TensorView MoE::hidden_gated(const Plan& plan, const Expert& expert, Exec& exec, Scratch::Frame& frame,
                             ConstTensorView x) {
  const TensorView gate = frame.take({x.dim(0), plan.ffn}), up = frame.take({x.dim(0), plan.ffn});
  Scratch::Frame inner(exec.scratch);
  expert.input.run(exec, expert.input.prepare(exec, inner, x), {{.y = gate}, {.y = up}});
  exec.launch(
      plan.gate,
      {.gate = gate, .up = up, .y = up, .activate = plan.activate, .params = plan.params, .up_offset = plan.up_offset});
  return up;
}

TensorView MoE::hidden_plain(const Plan& plan, const Expert& expert, Exec& exec, Scratch::Frame& frame,
                             ConstTensorView x) {
  const TensorView up = frame.take({x.dim(0), plan.ffn});
  Scratch::Frame inner(exec.scratch);
  expert.input.run(exec, expert.input.prepare(exec, inner, x), {{.y = up, .activate = plan.activate}});
  return up;
}

void MoE::run_expert(const Plan& plan, const Expert& expert, Exec& exec, ConstTensorView x, const Routing& routing,
                     const kernels::ExpertAssignments& assigned, TensorView y) {
  Scratch::Frame frame(exec.scratch);
  const std::span<const std::int32_t> mine(routing.order.data() + assigned.begin,
                                           static_cast<std::size_t>(assigned.count));
  const TensorView rows = frame.take({assigned.count, plan.hidden_dim});
  exec.launch(plan.gather,
              {.x = x, .assignments = mine, .top_k = plan.rule.top_k, .weights = routing.weights, .y = rows});
  const TensorView hidden = plan.hidden(plan, expert, exec, frame, rows);
  {
    // The result overwrites the gathered rows, which nothing reads any more.
    Scratch::Frame inner(exec.scratch);
    expert.down.run(exec, expert.down.prepare(exec, inner, hidden), {{.y = rows}});
  }
  exec.launch(plan.scatter,
              {.x = rows, .assignments = mine, .top_k = plan.rule.top_k, .weights = routing.weights, .y = y});
}

void MoE::run_experts(const Plan& plan, Exec& exec, ConstTensorView x, const Routing& routing, TensorView y) {
  const kernels::ExpertsArgs experts{.begin = routing.begin,
                                     .first = plan.first_expert,
                                     .experts = static_cast<std::int64_t>(plan.experts.size()),
                                     .assignments = routing.rows * plan.rule.top_k,
                                     .most = routing.rows * plan.rows_per_expert};
  kernels::for_each_expert(exec, experts, [&](Exec& on, const kernels::ExpertAssignments& mine) {
    run_expert(plan, plan.experts[static_cast<std::size_t>(mine.expert)], on, x, routing, mine, y);
  });
}

void MoE::sum_in_place(const Plan& plan, Exec& exec, ConstTensorView x, const Routing& routing, TensorView total) {
  run_experts(plan, exec, x, routing, total);
  plan.reduce(exec, total);
}

// Every assignment's output has its own row, so that a row's sum runs over its slots whatever rank computed them.
void MoE::sum_by_slot(const Plan& plan, Exec& exec, ConstTensorView x, const Routing& routing, TensorView total) {
  Scratch::Frame frame(exec.scratch);
  const TensorView slots = frame.take({routing.rows * plan.rule.top_k, plan.hidden_dim});
  exec.launch(kernels::clear_rows, kernels::ClearRowsArgs{.y = slots});
  run_experts(plan, exec, x, routing, slots);
  plan.reduce(exec, slots);
  exec.launch(kernels::sum_slots, kernels::SumSlotsArgs{.x = slots, .top_k = plan.rule.top_k, .y = total});
}

MoE::Routing MoE::route(Exec& exec, Scratch::Frame& frame, ConstTensorView x, const MoECall& call) const {
  const std::int64_t rows = x.dim(0), assignments = rows * plan_.rule.top_k;
  const auto count = static_cast<std::size_t>(assignments), routed = static_cast<std::size_t>(plan_.routed);
  constexpr std::int64_t kIndex = sizeof(std::int32_t), kCount = sizeof(std::int64_t);
  auto* experts = call.experts.empty() ? reinterpret_cast<std::int32_t*>(frame.take_bytes(assignments * kIndex))
                                       : call.experts.data();
  float* weights =
      call.weights.empty() ? reinterpret_cast<float*>(frame.take_bytes(assignments * kIndex)) : call.weights.data();
  auto* order = reinterpret_cast<std::int32_t*>(frame.take_bytes(assignments * kIndex));
  auto* begin = reinterpret_cast<std::int64_t*>(frame.take_bytes((plan_.routed + 1) * kCount));
  const Routing routing{.rows = rows,
                        .experts = {experts, count},
                        .order = {order, count},
                        .begin = {begin, routed + 1},
                        .weights = weights};
  Scratch::Frame inner(exec.scratch);
  const TensorView logits = call.logits ? call.logits : inner.take({rows, plan_.routed});
  ConstTensorView input = call.router_x ? call.router_x : x;
  for (const RMSNorm& norm : plan_.router_norm) {
    const TensorView normed = inner.take({rows, plan_.hidden_dim});
    norm.forward(exec, input, normed);
    input = normed;
  }
  {
    Scratch::Frame prepared(exec.scratch);
    plan_.router.run(exec, plan_.router.prepare(exec, prepared, input), {{.y = logits}});
  }
  exec.launch(kernels::route, kernels::RouteArgs{.logits = logits,
                                                 .bias = plan_.router_bias,
                                                 .selection_bias = plan_.selection_bias,
                                                 .expert_scale = plan_.expert_scale,
                                                 .table = plan_.token_experts,
                                                 .ids = call.ids,
                                                 .rule = plan_.rule,
                                                 .work = inner.take({rows, 5 * plan_.routed}),
                                                 .experts = experts,
                                                 .weights = weights});
  if (exec.observer.observes(plan_.router_place)) exec.done(plan_.router_place, logits);
  if (exec.observer.observes(plan_.choices_place)) {
    exec.done(plan_.choices_place,
              view_of(reinterpret_cast<std::byte*>(experts), Format::kI32, {rows, plan_.rule.top_k}));
  }
  exec.launch(
      kernels::group_rows,
      kernels::GroupRowsArgs{.experts = routing.experts, .begin = {begin, routed + 1}, .order = {order, count}});
  launch_throwing(exec, count_assignments,
                  {.begin = routing.begin,
                   .wanted = assignments,
                   .tokens_per_expert = call.tokens_per_expert,
                   .path = plan_.place.path});
  return routing;
}

void MoE::check(ConstTensorView x, const MoECall& call, TensorView y) const {
  const std::string_view path = plan_.place.path;
  check_rows(plan_.place, x, y, plan_.hidden_dim);
  const std::int64_t rows = x.dim(0), assignments = rows * plan_.rule.top_k;
  const auto size = [&](std::size_t got, std::int64_t wanted, bool needed, std::string_view what) {
    require((got == 0 && !needed) || got == static_cast<std::size_t>(wanted), ErrorKind::kUsage, "[", path, "] ", what,
            " wanted ", wanted, " values, got ", got);
  };
  const auto shape = [&](const ConstTensorView& got, const Shape& wanted, std::string_view what) {
    require(!got || got.shape == wanted, ErrorKind::kUsage, "[", path, "] ", what, " wanted ", wanted.to_string(),
            ", got ", got.shape.to_string());
  };
  require(assignments <= std::numeric_limits<std::int32_t>::max(), ErrorKind::kUnsupported, "[", path,
          "] rows wanted at most 2^31 / top_k, got ", rows);
  size(call.experts.size(), assignments, false, "experts");
  size(call.weights.size(), assignments, false, "weights");
  size(call.tokens_per_expert.size(), plan_.routed, false, "tokens_per_expert");
  shape(call.router_x, x.shape, "router_x");
  shape(call.logits, {rows, plan_.routed}, "logits");
  // Without a table this compares nothing and looks at no id.
  const auto wanted_ids = static_cast<std::size_t>(rows * plan_.ids_per_row);
  require(call.ids.size() >= wanted_ids, ErrorKind::kUsage, "[", path, "] ids wanted one for each of ", rows,
          " rows, got ", call.ids.size());
  for (std::size_t i = 0; i < wanted_ids; ++i) {
    require(call.ids[i] >= 0 && call.ids[i] < plan_.vocab, ErrorKind::kBadData, "[", path, "] ids wanted 0 to ",
            plan_.vocab - 1, ", got ", call.ids[i]);
  }
}

void MoE::compute(Exec& exec, ConstTensorView x, const MoECall& call, const BlockOutput& out) const {
  Scratch::Frame frame(exec.scratch);
  const TensorView total = frame.take(x.shape);
  {
    Scratch::Frame inner(exec.scratch);
    const Routing routing = route(exec, inner, x, call);
    exec.launch(kernels::identity_rows, kernels::IdentityRowsArgs{.x = x,
                                                                  .experts = routing.experts,
                                                                  .weights = routing.weights,
                                                                  .top_k = plan_.rule.top_k,
                                                                  .first_identity = plan_.first_identity,
                                                                  .y = total});
    plan_.sum(plan_, exec, x, routing, total);
  }
  if (exec.observer.observes(plan_.experts_place)) exec.done(plan_.experts_place, total);
  for (const GatedMLP& mlp : plan_.unrouted) mlp.forward_add(exec, x, total);
  for (const GatedMember& member : plan_.gated) {
    Scratch::Frame inner(exec.scratch);
    const TensorView y = inner.take(x.shape), gate = inner.take({x.dim(0), 1});
    member.mlp.forward(exec, x, y);
    member.gate.run(exec, member.gate.prepare(exec, inner, x), {{.y = gate}});
    exec.launch(kernels::add_gated_rows, kernels::AddGatedRowsArgs{.x = y, .gate = gate, .y = total});
  }
  exec.launch(out.choose(kernels::add_rows_store, kernels::add_rows), {.x = total, .y = out.y});
}

}  // namespace ttt
