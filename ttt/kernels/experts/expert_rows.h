#pragma once

#include <cstdint>
#include <span>

#include "base/exec.h"
#include "base/tensor.h"

// Gathers the rows of each expert and scatters the experts' results back to their rows. Assignment a = row * top_k +
// slot: experts[a] is the row's expert number `slot`. These kernels are limited by memory and compiled for the baseline
// only.
namespace ttt::kernels {

// Sorts assignments by expert, by counting; those of one expert stay in order. Assignments with an expert below 0 are
// skipped.
struct GroupRowsArgs {
  std::span<const std::int32_t> experts = {};  // [assignments]
  std::span<std::int64_t> begin = {};          // [experts + 1]: expert e has order[begin[e] : begin[e + 1]]
  std::span<std::int32_t> order = {};          // [assignments]
};
void group_rows(Exec& exec, const GroupRowsArgs& args) noexcept;

// y[i, :] = weight * x[row of assignments[i], :]
struct GatherAssignedArgs {
  ConstTensorView x = {};                          // [rows, dim], f32
  std::span<const std::int32_t> assignments = {};  // [n]
  std::int64_t top_k = 1;
  const float* weights = nullptr;  // [rows, top_k]
  TensorView y = {};               // [n, dim], f32
};
void gather_assigned(Exec& exec, const GatherAssignedArgs& args) noexcept;           // without the weight
void gather_assigned_weighted(Exec& exec, const GatherAssignedArgs& args) noexcept;  // with it

// y[row of assignments[i], :] += weight * x[i, :], or y[assignments[i], :] = weight * x[i, :].
struct ScatterAssignedArgs {
  ConstTensorView x = {};                          // [n, dim], f32
  std::span<const std::int32_t> assignments = {};  // [n]
  std::int64_t top_k = 1;
  const float* weights = nullptr;  // [rows, top_k]
  TensorView y = {};               // [rows, dim] or [rows * top_k, dim], f32
};
void add_assigned(Exec& exec, const ScatterAssignedArgs& args) noexcept;  // without the weight
void add_assigned_weighted(Exec& exec, const ScatterAssignedArgs& args) noexcept;
void store_assigned(Exec& exec, const ScatterAssignedArgs& args) noexcept;  // without the weight
void store_assigned_weighted(Exec& exec, const ScatterAssignedArgs& args) noexcept;

// y[r, :] = x[r, :] * sum of the weights of those of r's experts that are numbered from `first_identity`: experts that
// return their input. 0 where there are none.
struct IdentityRowsArgs {
  ConstTensorView x = {};                      // [rows, dim], f32
  std::span<const std::int32_t> experts = {};  // [rows, top_k]
  const float* weights = nullptr;              // [rows, top_k]
  std::int64_t top_k = 1, first_identity = 0;
  TensorView y = {};  // [rows, dim], f32
};
void identity_rows(Exec& exec, const IdentityRowsArgs& args) noexcept;

// y[r, :] += sum over slots of x[r * top_k + slot, :], in the order of slots.
struct SumSlotsArgs {
  ConstTensorView x = {};  // [rows * top_k, dim], f32
  std::int64_t top_k = 1;
  TensorView y = {};  // [rows, dim], f32
};
void sum_slots(Exec& exec, const SumSlotsArgs& args) noexcept;

struct ClearRowsArgs {
  TensorView y = {};  // [rows, dim], f32
};
void clear_rows(Exec& exec, const ClearRowsArgs& args) noexcept;  // y = 0

// y[r, :] += sigmoid(gate[r]) * x[r, :]
struct AddGatedRowsArgs {
  ConstTensorView x = {};     // [rows, dim], f32
  ConstTensorView gate = {};  // [rows, 1], f32
  TensorView y = {};          // [rows, dim], f32
};
void add_gated_rows(Exec& exec, const AddGatedRowsArgs& args) noexcept;

double operations(const GroupRowsArgs& args);
double bytes(const GroupRowsArgs& args);
double operations(const GatherAssignedArgs& args);
double bytes(const GatherAssignedArgs& args);
double operations(const ScatterAssignedArgs& args);
double bytes(const ScatterAssignedArgs& args);
double operations(const IdentityRowsArgs& args);
double bytes(const IdentityRowsArgs& args);
double operations(const SumSlotsArgs& args);
double bytes(const SumSlotsArgs& args);
double operations(const ClearRowsArgs& args);
double bytes(const ClearRowsArgs& args);
double operations(const AddGatedRowsArgs& args);
double bytes(const AddGatedRowsArgs& args);

}  // namespace ttt::kernels
