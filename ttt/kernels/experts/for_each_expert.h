#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "base/exec.h"

// The number of rows of an expert is not a shape: group_rows (kernels/experts/expert_rows.h) writes the counts to
// memory, and they are read here, between launches. A forward reads nothing else from tensor data.
namespace ttt::kernels {

struct ExpertsArgs {
  std::span<const std::int64_t> begin = {};  // [routed + 1], written by group_rows
  std::int64_t first = 0, experts = 0;       // this rank's experts
  std::int64_t assignments = 0;              // of the step, over all ranks' experts
  std::int64_t most = 0;                     // most assignments of one expert
};

// The assignments of one expert: order[begin : begin + count] of group_rows.
struct ExpertAssignments {
  std::int64_t expert = 0;  // counted from this rank's first
  std::int64_t begin = 0, count = 0;
};

// Calls run(exec, assignments) for every expert of this rank that has any.
//
// A planned step has no counts. Its scratch is that of the expert that needs most, with the most assignments that an
// expert can have, so no routing needs more. Its work is this rank's share of all assignments, spread evenly.
template <class Run>
void for_each_expert(Exec& exec, const ExpertsArgs& args, const Run& run) {
  if (!exec.planning()) {
    for (std::int64_t e = 0; e < args.experts; ++e) {
      const auto at = static_cast<std::size_t>(args.first + e);
      const std::int64_t begin = args.begin[at], count = args.begin[at + 1] - begin;
      if (count > 0) run(exec, ExpertAssignments{e, begin, count});
    }
    return;
  }
  NoObserver nobody;
  Exec uncounted(exec.threads, exec.scratch, exec.communicator, nobody, Exec::Mode::kPlan);
  const auto routed = static_cast<std::int64_t>(args.begin.size()) - 1;
  const std::int64_t share = (args.assignments * args.experts + routed - 1) / routed;
  const std::int64_t used = std::min(share, args.experts);
  for (std::int64_t e = 0; e < args.experts && args.assignments > 0; ++e) {
    run(uncounted, ExpertAssignments{e, 0, args.most});
    if (e < used) run(exec, ExpertAssignments{e, 0, share / used + (e < share % used ? 1 : 0)});
  }
}

}  // namespace ttt::kernels
