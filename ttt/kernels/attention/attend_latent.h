#pragma once

#include <cstdint>
#include <span>

#include "base/exec.h"
#include "base/step.h"
#include "base/tensor.h"

// Products of latent attention with the matrices that compute keys and values from a latent: [heads * key, rank] and
// [heads * value, rank], in any format, decoded exactly. reference: sums in double precision.
namespace ttt::kernels {

// Values [begin, begin + count) of a row, written to `buffer` unless they already exist as f32. begin is a
// multiple of kLatentPart, count at most that.
using LatentRowFn = const float* (*)(const ConstTensorView& weight, std::int64_t row, std::int64_t begin,
                                     std::int64_t count, float* buffer) noexcept;
inline constexpr std::int64_t kLatentPart = 512,
                              kLatentRows = 16;  // values of a decoded part, and rows multiplied with it
LatentRowFn select_latent_row(Format format, Layout layout);

struct LatentArgs {
  ConstTensorView x = {};
  ConstTensorView weight = {};
  LatentRowFn weight_row = nullptr;
  TensorView y = {};
  std::int64_t heads = 0, key = 0, value = 0, rank = 0;
};
using LatentFn = void (*)(Exec&, const LatentArgs&) noexcept;

// weight: of keys. y[r, h, :] = sum over i of x[r, h, i] weight[h, i, :]; x: [rows, heads * key], y: [rows, heads *
// rank]
LatentFn select_absorb_queries(const DeviceTraits& traits, bool reference = false);
// weight: of values. y[r, h, i] = x[r, h, :] . weight[h, i, :]; x: [rows, heads * rank], y: [rows, heads * value]
LatentFn select_project_values(const DeviceTraits& traits, bool reference = false);
double operations(const LatentArgs& args);
double bytes(const LatentArgs& args);

// Keys and values of every stored row, and queries to match: k[j, h, :] = (rotated part of j, key_weight[h] latent
// j).
struct ExpandLatentsArgs {
  ConstTensorView q_rope = {}, q_nope = {};  // [rows, heads * rope], [rows, heads * key]: the parts of the queries
  ConstTensorView key_weight = {}, value_weight = {};
  LatentRowFn key_row = nullptr, value_row = nullptr;
  AttentionStateView state = {};  // keys: [rope], values: [rank]
  BatchView batch = {};
  std::int64_t heads = 0, rope = 0, key = 0, value = 0, rank = 0;
  std::int64_t longest = 0;            // most stored rows of a sequence
  TensorView q = {};                   // [rows, heads * (rope + key)]
  TensorView k = {}, v = {};           // [seqs * heads * longest, rope + key], [.., value]
  std::span<std::int32_t> table = {};  // [seqs]
  std::span<float> decoded = {};       // threads * decoded_floats(args)
};
using ExpandLatentsFn = void (*)(Exec&, const ExpandLatentsArgs&) noexcept;
struct LatentKernels {
  LatentFn absorb_queries, project_values;
  ExpandLatentsFn expand_latents;
};
ExpandLatentsFn select_expand_latents(const DeviceTraits& traits, bool reference = false);
double operations(const ExpandLatentsArgs& args);
double bytes(const ExpandLatentsArgs& args);

inline std::int64_t decoded_floats(const ExpandLatentsArgs& a) {
  return (a.rope + 15) / 16 * 16 + kLatentRows * ((a.rank + 15) / 16 * 16);
}

}  // namespace ttt::kernels
