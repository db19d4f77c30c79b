#include "kernels/experts/expert_rows.h"

#include <algorithm>
#include <cmath>

namespace ttt::kernels {
namespace {

constexpr std::int64_t kColumnsPerTask = 512;

double elements(const Shape& shape) { return static_cast<double>(shape.elements()); }

template <bool kWeighted>
void gather(Exec& exec, const GatherAssignedArgs& args) {
  const std::int64_t dim = args.x.dim(1);
  exec.threads.parallel_for(args.y.dim(0), [&](std::int64_t i) {
    const std::int64_t a = args.assignments[static_cast<std::size_t>(i)];
    const float* x = args.x.row<float>(a / args.top_k);
    float* y = args.y.row<float>(i);
    const float w = kWeighted ? args.weights[a] : 1.0f;
    for (std::int64_t c = 0; c < dim; ++c) y[c] = kWeighted ? w * x[c] : x[c];
  });
}

template <bool kWeighted>
void add(Exec& exec, const ScatterAssignedArgs& args) {
  // Cut by columns: a token table may give a row the same expert twice, and two tasks must not add to one place.
  const std::int64_t dim = args.y.dim(1), rows = static_cast<std::int64_t>(args.assignments.size());
  exec.threads.parallel_for((dim + kColumnsPerTask - 1) / kColumnsPerTask, [&](std::int64_t task) {
    const std::int64_t begin = task * kColumnsPerTask, end = std::min(dim, begin + kColumnsPerTask);
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::int64_t a = args.assignments[static_cast<std::size_t>(i)];
      const float w = kWeighted ? args.weights[a] : 1.0f;
      const float* x = args.x.row<float>(i);
      float* y = args.y.row<float>(a / args.top_k);
      for (std::int64_t c = begin; c < end; ++c) y[c] += kWeighted ? w * x[c] : x[c];
    }
  });
}

template <bool kWeighted>
void store(Exec& exec, const ScatterAssignedArgs& args) {
  const std::int64_t dim = args.y.dim(1);
  exec.threads.parallel_for(static_cast<std::int64_t>(args.assignments.size()), [&](std::int64_t i) {
    const std::int64_t a = args.assignments[static_cast<std::size_t>(i)];
    const float w = kWeighted ? args.weights[a] : 1.0f;
    const float* x = args.x.row<float>(i);
    float* y = args.y.row<float>(a);
    for (std::int64_t c = 0; c < dim; ++c) y[c] = kWeighted ? w * x[c] : x[c];
  });
}

}  // namespace

void group_rows(Exec&, const GroupRowsArgs& args) noexcept {
  // Counts first, one place up; then begins; then each is moved to its expert's end, which leaves every begin where
  // the next one was.
  std::fill(args.begin.begin(), args.begin.end(), std::int64_t{0});
  const std::span<std::int64_t> ends = args.begin.subspan(1);
  for (const std::int32_t e : args.experts) {
    if (e >= 0) ++ends[static_cast<std::size_t>(e)];
  }
  for (std::size_t e = 1; e < ends.size(); ++e) ends[e] += ends[e - 1];
  for (std::size_t a = args.experts.size(); a-- > 0;) {
    const std::int32_t e = args.experts[a];
    if (e < 0) continue;
    const std::int64_t at = --ends[static_cast<std::size_t>(e)];
    args.order[static_cast<std::size_t>(at)] = static_cast<std::int32_t>(a);
  }
  // ends[e] is now the begin of e.
  std::int64_t total = 0;
  for (const std::int32_t e : args.experts) total += e >= 0 ? 1 : 0;
  std::copy(ends.begin(), ends.end(), args.begin.begin());
  args.begin.back() = total;
}

void gather_assigned(Exec& exec, const GatherAssignedArgs& args) noexcept { gather<false>(exec, args); }
void gather_assigned_weighted(Exec& exec, const GatherAssignedArgs& args) noexcept { gather<true>(exec, args); }

void add_assigned(Exec& exec, const ScatterAssignedArgs& args) noexcept { add<false>(exec, args); }
void add_assigned_weighted(Exec& exec, const ScatterAssignedArgs& args) noexcept { add<true>(exec, args); }
void store_assigned(Exec& exec, const ScatterAssignedArgs& args) noexcept { store<false>(exec, args); }
void store_assigned_weighted(Exec& exec, const ScatterAssignedArgs& args) noexcept { store<true>(exec, args); }

void identity_rows(Exec& exec, const IdentityRowsArgs& args) noexcept {
  const std::int64_t dim = args.y.dim(1);
  exec.threads.parallel_for(args.y.dim(0), [&](std::int64_t r) {
    float w = 0;
    bool any = false;
    for (std::int64_t a = r * args.top_k; a < (r + 1) * args.top_k; ++a) {
      if (args.experts[static_cast<std::size_t>(a)] < args.first_identity) continue;
      w += args.weights[a];
      any = true;
    }
    float* y = args.y.row<float>(r);
    // Zeros even where x is not finite.
    if (!any) return std::fill(y, y + dim, 0.0f);
    const float* x = args.x.row<float>(r);
    for (std::int64_t c = 0; c < dim; ++c) y[c] = w * x[c];
  });
}

void sum_slots(Exec& exec, const SumSlotsArgs& args) noexcept {
  const std::int64_t dim = args.y.dim(1);
  exec.threads.parallel_for(args.y.dim(0), [&](std::int64_t r) {
    float* y = args.y.row<float>(r);
    for (std::int64_t a = r * args.top_k; a < (r + 1) * args.top_k; ++a) {
      const float* x = args.x.row<float>(a);
      for (std::int64_t c = 0; c < dim; ++c) y[c] += x[c];
    }
  });
}

void clear_rows(Exec& exec, const ClearRowsArgs& args) noexcept {
  const std::int64_t dim = args.y.dim(1);
  exec.threads.parallel_for(args.y.dim(0), [&](std::int64_t r) { std::fill_n(args.y.row<float>(r), dim, 0.0f); });
}

void add_gated_rows(Exec& exec, const AddGatedRowsArgs& args) noexcept {
  const std::int64_t dim = args.y.dim(1);
  exec.threads.parallel_for(args.y.dim(0), [&](std::int64_t r) {
    const float g = *args.gate.row<float>(r), e = std::exp(-std::abs(g)), w = (g < 0 ? e : 1.0f) / (1.0f + e);
    const float* x = args.x.row<float>(r);
    float* y = args.y.row<float>(r);
    for (std::int64_t c = 0; c < dim; ++c) y[c] += w * x[c];
  });
}

double operations(const GroupRowsArgs&) { return 0; }
double bytes(const GroupRowsArgs& args) { return 16.0 * static_cast<double>(args.experts.size()); }
double operations(const GatherAssignedArgs&) { return 0; }
double bytes(const GatherAssignedArgs& args) { return 8.0 * elements(args.y.shape); }
double operations(const ScatterAssignedArgs& args) { return 2.0 * elements(args.x.shape); }
double bytes(const ScatterAssignedArgs& args) { return 12.0 * elements(args.x.shape); }
double operations(const IdentityRowsArgs& args) { return elements(args.y.shape); }
double bytes(const IdentityRowsArgs& args) { return 4.0 * elements(args.y.shape); }
double operations(const SumSlotsArgs& args) { return elements(args.x.shape); }
double bytes(const SumSlotsArgs& args) { return 4.0 * elements(args.x.shape) + 8.0 * elements(args.y.shape); }
double operations(const ClearRowsArgs&) { return 0; }
double bytes(const ClearRowsArgs& args) { return 4.0 * elements(args.y.shape); }
double operations(const AddGatedRowsArgs& args) { return 2.0 * elements(args.y.shape); }
double bytes(const AddGatedRowsArgs& args) { return 12.0 * elements(args.y.shape); }

}  // namespace ttt::kernels
