#include "base/scratch.h"

#include <algorithm>

#include "base/checked.h"

namespace ttt {
namespace {

constexpr std::int64_t kAlignment = 64;
// Larger than any step; it costs address space only.
constexpr std::int64_t kPlannedBytes = std::int64_t{1} << 44;

}  // namespace

Scratch::Scratch(std::int64_t bytes) : memory_(bytes) {}

Scratch Scratch::planned() { return Scratch(Buffer(kPlannedBytes, Buffer::Access::kReserved)); }

std::byte* Scratch::Frame::take_bytes(std::int64_t bytes) {
  const std::int64_t size = checked_round_up(bytes, kAlignment, "scratch");
  require(size <= scratch_.memory_.size() - scratch_.used_, ErrorKind::kResources, "scratch wanted ", size,
          " bytes more, got ", scratch_.memory_.size() - scratch_.used_, " of ", scratch_.memory_.size());
  std::byte* p = scratch_.memory_.data() + scratch_.used_;
  scratch_.used_ += size;
  scratch_.peak_ = std::max(scratch_.peak_, scratch_.used_);
  return p;
}

TensorView Scratch::Frame::take(Shape shape, Format format) {
  return view_of(take_bytes(stored_bytes(format, shape.elements(), "scratch")), format, shape);
}

}  // namespace ttt
