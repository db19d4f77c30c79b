#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/context.h"
#include "base/partition.h"
#include "base/weights.h"

namespace ttt {

struct OutputsShape {
  std::int64_t inputs = 0, outputs = 0;
  bool bias = false;
  bool keep_narrower = false;  // WeightRequest::keep_narrower, of the weight
};

// Binds the weight [outputs, inputs] and, where there is one, the bias [outputs] of a projection of which every rank
// has its part of the outputs. format: of the weight; absent: as stored.
template <class Weights, class Names>
void bind_outputs(Weights& weights, const OutputsShape& shape, std::optional<Format> format, const Names& names,
                  const Context& context, WeightBinder& binder) {
  const std::string path(context.place.path);
  const Cut cut = cut_of(0, part_of(shape.outputs, 1, context.rank, context.ranks));
  binder.bind(weights.weight, {.path = path,
                               .name = names.weight,
                               .shape = {shape.outputs, shape.inputs},
                               .cut = cut,
                               .format = format,
                               .keep_narrower = shape.keep_narrower});
  if (!shape.bias) return;
  binder.bind(weights.bias,
              {.path = path, .name = names.bias, .shape = {shape.outputs}, .cut = cut, .use = WeightUse::kVector});
}

}  // namespace ttt
