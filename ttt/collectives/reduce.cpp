#include "collectives/reduce.h"

#include "collectives/communicator.h"

namespace ttt {
namespace {

void nothing(Exec&, TensorView) {}

void all_reduce(Exec& exec, TensorView y) {
  if (exec.planning()) return;
  exec.communicator.all_reduce({y.row<float>(0), static_cast<std::size_t>(y.shape.elements())});
}

}  // namespace

ReduceFn select_all_reduce(std::int64_t ranks) { return ranks == 1 ? nothing : all_reduce; }

}  // namespace ttt
