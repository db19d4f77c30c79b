#pragma once

#include <string>

#include "base/error.h"
#include "base/weights.h"

namespace ttt::support {

// Shapes without data, as a plan has them: every tensor is there.
class ShapesOnly final : public WeightSource {
 public:
  ConstTensorView fetch(const WeightRequest& request) override {
    fetched += text(request.full_name(), " ", request.shape.to_string(), "\n");
    return {nullptr, request.format.value_or(Format::kF32), Layout::kRowMajor, request.cut_shape(), 0};
  }
  bool has(const std::string&) const override { return true; }
  std::string fetched;
};

}  // namespace ttt::support
