#include "linear/gather_columns.h"

#include "base/error.h"
#include "collectives/communicator.h"
#include "kernels/rows/rows.h"

namespace ttt {
namespace {

constexpr std::int64_t kBytes = sizeof(float);

std::size_t bytes_of(const Shape& shape) { return static_cast<std::size_t>(shape.elements() * kBytes); }

}  // namespace

void gather_columns(Exec& exec, ConstTensorView x, std::span<const std::int64_t> counts, TensorView y) {
  require(x.dim(0) <= 1 || x.row_bytes == x.dim(1) * kBytes, ErrorKind::kInternal, "gather_columns wanted dense rows");
  Scratch::Frame frame(exec.scratch);
  const TensorView all = frame.take(y.shape);
  const auto ranks = static_cast<std::int64_t>(counts.size());
  std::byte* memory = frame.take_bytes(ranks * static_cast<std::int64_t>(sizeof(std::int64_t)));
  if (!exec.planning()) {
    const std::span bytes(reinterpret_cast<std::int64_t*>(memory), counts.size());
    for (std::size_t r = 0; r < counts.size(); ++r) bytes[r] = counts[r] * x.dim(0) * kBytes;
    exec.communicator.all_gather({x.data, bytes_of(x.shape)}, bytes, {all.data, bytes_of(all.shape)});
  }
  exec.launch(kernels::join_columns, kernels::JoinColumnsArgs{.parts = all.row<float>(0), .counts = counts, .y = y});
}

void gather_alike(Exec& exec, ConstTensorView mine, TensorView all) {
  Scratch::Frame frame(exec.scratch);
  const std::int64_t ranks = all.dim(0);
  std::byte* memory = frame.take_bytes(ranks * static_cast<std::int64_t>(sizeof(std::int64_t)));
  if (exec.planning()) return;
  const std::span bytes(reinterpret_cast<std::int64_t*>(memory), static_cast<std::size_t>(ranks));
  for (std::int64_t& each : bytes) each = static_cast<std::int64_t>(bytes_of(mine.shape));
  exec.communicator.all_gather({mine.data, bytes_of(mine.shape)}, bytes, {all.data, bytes_of(all.shape)});
}

}  // namespace ttt
