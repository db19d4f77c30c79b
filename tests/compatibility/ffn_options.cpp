#include "compatibility/option.h"
#include "ffn/gated_mlp.h"
#include "ffn/mlp.h"
#include "ffn/moe.h"

namespace ttt::compatibility {
namespace {

constexpr Activation kActivations[] = {Activation::kIdentity, Activation::kRelu,     Activation::kRelu2,
                                       Activation::kGelu,     Activation::kGeluTanh, Activation::kQuickGelu,
                                       Activation::kSilu,     Activation::kSigmoid,  Activation::kTanh};

template <class Block>
class List {
 public:
  List(std::string block, typename Block::Spec plain) : block_(std::move(block)), plain_(std::move(plain)) {}

  Option& add(std::string name, const std::function<void(typename Block::Spec&)>& change) {
    typename Block::Spec spec = plain_;
    change(spec);
    return all.emplace_back(Option{.block = block_, .name = std::move(name), .build = [spec](const Scope& s) {
                                     return instance<Block>(s, spec, spec.hidden_dim);
                                   }});
  }
  void add_forward_add() {
    const typename Block::Spec spec = plain_;
    all.push_back({.block = block_, .name = "added to the stream", .build = [spec](const Scope& s) {
                     return adding<Block>(s, spec, spec.hidden_dim);
                   }});
    all.push_back({.block = block_, .name = "a multiple added to the stream", .build = [spec](const Scope& s) {
                     return adding<Block>(s, spec, spec.hidden_dim, Adding::kQuarter);
                   }});
  }
  void add_exact_inputs() {
    Option& o = add("linear.activation f32", [](typename Block::Spec&) {});
    o.impl = R"({"linear": {"activation": "f32"}})", o.same_answer = true;
  }

  Options all;

 private:
  std::string block_;
  typename Block::Spec plain_;
};

void add_routers(List<MoE>& list) {
  const auto add = [&](std::string name, const std::function<void(RouterSpec&)>& change) -> Option& {
    return list.add("router." + name, [&](MoESpec& s) { change(s.router); });
  };
  add("score sigmoid", [](RouterSpec& r) { r.score = RouterScore::kSigmoid; });
  add("score sqrt_softplus", [](RouterSpec& r) { r.score = RouterScore::kSqrtSoftplus; });
  add("score logit", [](RouterSpec& r) { r.score = RouterScore::kLogit; });
  add("weight softmax_of_selected", [](RouterSpec& r) { r.weight = RouterWeight::kSoftmaxOfSelected; });
  add("weight sparse_mixer", [](RouterSpec& r) {
    r.weight = RouterWeight::kSparseMixer;
    r.tolerance = 0.5f;
  });
  add("top_k 1", [](RouterSpec& r) { r.top_k = 1; });
  add("top_k 5: all experts", [](RouterSpec& r) { r.top_k = 5; });
  add("selection_bias", [](RouterSpec& r) { r.selection_bias = true; });
  add("renormalise", [](RouterSpec& r) { r.renormalise = true; });
  add("routed_scale", [](RouterSpec& r) { r.routed_scale = 2.5f; });
  add("expert_scale", [](RouterSpec& r) { r.expert_scale = true; });
  add("bias", [](RouterSpec& r) { r.bias = true; });
  add("logit_scale", [](RouterSpec& r) { r.logit_scale = 0.5f; });
  add("token_table", [](RouterSpec& r) { r.token_table = kVocab; });
  list.add("router.norm", [](MoESpec& s) { s.router.norm = RMSNormSpec{.dim = s.hidden_dim}; });
  list.add("router.groups 3, groups_used 2, group_top 2", [](MoESpec& s) {
    s.num_experts = 6;
    s.router.groups = 3, s.router.groups_used = 2, s.router.group_top = 2;
  });
  list.add("sigmoid, selection_bias, groups, renormalise, routed_scale", [](MoESpec& s) {
    s.num_experts = 6;
    s.router = {.score = RouterScore::kSigmoid,
                .top_k = 2,
                .groups = 3,
                .groups_used = 2,
                .group_top = 2,
                .selection_bias = true,
                .renormalise = true,
                .routed_scale = 2.5f};
  });
}

void add_experts(List<MoE>& list, std::int64_t hidden) {
  list.add("2 experts (fewer than ranks)", [](MoESpec& s) { s.num_experts = 2; });
  list.add("identity_experts 2", [](MoESpec& s) { s.identity_experts = 2; });
  list.add("expert not gated, relu2",
           [](MoESpec& s) { s.expert.gated = false, s.expert.activation = Activation::kRelu2; });
  list.add("expert.activation gelu", [](MoESpec& s) { s.expert.activation = Activation::kGelu; });
  list.add("expert.bias", [](MoESpec& s) { s.expert.bias = true; });
  list.add("expert.clamp", [](MoESpec& s) { s.expert.clamp = GateClamp{.limit = 0.5f}; });
  list.add("expert.clamp, not gated", [](MoESpec& s) { s.expert.clamp = GateClamp{}, s.expert.gated = false; });
  list.add("expert.apply_router_weight_on_input", [](MoESpec& s) { s.expert.apply_router_weight_on_input = true; });
  list.add("expert.ffn_dim 40", [](MoESpec& s) { s.expert.ffn_dim = 40; });
  list.add("shared", [hidden](MoESpec& s) { s.shared = SwiGLU(hidden, 96); });
  list.add("shared with shared_gate", [hidden](MoESpec& s) { s.shared = SwiGLU(hidden, 96), s.shared_gate = true; });
  list.add("dense", [hidden](MoESpec& s) { s.dense = GeGLU(hidden, 70); });
  list.add("shared, dense and identity_experts", [hidden](MoESpec& s) {
    s.shared = SwiGLU(hidden, 32), s.dense = GeGLU(hidden, 64), s.identity_experts = 1;
  });
}

}  // namespace

Options mlp_options(std::int64_t hidden) {
  List<MLP> list("MLP", {.hidden_dim = hidden, .ffn_dim = 2 * hidden});
  list.add("activation gelu", [](MLPSpec&) {});
  for (const Activation a : kActivations) {
    if (a != Activation::kGelu) list.add(text("activation ", name_of(a)), [a](MLPSpec& s) { s.activation = a; });
  }
  list.add("xielu", [](MLPSpec& s) { s.xielu = XieluSpec{}; });
  list.add("bias", [](MLPSpec& s) { s.bias = true; });
  list.add("ffn_dim 70", [](MLPSpec& s) { s.ffn_dim = 70; });
  list.add_exact_inputs();
  list.add_forward_add();
  return list.all;
}

Options gated_mlp_options(std::int64_t hidden) {
  List<GatedMLP> list("GatedMLP", SwiGLU(hidden, 2 * hidden));
  list.add("SwiGLU", [](GatedMLPSpec&) {});
  list.add("GeGLU", [](GatedMLPSpec& s) { s = GeGLU(s.hidden_dim, s.ffn_dim); });
  list.add("ReGLU", [](GatedMLPSpec& s) { s = ReGLU(s.hidden_dim, s.ffn_dim); });
  for (const Activation a : kActivations) {
    const bool named = a == Activation::kSilu || a == Activation::kGelu || a == Activation::kRelu;
    if (!named) list.add(text("activation ", name_of(a)), [a](GatedMLPSpec& s) { s.activation = a; });
  }
  list.add("bias", [](GatedMLPSpec& s) { s.bias = true; });
  list.add("clamp", [](GatedMLPSpec& s) { s.clamp = GateClamp{.limit = 0.5f}; });
  list.add("clamp with gelu", [](GatedMLPSpec& s) { s.clamp = GateClamp{}, s.activation = Activation::kGelu; });
  list.add("ffn_dim 70", [](GatedMLPSpec& s) { s.ffn_dim = 70; });
  list.add_exact_inputs();
  list.add_forward_add();
  return list.all;
}

Options moe_options(std::int64_t hidden) {
  List<MoE> list("MoE",
                 {.hidden_dim = hidden, .num_experts = 5, .router = {.top_k = 2}, .expert = {.ffn_dim = hidden}});
  list.add("5 experts, softmax, top_k 2", [](MoESpec&) {});
  add_routers(list);
  add_experts(list, hidden);
  list.add_exact_inputs();
  list.add_forward_add();
  for (Option& o : list.all) {
    if (o.name != "router.token_table") continue;
    const auto spec = [hidden] {
      return MoESpec{.hidden_dim = hidden,
                     .num_experts = 5,
                     .router = {.top_k = 2, .token_table = kVocab},
                     .expert = {.ffn_dim = hidden}};
    }();
    o.build = [spec](const Scope& s) {
      auto block = std::make_shared<const MoE>(make<MoE>(s / kPath, spec));
      return Instance{.forward = [block](const Call& c) { block->forward(c.exec, c.x, {.ids = c.step.ids}, c.y); },
                      .x_width = spec.hidden_dim,
                      .y_width = spec.hidden_dim};
    };
  }
  return list.all;
}

}  // namespace ttt::compatibility
