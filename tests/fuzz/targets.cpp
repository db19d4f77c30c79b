#include "fuzz/targets.h"

#include "base/error.h"

namespace ttt::fuzz {

void run(const Target& target, std::span<const std::byte> bytes) {
  try {
    target.read(bytes);
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::kInternal) throw;
  }
}

}  // namespace ttt::fuzz
