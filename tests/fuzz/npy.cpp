#include "apps/ttt/npy_ids.h"
#include "fuzz/memory_file.h"
#include "fuzz/targets.h"

namespace ttt::fuzz {

void read_npy(std::span<const std::byte> bytes) { app::parse_npy_ids(as_text(bytes), "fuzz.npy"); }

}  // namespace ttt::fuzz
