#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ttt {

// The processors and memory that the operating system allows this process.
struct ProcessLimits {
  // One processor of each physical core in the affinity mask, the first of those that share the core; ascending.
  std::vector<int> processors = {};
  // Useful number of threads: the physical cores, or fewer where a control group's CPU quota, rounded up, is less.
  // At least 1.
  std::int64_t cores = 1;
  // Available memory: the least that the machine and each control group above the process have left. Memory that the
  // kernel can reclaim, such as cached pages of files, is included.
  std::int64_t available_bytes = 0;
};

// The processors of the calling thread's affinity mask, ascending; empty when the system does not report it.
std::vector<int> affinity_mask();

// Limits of this process, from ROOT/proc and ROOT/sys. Control groups are those of versions 1 and 2 that the process is
// in, with every group above them that can be seen, and the top of ROOT/sys/fs/cgroup, which in a container is the
// container's own group. Missing or invalid files set no limit. `root`: empty, or a tree that a test
// has made. `allowed`: the affinity mask.
ProcessLimits query_process_limits(const std::string& root = {});
ProcessLimits query_process_limits(const std::string& root, std::span<const int> allowed);

}  // namespace ttt
