#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "base/exec.h"

namespace ttt {

// all = the ranks' parts one after another. Rank r's part is min(counts[r], limit) entries of `entry_bytes`.
struct AllGatherArgs {
  const std::byte* mine = nullptr;            // this rank's part
  std::span<const std::int64_t> counts = {};  // [ranks]
  std::int64_t limit = std::numeric_limits<std::int64_t>::max();
  std::int64_t entry_bytes = 1;
  std::byte* all = nullptr;
  std::span<std::int64_t> part_bytes = {};  // [ranks], scratch
};
void all_gather(Exec& exec, const AllGatherArgs& args);
double operations(const AllGatherArgs& args);
double bytes(const AllGatherArgs& args);

// Launches it with scratch of its own for `part_bytes`.
void launch_all_gather(Exec& exec, AllGatherArgs args);

}  // namespace ttt
