#pragma once

// A mixture of experts with random weights: as views for any rank, and as the formula in double precision.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ffn/moe.h"
#include "support/exec.h"

namespace ttt::support {

// Weights of a feed-forward, gated or not.
struct FfnData {
  std::int64_t hidden, ffn;
  std::vector<float> gate, up, down, gate_bias, up_bias, down_bias;

  FfnData(std::int64_t hidden_dim, std::int64_t ffn_dim, unsigned seed)
      : hidden(hidden_dim),
        ffn(ffn_dim),
        gate(normal_values(ffn * hidden, seed, 1 / std::sqrt(static_cast<float>(hidden)))),
        up(normal_values(ffn * hidden, seed + 1, 1 / std::sqrt(static_cast<float>(hidden)))),
        down(normal_values(ffn * hidden, seed + 2, 1 / std::sqrt(static_cast<float>(ffn)))),
        gate_bias(normal_values(ffn, seed + 3)),
        up_bias(normal_values(ffn, seed + 4)),
        down_bias(normal_values(hidden, seed + 5)) {}

  GatedMLPWeights views(bool gated, bool bias) const {
    GatedMLPWeights w{.up = view_of(up.data(), {ffn, hidden}), .down = view_of(down.data(), {hidden, ffn})};
    if (gated) w.gate = view_of(gate.data(), {ffn, hidden});
    if (!bias) return w;
    if (gated) w.gate_bias = view_of(gate_bias.data(), {ffn});
    w.up_bias = view_of(up_bias.data(), {ffn});
    w.down_bias = view_of(down_bias.data(), {hidden});
    return w;
  }

  // As GatedMLP cuts it for one rank.
  GatedMLPWeights cut(const GatedMLPImplConfig& impl, std::int64_t rank, std::int64_t ranks) const {
    const Part p = part_of(ffn, 32, rank, ranks);
    const Cut c = projection_split(ffn, 32, hidden, impl.linear, ranks).cut(rank);
    GatedMLPWeights w = views(true, false);
    w.gate = rows_of(w.gate, p.begin, p.count);
    w.up = rows_of(w.up, p.begin, p.count);
    w.down = c.axis == 0 ? rows_of(w.down, c.begin, c.count) : columns_of(w.down, c.begin, c.count);
    return w;
  }

  reference::Row formula(const reference::Row& x, const ExpertSpec& e) const {
    const auto bias = [&](const std::vector<float>& b) { return e.bias ? doubles(b) : reference::Row{}; };
    reference::Row h = reference::linear(x, doubles(up), bias(up_bias), ffn);
    const auto act = e.activation == Activation::kRelu2 ? reference::relu2 : reference::silu;
    if (e.gated) {
      const reference::Row g = reference::linear(x, doubles(gate), bias(gate_bias), ffn);
      for (std::size_t i = 0; i < h.size(); ++i) {
        h[i] = e.clamp ? reference::clamped_gate(g[i], h[i], e.clamp->limit, e.clamp->alpha, e.clamp->up_offset)
                       : act(g[i]) * h[i];
      }
    } else {
      for (double& v : h) v = act(v);
    }
    return reference::linear(h, doubles(down), bias(down_bias), hidden);
  }
};

struct MoEData {
  MoESpec spec;
  std::vector<float> router, router_bias, selection_bias, expert_scale, norm, shared_gate;
  std::vector<std::int64_t> table;  // [token_table, top_k]
  std::vector<FfnData> experts;
  std::unique_ptr<FfnData> shared, dense;

  explicit MoEData(const MoESpec& s) : spec(s) {
    const std::int64_t hidden = s.hidden_dim, routed = s.routed();
    router = normal_values(routed * hidden, 1, 1 / std::sqrt(static_cast<float>(hidden)));
    router_bias = normal_values(routed, 2, 0.5f);
    selection_bias = normal_values(routed, 3, 0.5f);
    expert_scale = normal_values(routed, 4, 0.3f, 1.0f);
    norm = normal_values(hidden, 5, 0.3f, 1.0f);
    shared_gate = normal_values(hidden, 6, 0.3f);
    for (std::int64_t i = 0; i < s.router.token_table * s.router.top_k; ++i) {
      table.push_back((i * 7 + i / s.router.top_k) % routed);
    }
    for (std::int64_t e = 0; e < s.num_experts; ++e) {
      experts.emplace_back(hidden, s.expert.ffn_dim, static_cast<unsigned>(100 + 10 * e));
    }
    if (s.shared) shared = std::make_unique<FfnData>(hidden, s.shared->ffn_dim, 11);
    if (s.dense) dense = std::make_unique<FfnData>(hidden, s.dense->ffn_dim, 21);
  }

  MoEWeights weights(const MoEImplConfig& impl, std::int64_t rank, std::int64_t ranks) const {
    const std::int64_t routed = spec.routed();
    MoEWeights w{.router = view_of(router.data(), {routed, spec.hidden_dim})};
    if (spec.router.bias) w.router_bias = view_of(router_bias.data(), {routed});
    if (spec.router.selection_bias) w.selection_bias = view_of(selection_bias.data(), {routed});
    if (spec.router.expert_scale) w.expert_scale = view_of(expert_scale.data(), {routed});
    if (spec.router.norm) w.router_norm.weight = view_of(norm.data(), {spec.hidden_dim});
    if (!table.empty()) {
      w.token_experts = view_of(reinterpret_cast<const std::byte*>(table.data()), Format::kI64,
                                {spec.router.token_table, spec.router.top_k});
    }
    const Part part = expert_part(spec, {.rank = rank, .ranks = ranks});
    for (std::int64_t e = 0; e < part.count; ++e) {
      w.experts.push_back(experts[static_cast<std::size_t>(part.begin + e)].views(spec.expert.gated, spec.expert.bias));
    }
    if (shared) w.shared = shared->cut(impl.shared, rank, ranks);
    if (dense) w.dense = dense->cut(impl.dense, rank, ranks);
    if (spec.shared_gate) w.shared_gate = view_of(shared_gate.data(), {1, spec.hidden_dim});
    return w;
  }

  reference::Route route(const reference::Row& x, std::int32_t id) const {
    using reference::Row;
    const RouterSpec& r = spec.router;
    reference::Router f{
        .weight = doubles(router),
        .routed = spec.routed(),
        .top_k = r.top_k,
        .groups = r.groups,
        .groups_used = r.groups_used,
        .group_top = r.group_top,
        .score = {},
        .softmax_of_selected = r.weight == RouterWeight::kSoftmaxOfSelected,
        .renormalise = r.renormalise,
        .sparse_mixer = r.weight == RouterWeight::kSparseMixer ? std::optional<double>(r.tolerance) : std::nullopt,
        .logit_scale = r.logit_scale,
        .routed_scale = r.routed_scale};
    if (r.bias) f.bias = doubles(router_bias);
    if (r.selection_bias) f.selection_bias = doubles(selection_bias);
    if (r.expert_scale) f.expert_scale = doubles(expert_scale);
    f.score = [&r](const Row& logits) {
      if (r.score == RouterScore::kSoftmax) return reference::softmax(logits);
      Row y = logits;
      for (double& v : y) {
        if (r.score == RouterScore::kSigmoid) v = reference::sigmoid(v);
        if (r.score == RouterScore::kSqrtSoftplus) v = std::sqrt(reference::softplus(v));
      }
      return y;
    };
    if (r.token_table > 0) {
      const auto begin = table.begin() + id * r.top_k;
      f.fixed.assign(begin, begin + r.top_k);
    }
    return reference::route(r.norm ? reference::rms_norm(x, doubles(norm), double{r.norm->eps}, 0) : x, f);
  }

  reference::Row formula(const reference::Row& x, std::int32_t id) const {
    std::vector<std::function<reference::Row(const reference::Row&)>> all;
    for (const FfnData& e : experts)
      all.push_back([&](const reference::Row& in) { return e.formula(in, spec.expert); });
    for (std::int64_t i = 0; i < spec.identity_experts; ++i) all.push_back([](const reference::Row& in) { return in; });
    const reference::Route way = route(x, id);
    reference::Row y(x.size());
    if (spec.expert.apply_router_weight_on_input) {
      for (std::size_t i = 0; i < way.experts.size(); ++i) {
        reference::Row in = x;
        for (double& v : in) v *= way.weights[i];
        const reference::Row out = all[static_cast<std::size_t>(way.experts[i])](in);
        for (std::size_t c = 0; c < y.size(); ++c) y[c] += out[c];
      }
    } else {
      y = reference::moe(x, way, all);
    }
    const auto add = [&](const FfnData& data, double factor) {
      const reference::Row out = data.formula(x, ExpertSpec{});
      for (std::size_t c = 0; c < y.size(); ++c) y[c] += factor * out[c];
    };
    if (shared)
      add(*shared, spec.shared_gate ? reference::sigmoid(reference::linear(x, doubles(shared_gate), {}, 1)[0]) : 1);
    if (dense) add(*dense, 1);
    return y;
  }
};

}  // namespace ttt::support
