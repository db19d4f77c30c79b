#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ttt {

// What the operating system lets this process take of the machine.
struct ProcessLimits {
  // One processor of each physical core in the affinity mask, the first of those that share the core; ascending.
  std::vector<int> processors = {};
  // Threads that are worth having: the physical cores, or fewer where a control group's CPU quota, rounded up, is less.
  // At least 1.
  std::int64_t cores = 1;
  // Memory that can still be taken: the least of what the machine and each control group above the process have left.
  // What the kernel can take back, as cached pages of files, counts as free.
  std::int64_t available_bytes = 0;
};

// The processors of the calling thread's affinity mask, ascending; empty when the system does not tell.
std::vector<int> affinity_mask();

// Limits of this process, from ROOT/proc and ROOT/sys. Control groups are those of versions 1 and 2 that the process is
// in, with every group above them that can be seen, and the top of ROOT/sys/fs/cgroup, which in a container is the
// container's own group. Files that are missing or make no sense limit nothing. `root`: empty, or a tree that a test
// has made. `allowed`: the affinity mask.
ProcessLimits query_process_limits(const std::string& root = {});
ProcessLimits query_process_limits(const std::string& root, std::span<const int> allowed);

}  // namespace ttt
