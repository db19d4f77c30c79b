#include "block/check_rows.h"

#include "base/error.h"

namespace ttt {

void check_rows(const Place& place, ConstTensorView x, ConstTensorView y, std::int64_t width) {
  require(x.shape.rank() == 2 && x.dim(1) == width && y.shape == x.shape, ErrorKind::kInternal, "[", place.path,
          "] x and y wanted [rows, ", width, "], got ", x.shape.to_string(), " and ", y.shape.to_string());
}

}  // namespace ttt
