#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "base/context.h"
#include "base/exec.h"
#include "base/partition.h"
#include "base/weights.h"
#include "block/forward.h"
#include "kernels/norm/shard_norm.h"
#include "normalization/layernorm.h"
#include "normalization/rmsnorm.h"

namespace ttt {

// y = norm(x), x and y cut over ranks along the last extent: each rank holds [rows, part] of [rows, dim]
//
// Equals the norm of one device. Statistics of several parts are combined by the pairwise rule of Chan, Golub and
// LeVeque ("Updating formulae and a pairwise algorithm for computing sample variances", 1979), in the order of ranks.

enum class DistributedStrategy : std::uint8_t {
  kAllReduce,  // statistics of the parts are exchanged: two numbers per row and rank
  kAllGather,  // rows are exchanged whole and normalised on every rank: the bits are those of one device
};
std::string_view name_of(DistributedStrategy strategy);  // "all_reduce", "all_gather"

struct DistributedNormSpec {
  std::variant<RMSNormSpec, LayerNormSpec> base_norm = {};
  DistributedStrategy distributed_strategy = DistributedStrategy::kAllReduce;
  std::int64_t num_devices = 1;  // must be the number of ranks

  bool operator==(const DistributedNormSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("base_norm", self.base_norm);
    visit("distributed_strategy", self.distributed_strategy);
    visit("num_devices", self.num_devices);
  }
};

struct DistributedNormImplConfig {
  std::int64_t unit = 1;   // dim is cut in whole units: part_of(dim, unit, rank, ranks)
  bool reference = false;  // in double precision; slow
  // Exchange rows whole under kAllReduce too: the same bits on any number of ranks. The weights are then whole as well.
  bool whole_rows = false;

  bool operator==(const DistributedNormImplConfig&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("unit", self.unit);
    visit("reference", self.reference);
    visit("whole_rows", self.whole_rows);
  }
};

// kAllReduce: this rank's part; kAllGather or whole_rows: whole.
struct DistributedNormWeights {
  ConstTensorView weight = {};  // [part] or [dim], f32; absent where the base norm has none
  ConstTensorView bias = {};    // [part] or [dim], f32; absent where the base norm has none
};

struct DistributedNormNames {
  TensorName weight = "weight", bias = "bias";
};

void validate(const DistributedNormSpec& spec, const Context& context);
DistributedNormImplConfig default_impl_config(const DistributedNormSpec& spec, const DeviceTraits& traits,
                                              Strategy strategy);
void bind_weights(DistributedNormWeights& weights, const DistributedNormSpec& spec,
                  const DistributedNormImplConfig& impl, const DistributedNormNames& names, const Context& context,
                  WeightBinder& binder);

// forward, forward_add and forward_add_scaled are BlockForward's. x, y: [rows, part], f32; y may be x.
class DistributedNorm : public BlockForward<DistributedNorm, ConstTensorView> {
 public:
  using Spec = DistributedNormSpec;
  using ImplConfig = DistributedNormImplConfig;
  using Weights = DistributedNormWeights;
  using Names = DistributedNormNames;

  DistributedNorm(const DistributedNormSpec& spec, const DistributedNormWeights& weights,
                  const DistributedNormImplConfig& impl, const Context& context);

  std::int64_t part() const { return plan_.part.count; }  // columns of this rank

 private:
  friend BlockForward;
  struct Plan {
    using NormFn = void (*)(const Plan&, Exec&, ConstTensorView x, TensorView y);
    Place place;
    std::int64_t dim;
    Part part;
    std::vector<std::int64_t> parts;     // [ranks]
    std::vector<std::int64_t> one_each;  // [ranks], all 1
    float eps, weight_offset;
    ConstTensorView weight, bias;
    kernels::RowMomentsFn moments;
    kernels::ShardNormFn norm, norm_add;
    kernels::RmsNormFn whole_rms;
    kernels::LayerNormFn whole_layer;
    NormFn store, add;
  } plan_;

  static Plan make_plan(const DistributedNormSpec& spec, const DistributedNormWeights& weights,
                        const DistributedNormImplConfig& impl, const Context& context);
  void check(ConstTensorView x, TensorView y) const;
  void compute(Exec& exec, ConstTensorView x, const BlockOutput& out) const;
  static kernels::ShardNormArgs exchange_statistics(const Plan&, Exec&, Scratch::Frame&, ConstTensorView x,
                                                    TensorView y);
  static void store_reduced(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y);
  static void add_reduced(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y);
  static TensorView gather(const Plan& plan, Exec& exec, Scratch::Frame& frame, ConstTensorView x);
  template <bool kRms, bool kAdd>
  static void norm_gathered(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y);
};

}  // namespace ttt
