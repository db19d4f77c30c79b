#include "base/limits.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>

#include "base/error.h"

namespace ttt {
namespace {

constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

std::optional<std::int64_t> integer_of(std::string_view word) {
  std::int64_t n = 0;
  const auto r = std::from_chars(word.data(), word.data() + word.size(), n);
  if (r.ec != std::errc{} || r.ptr != word.data() + word.size()) return std::nullopt;
  return n;
}

// Words of the first line; none when there is no such file.
std::vector<std::string> words_in(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  std::istringstream words(line);
  return {std::istream_iterator<std::string>(words), {}};
}

std::optional<std::int64_t> number_in(const std::string& path) {
  const std::vector<std::string> words = words_in(path);
  return words.empty() ? std::nullopt : integer_of(words[0]);
}

// The sum of the lines "KEY NUMBER" or "KEY: NUMBER" with one of `keys`; nothing when there is none.
std::optional<std::int64_t> sum_of_lines(const std::string& path, std::initializer_list<std::string_view> keys) {
  std::ifstream in(path);
  std::optional<std::int64_t> sum;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string key;
    std::int64_t n = 0;
    if (words >> key >> n && std::ranges::find(keys, key) != keys.end()) sum = sum.value_or(0) + n;
  }
  return sum;
}

// ---- cores
// ------------------------------------------------------------------------------------------------------------

std::vector<int> one_of_each_core(const std::string& root, std::span<const int> allowed) {
  std::vector<int> processors;
  std::set<std::string> seen;  // lists of the processors that share a core
  for (const int p : allowed) {
    const std::string topology = text(root, "/sys/devices/system/cpu/cpu", p, "/topology/");
    std::vector<std::string> core = words_in(topology + "core_cpus_list");
    if (core.empty()) core = words_in(topology + "thread_siblings_list");
    if (core.empty() || seen.insert(core[0]).second) processors.push_back(p);
  }
  std::ranges::sort(processors);
  return processors;
}

// ---- control groups
// ---------------------------------------------------------------------------------------------------

// Where a hierarchy of control groups is mounted.
struct Mount {
  std::string group;  // the group that is at `point`
  std::string point;
  bool unified = false;     // version 2
  std::string controllers;  // of version 1: "rw,cpu,cpuacct"
};

bool has_word(const std::string& list, std::string_view word) {
  return text(",", list, ",").find(text(",", word, ",")) != std::string::npos;
}

// The kernel writes blanks in paths as \040.
std::string unescaped(const std::string& s) {
  std::string out;
  for (std::size_t i = 0; i < s.size(); ++i) {
    int code = 0;
    const bool escaped = s[i] == '\\' && i + 3 < s.size();
    const char* digits = s.data() + i + 1;
    if (escaped && std::from_chars(digits, digits + 3, code, 8).ptr == digits + 3) {
      out.push_back(static_cast<char>(code));
      i += 3;
    } else {
      out.push_back(s[i]);
    }
  }
  return out;
}

// Lines of mountinfo: "31 23 0:28 GROUP POINT options [optional fields] - TYPE source SUPER_OPTIONS".
std::vector<Mount> control_group_mounts(const std::string& root) {
  std::vector<Mount> mounts;
  std::ifstream in(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(in, line);) {
    std::istringstream split(line);
    const std::vector<std::string> words{std::istream_iterator<std::string>(split), {}};
    const auto dash = std::ranges::find(words, "-");
    if (words.size() < 6 || words.end() - dash < 4) continue;
    const std::string& type = dash[1];
    if (type != "cgroup" && type != "cgroup2") continue;
    mounts.push_back({unescaped(words[3]), unescaped(words[4]), type == "cgroup2", dash[3]});
  }
  return mounts;
}

// The process's group in the hierarchy of version 2 (`controller` empty) or in that of a controller of version 1. Lines
// of the file: "4:cpu,cpuacct:/path", "0::/path".
std::optional<std::string> group_of(const std::string& root, std::string_view controller) {
  std::ifstream in(root + "/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (controller.empty() ? controllers.empty() : has_word(controllers, controller)) return line.substr(second + 1);
  }
  return std::nullopt;
}

// `group` as seen from `top`: "" or "/a/b"; nothing when it is not below it.
std::optional<std::string> below(const std::string& group, const std::string& top) {
  const std::string prefix = top == "/" ? std::string() : top;
  if (!group.starts_with(prefix) || text(group, "/").find("/../") != std::string::npos) return std::nullopt;
  const std::string rest = group.substr(prefix.size());
  if (rest.empty() || rest == "/") return std::string();
  return rest[0] == '/' ? std::optional(rest) : std::nullopt;
}

// The directories whose files can limit the process, for "cpu" or "memory".
std::set<std::string> group_directories(const std::string& root, const std::string& controller) {
  const std::string top = root + "/sys/fs/cgroup";
  std::set<std::string> found{top, text(top, "/", controller)};
  for (const Mount& m : control_group_mounts(root)) {
    if (!m.unified && !has_word(m.controllers, controller)) continue;
    const std::optional<std::string> group = group_of(root, m.unified ? std::string_view() : controller);
    std::optional<std::string> rest = group ? below(*group, m.group) : std::nullopt;
    for (bool more = rest.has_value(); more;) {
      found.insert(text(root, m.point, *rest));
      more = !rest->empty();
      rest->resize(more ? rest->rfind('/') : 0);
    }
  }
  return found;
}

// Whole cores that a quota of CPU time is worth, rounded up.
std::int64_t quota_cores(const std::string& directory) {
  std::optional<std::int64_t> quota, period;
  if (const std::vector<std::string> v2 = words_in(directory + "/cpu.max"); v2.size() >= 2) {
    quota = integer_of(v2[0]);  // none for "max"
    period = integer_of(v2[1]);
  } else {
    quota = number_in(directory + "/cpu.cfs_quota_us");  // -1: none
    period = number_in(directory + "/cpu.cfs_period_us");
  }
  if (!quota || !period || *quota <= 0 || *period <= 0) return kNoLimit;
  return *quota / *period + (*quota % *period != 0 ? 1 : 0);
}

// What a group may still take.
std::int64_t memory_left(const std::string& directory) {
  std::optional<std::int64_t> limit = number_in(directory + "/memory.max"),
                              used = number_in(directory + "/memory.current"), back;
  const std::string stat = directory + "/memory.stat";
  if (limit && used) {
    back = sum_of_lines(stat, {"active_file", "inactive_file", "slab_reclaimable"});
  } else {
    limit = number_in(directory + "/memory.limit_in_bytes");
    used = number_in(directory + "/memory.usage_in_bytes");
    back = sum_of_lines(stat, {"total_active_file", "total_inactive_file"});
  }
  if (!limit || !used || *limit < 0 || *used < 0) return kNoLimit;
  const std::int64_t held = *used - std::clamp<std::int64_t>(back.value_or(0), 0, *used);
  return std::max<std::int64_t>(*limit - held, 0);
}

}  // namespace

std::vector<int> affinity_mask() {
  // The kernel refuses sets that are too small for the machine.
  for (int processors = CPU_SETSIZE; processors <= 1 << 20; processors *= 2) {
    const std::size_t bytes = CPU_ALLOC_SIZE(processors);
    const auto free_set = [](cpu_set_t* s) { CPU_FREE(s); };
    const std::unique_ptr<cpu_set_t, decltype(free_set)> set(CPU_ALLOC(processors), free_set);
    if (set == nullptr || sched_getaffinity(0, bytes, set.get()) != 0) continue;
    std::vector<int> found;
    for (int p = 0; p < processors; ++p) {
      if (CPU_ISSET_S(p, bytes, set.get())) found.push_back(p);
    }
    return found;
  }
  return {};
}

ProcessLimits query_process_limits(const std::string& root) { return query_process_limits(root, affinity_mask()); }

ProcessLimits query_process_limits(const std::string& root, std::span<const int> allowed) {
  ProcessLimits limits{.processors = one_of_each_core(root, allowed)};
  limits.cores = static_cast<std::int64_t>(limits.processors.size());
  if (limits.processors.empty()) limits.cores = static_cast<std::int64_t>(sysconf(_SC_NPROCESSORS_ONLN));
  for (const std::string& d : group_directories(root, "cpu")) limits.cores = std::min(limits.cores, quota_cores(d));
  limits.cores = std::max<std::int64_t>(limits.cores, 1);
  limits.available_bytes = sum_of_lines(root + "/proc/meminfo", {"MemAvailable:"}).value_or(0) << 10;
  for (const std::string& d : group_directories(root, "memory")) {
    limits.available_bytes = std::min(limits.available_bytes, memory_left(d));
  }
  return limits;
}

}  // namespace ttt
