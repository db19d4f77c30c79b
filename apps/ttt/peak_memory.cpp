#include "apps/ttt/peak_memory.h"

#include <cstdio>
#include <string>

#include "base/error.h"

namespace ttt::app {
namespace {

// A field of /proc/self/status in bytes; 0 where there is none.
std::int64_t status_bytes(const std::string& field) {
  std::FILE* file = std::fopen("/proc/self/status", "re");
  if (file == nullptr) return 0;
  char line[256];
  long long kilobytes = 0;
  const std::string pattern = text(field, ": %lld kB");
  while (kilobytes == 0 && std::fgets(line, sizeof line, file) != nullptr) {
    if (std::sscanf(line, pattern.c_str(), &kilobytes) != 1) kilobytes = 0;
  }
  std::fclose(file);
  return 1024 * static_cast<std::int64_t>(kilobytes);
}

}  // namespace

void PeakMemory::restart() {
  std::FILE* file = std::fopen("/proc/self/clear_refs", "we");
  restarts_ = file != nullptr && std::fputs("5", file) >= 0;
  if (file != nullptr && std::fclose(file) != 0) restarts_ = false;
}

std::int64_t PeakMemory::bytes() const { return status_bytes(restarts_ ? "VmHWM" : "VmRSS"); }

}  // namespace ttt::app
