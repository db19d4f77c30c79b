#include "attention/head_norms.h"

#include "base/error.h"

namespace ttt {

HeadNorms::HeadNorms(const LayerNormSpec& spec, const ConstTensorView& weight, const LayerNormImplConfig& impl,
                     const Context& context)
    : plan_{.place = context.place,
            .eps = spec.eps,
            .weight_offset = spec.weight_offset,
            .weight = weight,
            .norm = kernels::select_layer_norm(context.traits, impl.reference)} {}

void HeadNorms::forward(Exec& exec, ConstTensorView x, TensorView y) const {
  const std::int64_t heads = plan_.weight.dim(0), width = plan_.weight.dim(1);
  const Shape wanted{x.dim(0), heads * width};
  require(x.shape == wanted && y.shape == wanted, ErrorKind::kInternal, "[", plan_.place.path, "] x and y wanted ",
          wanted.to_string(), ", got ", x.shape.to_string(), " and ", y.shape.to_string());
  for (std::int64_t h = 0; h < heads; ++h) {
    const ConstTensorView gains = rows_of(plan_.weight, h, 1);
    exec.launch(plan_.norm, {.x = columns_of(x, h * width, width),
                             .weight = {gains.data, gains.format, gains.layout, {width}, gains.row_bytes},
                             .bias = {},
                             .y = columns_of(y, h * width, width),
                             .eps = plan_.eps,
                             .weight_offset = plan_.weight_offset});
  }
  exec.done(plan_.place, y);
}

}  // namespace ttt
