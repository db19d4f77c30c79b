#pragma once

#include <string>
#include <vector>

#include "runtime/load.h"

namespace ttt {

// One tensor of a checkpoint that is to be written.
struct PlannedTensor {
  std::string name = {};                 // as blocks ask for it
  const StoredTensor* source = nullptr;  // whose values it has
  Format format = Format::kOther;        // of its values; that of the source: its bytes are kept
  Shape shape = {};                      // of the tensor as blocks ask for it
  bool transposed = false;               // the last two extents are written in the opposite order
  bool used = false;                     // by a block

  bool kept() const { return format == source->format; }
};

struct QuantizePlan {
  std::vector<PlannedTensor> tensors = {};  // sorted by name
  // A table that was also the weight of a head, and is written as two tensors because their formats differ.
  std::vector<std::string> untied = {};
  PlannedModel model = {};
};

// The formats that loading `checkpoint` with these options gives each weight, tensor by tensor. What no block asks for
// in another format is kept. Error{kUnsupported} naming the tensor when two blocks want it in different formats and it
// cannot be written twice, or when its rows are no whole number of groups; all errors of plan_model.
QuantizePlan plan_quantize(const Checkpoint& checkpoint, std::span<const Family> families, const LoadOptions& options);

// Error{kInternal} unless `written` gives every block the weights, in number, shape and format, that `plan` says.
void require_same_model(const QuantizePlan& plan, const PlannedModel& written);

}  // namespace ttt
