#pragma once

#include <cmath>
#include <deque>
#include <string>
#include <vector>

#include "base/weights.h"
#include "testing/values.h"

namespace ttt {

// f32 weights for whatever a block asks for: matrices with outputs of about the size of their inputs, vectors near 1.
class RandomWeights final : public WeightSource {
 public:
  ConstTensorView fetch(const WeightRequest& request) override {
    const Shape shape = request.cut_shape();
    const bool vector = request.use == WeightUse::kVector;
    const double deviation = vector ? 0.3 : 1 / std::sqrt(static_cast<double>(shape[shape.rank() - 1]));
    const auto seed = static_cast<std::uint64_t>(memory_.size() + 1);
    memory_.push_back(testing::normal(shape.elements(), 1, seed, deviation, vector ? 1 : 0).data);
    return view_of(static_cast<const float*>(memory_.back().data()), shape);
  }
  bool has(const std::string&) const override { return true; }

 private:
  std::deque<std::vector<float>> memory_;
};

}  // namespace ttt
