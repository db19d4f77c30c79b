#pragma once

#include <cstdint>
#include <vector>

#include "base/context.h"
#include "base/exec.h"
#include "base/partition.h"
#include "kernels/norm/shard_norm.h"
#include "normalization/rmsnorm.h"

namespace ttt {

// y = x / sqrt(mean(x^2) + eps) * (weight_offset + weight), the mean over the values of all heads, which are cut over
// ranks. Several ranks may hold the same head, as they do with KV heads: the first of them counts it.
//
// The ranks exchange either the sums of squares of their parts (two numbers for each row and rank) or whole rows; with
// whole rows the bits are the same on any number of ranks.
struct WholeNormHeads {
  std::int64_t head_dim = 0;
  std::vector<Part> held = {};  // by rank, in heads; ascending, and together all of them
};

class WholeNorm {
 public:
  // weight: [this rank's heads * head_dim], or with whole_rows [all heads * head_dim]; absent where the Spec has none.
  WholeNorm(const RMSNormSpec& spec, const ConstTensorView& weight, const WholeNormHeads& heads, bool whole_rows,
            const RMSNormImplConfig& impl, const Context& context);

  // x, y: [rows, this rank's heads * head_dim], f32; y may be x.
  void forward(Exec& exec, ConstTensorView x, TensorView y) const;

 private:
  struct Plan {
    using NormFn = void (*)(const Plan&, Exec&, ConstTensorView x, TensorView y);
    Place place;
    std::int64_t dim = 0;                     // of all heads
    Part held = {};                           // this rank's columns of them
    Part counted = {};                        // those of its columns that no rank before it holds; begin: in its own
    std::vector<std::int64_t> parts = {};     // [ranks], columns counted of each
    std::vector<std::int64_t> one_each = {};  // [ranks], all 1
    float eps = 0, weight_offset = 0;
    ConstTensorView weight = {};
    kernels::RowMomentsFn moments = nullptr;
    kernels::ShardNormFn norm = nullptr;
    kernels::RmsNormFn whole = nullptr;
    NormFn form = nullptr;
  } plan_{};

  static void exchange_squares(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y);
  static void exchange_rows(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y);
};

}  // namespace ttt
