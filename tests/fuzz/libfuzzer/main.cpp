// Entry of libFuzzer for the target that the build names.

#include <cstdint>

#include "fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const ttt::fuzz::Target& target : ttt::fuzz::kTargets) {
    if (target.name == TTT_FUZZ_TARGET) ttt::fuzz::run(target, std::as_bytes(std::span(data, size)));
  }
  return 0;
}
