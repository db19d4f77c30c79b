#include "base/traits.h"

#include <charconv>
#include <fstream>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/limits.h"

namespace ttt {
namespace {

// First number of a small system file, in units (K, M) if it has one; nothing when there is none ("max").
std::optional<std::int64_t> size_in(const std::string& path) {
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

void query_caches(DeviceTraits& t) {
  for (int i = 0; i < 8; ++i) {
    const std::string dir = text("/sys/devices/system/cpu/cpu0/cache/index", i, "/");
    const auto level = size_in(dir + "level"), size = size_in(dir + "size");
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

// "sse2, avx2, avx512"
std::string levels_in(CpuFeatures features) {
  std::string names;
  for (int i = 0; i < kIsaLevels; ++i) {
    const auto level = static_cast<IsaLevel>(i);
    if (features.contains(features_of(level))) names += (names.empty() ? "" : ", ") + std::string(name_of(level));
  }
  return names;
}

}  // namespace

DeviceTraits query_device_traits() {
  DeviceTraits t;
  const CpuReport cpu = query_cpu();
  t.features = usable_features(cpu);
  t.slow_bf16_dots = has_slow_bf16_dots(cpu);
  const ProcessLimits limits = query_process_limits();
  t.cores = limits.cores;
  query_caches(t);
  t.available_bytes = limits.available_bytes;
  return t;
}

DeviceTraits with_isa(DeviceTraits traits, IsaLevel level) {
  if (!traits.features.contains(features_of(level))) {
    fail(ErrorKind::kUsage, text("--isa wanted one of ", levels_in(traits.features),
                                 " (the levels of this machine), got ", name_of(level)));
  }
  traits.features = features_of(level);
  return traits;
}

}  // namespace ttt
