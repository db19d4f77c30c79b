#include "ffn/moe_spec.h"

#include <cmath>
#include <string_view>

#include "base/error.h"

namespace ttt {
namespace {

void check_groups(const RouterSpec& r, std::int64_t routed, std::string_view who) {
  require(r.groups >= 1 && routed % r.groups == 0, ErrorKind::kBadData, "[", who, "] groups wanted a divisor of ",
          routed, " experts, got ", r.groups);
  const std::int64_t size = routed / r.groups;
  require(r.groups_used >= 1 && r.groups_used <= r.groups, ErrorKind::kBadData, "[", who, "] groups_used wanted 1 to ",
          r.groups, ", got ", r.groups_used);
  require(r.group_top >= 1 && r.group_top <= size, ErrorKind::kBadData, "[", who, "] group_top wanted 1 to ", size,
          ", got ", r.group_top);
  require(r.top_k >= 1 && r.top_k <= r.groups_used * size, ErrorKind::kBadData, "[", who, "] top_k wanted 1 to ",
          r.groups_used * size, ", got ", r.top_k);
}

void check_router(const RouterSpec& r, const MoESpec& spec, std::string_view who, const Context& context) {
  require(!name_of(r.score).empty(), ErrorKind::kUsage, "[", who, "] score has no number ", static_cast<int>(r.score));
  require(!name_of(r.weight).empty(), ErrorKind::kUsage, "[", who, "] weight has no number ",
          static_cast<int>(r.weight));
  check_groups(r, spec.routed(), who);
  require(r.token_table >= 0, ErrorKind::kBadData, "[", who, "] token_table wanted a number of at least 0, got ",
          r.token_table);
  require(r.token_table == 0 || (!r.selection_bias && r.groups == 1), ErrorKind::kUsage, "[", who,
          "] token_table chooses the experts, so selection_bias and groups wanted none, got selection_bias ",
          r.selection_bias, ", groups ", r.groups);
  require(
      std::isfinite(r.routed_scale) && std::isfinite(r.logit_scale) && std::isfinite(r.sum_floor) && r.sum_floor >= 0,
      ErrorKind::kBadData, "[", who, "] router wanted finite numbers, got routed_scale ", r.routed_scale,
      ", logit_scale ", r.logit_scale, ", sum_floor ", r.sum_floor);
  require(std::isfinite(r.tolerance) && r.tolerance >= 0, ErrorKind::kBadData, "[", who,
          "] tolerance wanted a finite number of at least 0, got ", r.tolerance);
  require(r.tolerance == 0 || r.weight == RouterWeight::kSparseMixer, ErrorKind::kUsage, "[", who,
          "] tolerance wanted weight sparse_mixer, got ", name_of(r.weight));
  if (!r.norm) return;
  validate(*r.norm, context);
  require(r.norm->dim == spec.hidden_dim, ErrorKind::kBadData, "[", who, "] router norm wanted dim ", spec.hidden_dim,
          ", got ", r.norm->dim);
}

void check_expert(const MoESpec& spec, const Context& context, std::string_view who) {
  const ExpertSpec& e = spec.expert;
  require(e.gated || !e.clamp, ErrorKind::kUnsupported, "[", who, "] clamp wanted gated experts");
  validate(GatedMLPSpec{.hidden_dim = spec.hidden_dim,
                        .ffn_dim = e.ffn_dim,
                        .activation = e.activation,
                        .bias = e.bias,
                        .clamp = e.clamp},
           context);
}

void check_unrouted(const std::optional<GatedMLPSpec>& mlp, const MoESpec& spec, const Context& context,
                    std::string_view who, std::string_view field) {
  if (!mlp) return;
  validate(*mlp, context);
  require(mlp->hidden_dim == spec.hidden_dim, ErrorKind::kBadData, "[", who, "] ", field, " wanted hidden_dim ",
          spec.hidden_dim, ", got ", mlp->hidden_dim);
}

}  // namespace

void validate(const MoESpec& spec, const Context& context) {
  const std::string_view who = context.name_or("MoE");
  require(spec.hidden_dim > 0, ErrorKind::kBadData, "[", who, "] hidden_dim wanted a positive number, got ",
          spec.hidden_dim);
  require(spec.num_experts > 0, ErrorKind::kBadData, "[", who, "] num_experts wanted a positive number, got ",
          spec.num_experts);
  require(spec.identity_experts >= 0, ErrorKind::kBadData, "[", who,
          "] identity_experts wanted a number of at least 0, got ", spec.identity_experts);
  check_router(spec.router, spec, who, context);
  check_expert(spec, context, who);
  require(!spec.shared_gate || spec.shared, ErrorKind::kUsage, "[", who, "] shared_gate wanted a shared expert");
  check_unrouted(spec.shared, spec, context, who, "shared");
  check_unrouted(spec.dense, spec, context, who, "dense");
}

}  // namespace ttt
