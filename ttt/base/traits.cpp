#include "base/traits.h"

#include <array>
#include <charconv>
#include <fstream>
#include <string>

#include "base/error.h"
#include "base/limits.h"

namespace ttt {
namespace {

constexpr std::array<std::string_view, 5> kIsaNames{"sse2", "avx2", "avx512", "avx512_vnni", "avx512_bf16"};

IsaLevel query_isa() {
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  if (!avx2) return IsaLevel::kSse2;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (!avx512) return IsaLevel::kAvx2;
  if (!__builtin_cpu_supports("avx512vnni")) return IsaLevel::kAvx512;
  return __builtin_cpu_supports("avx512bf16") ? IsaLevel::kAvx512Bf16 : IsaLevel::kAvx512Vnni;
}

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

}  // namespace

std::string_view name_of(IsaLevel level) {
  const auto i = static_cast<std::size_t>(level);
  return i < kIsaNames.size() ? kIsaNames[i] : std::string_view();
}

std::optional<IsaLevel> isa_named(std::string_view name) {
  for (std::size_t i = 0; i < kIsaNames.size(); ++i) {
    if (kIsaNames[i] == name) return static_cast<IsaLevel>(i);
  }
  return std::nullopt;
}

DeviceTraits query_device_traits() {
  DeviceTraits t;
  t.isa = query_isa();
  const ProcessLimits limits = query_process_limits();
  t.cores = limits.cores;
  query_caches(t);
  t.available_bytes = limits.available_bytes;
  return t;
}

DeviceTraits with_isa(DeviceTraits traits, IsaLevel level) {
  require(level <= traits.isa, ErrorKind::kUsage, "--isa wanted at most ", name_of(traits.isa),
          " (the highest level of this machine), got ", name_of(level));
  traits.isa = level;
  return traits;
}

}  // namespace ttt
