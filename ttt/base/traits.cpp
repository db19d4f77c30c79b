#include "base/traits.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <string>

#include "base/error.h"

namespace ttt {
namespace {

// First number of a small system file; nothing when there is none ("max").
std::optional<std::int64_t> number_in(const std::string& path) {
  std::ifstream in(path);
  std::string word;
  if (!(in >> word)) return std::nullopt;
  std::int64_t n = 0;
  const auto r = std::from_chars(word.data(), word.data() + word.size(), n);
  if (r.ec != std::errc{}) return std::nullopt;
  if (r.ptr != word.data() + word.size()) {
    if (*r.ptr == 'K') n <<= 10;
    if (*r.ptr == 'M') n <<= 20;
  }
  return n;
}

std::int64_t query_cores() {
  // Machines with more processors than a cpu_set_t holds refuse the mask; they are not short of cores.
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const bool known = sched_getaffinity(0, sizeof allowed, &allowed) == 0;
  std::int64_t cores = known ? CPU_COUNT(&allowed) : static_cast<std::int64_t>(sysconf(_SC_NPROCESSORS_ONLN));
  std::ifstream quota("/sys/fs/cgroup/cpu.max");
  std::string limit;
  std::int64_t period = 0;
  if (quota >> limit >> period && limit != "max" && period > 0) {
    std::int64_t us = 0;
    std::from_chars(limit.data(), limit.data() + limit.size(), us);
    cores = std::min(cores, (us + period - 1) / period);
  }
  return std::max<std::int64_t>(cores, 1);
}

void query_caches(DeviceTraits& t) {
  for (int i = 0; i < 8; ++i) {
    const std::string dir = text("/sys/devices/system/cpu/cpu0/cache/index", i, "/");
    const auto level = number_in(dir + "level"), size = number_in(dir + "size");
    if (!level || !size) continue;
    std::ifstream type_file(dir + "type");
    std::string type;
    type_file >> type;
    if (type == "Instruction") continue;
    if (*level == 1) t.l1d_bytes = *size;
    if (*level == 2) t.l2_bytes = *size;
    if (*level == 3) t.l3_bytes = *size;
  }
}

std::int64_t query_available() {
  std::int64_t available = 0;
  std::ifstream info("/proc/meminfo");
  std::string key, unit;
  std::int64_t kib = 0;
  while (info >> key >> kib) {
    std::getline(info, unit);
    if (key == "MemAvailable:") available = kib << 10;
  }
  const auto limit = number_in("/sys/fs/cgroup/memory.max"), used = number_in("/sys/fs/cgroup/memory.current");
  if (!limit || !used) return available;
  // Cached pages of files count as used there, but give way.
  std::int64_t cached = 0;
  std::ifstream stat("/sys/fs/cgroup/memory.stat");
  for (std::int64_t n = 0; stat >> key >> n;) {
    if (key == "inactive_file") cached = n;
  }
  return std::min(available, std::max<std::int64_t>(*limit - *used + cached, 0));
}

}  // namespace

DeviceTraits query_device_traits() {
  DeviceTraits t;
  const CpuReport cpu = query_cpu();
  t.features = usable_features(cpu);
  t.slow_bf16_dots = has_amx_units(cpu);
  t.cores = query_cores();
  query_caches(t);
  t.available_bytes = query_available();
  return t;
}

DeviceTraits with_isa(DeviceTraits traits, IsaLevel level) {
  require(traits.features.contains(features_of(level)), ErrorKind::kUsage, "--isa wanted at most ",
          name_of(traits.isa()), " (the highest level of this machine), got ", name_of(level));
  traits.features = features_of(level);
  return traits;
}

}  // namespace ttt
