#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/partition.h"
#include "base/weights.h"
#include "ffn/gated_mlp.h"
#include "ffn/moe_spec.h"
#include "linear/linear.h"
#include "normalization/rmsnorm.h"

namespace ttt {

struct MoEImplConfig {
  std::optional<Format> gate = {}, up = {}, down = {};  // formats of the experts' weights; absent: as stored
  LinearImplConfig linear = {};                         // of the experts; the router multiplies in f32
  GatedMLPImplConfig shared = {}, dense = {};

  bool operator==(const MoEImplConfig&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("gate", self.gate);
    visit("up", self.up);
    visit("down", self.down);
    visit("linear", self.linear);
    visit("shared", self.shared);
    visit("dense", self.dense);
  }
};
void set_weight_format(MoEImplConfig& impl, Format format);
MoEImplConfig default_impl_config(const MoESpec& spec, const DeviceTraits& traits, Strategy strategy);

// routed: experts and identity experts. All but experts, shared and dense are whole on every rank.
struct MoEWeights {
  ConstTensorView router = {};          // [routed, hidden_dim], f32
  ConstTensorView router_bias = {};     // [routed], f32; absent without
  ConstTensorView selection_bias = {};  // [routed], f32; absent without
  ConstTensorView expert_scale = {};    // [routed], f32; absent without
  ConstTensorView token_experts = {};   // [token_table, top_k], i32 or i64; absent without
  RMSNormWeights router_norm = {};
  std::vector<GatedMLPWeights> experts = {};  // of this rank's experts, each whole; gate is absent where not gated
  GatedMLPWeights shared = {}, dense = {};    // as GatedMLP cuts them
  ConstTensorView shared_gate = {};           // [1, hidden_dim]; absent without
};

// All relative to the block's own path. In the name of an expert's weight, "{}" is replaced by the expert's number. A
// name without "{}" is a tensor with all experts one after the other, of which the expert's slice is used.
struct MoENames {
  TensorName router = "gate.weight", router_bias = "gate.bias", router_norm = "gate.norm.weight";
  TensorName selection_bias = "gate.e_score_correction_bias", expert_scale = "gate.per_expert_scale";
  TensorName token_experts = "gate.tid2eid";
  TensorName gate = "experts.{}.gate_proj.weight", gate_bias = "experts.{}.gate_proj.bias";
  TensorName up = "experts.{}.up_proj.weight", up_bias = "experts.{}.up_proj.bias";
  TensorName down = "experts.{}.down_proj.weight", down_bias = "experts.{}.down_proj.bias";
  GatedMLPNames shared, dense;
  TensorName shared_gate = "shared_expert_gate.weight";

  MoENames();  // shared below "shared_experts", dense below "mlp"
};

// Names of the same tensors below a part of the path: "gate_proj.weight" to "shared_expert.gate_proj.weight".
GatedMLPNames below(const std::string& part, GatedMLPNames names = {});
// Experts as [experts, 2 * ffn_dim, hidden_dim] (gate's rows first) and [experts, hidden_dim, ffn_dim].
MoENames stacked_experts(std::int64_t ffn_dim, const std::string& gate_up = "experts.gate_up_proj",
                         const std::string& down = "experts.down_proj");
// Experts as [experts, hidden_dim, 2 * ffn_dim] (columns of gate and up alternate) and [experts, ffn_dim,
// hidden_dim], with biases [experts, 2 * ffn_dim] and [experts, hidden_dim] named with "_bias" at the end.
MoENames stacked_transposed_experts(std::int64_t ffn_dim, const std::string& gate_up = "experts.gate_up_proj",
                                    const std::string& down = "experts.down_proj");

// The name of one expert's weight.
TensorName expert_name(const TensorName& pattern, std::int64_t expert);
// The experts of a rank.
Part expert_part(const MoESpec& spec, const Context& context);

void bind_weights(MoEWeights& weights, const MoESpec& spec, const MoEImplConfig& impl, const MoENames& names,
                  const Context& context, WeightBinder& binder);

}  // namespace ttt
