#pragma once

#include <cstddef>
#include <vector>

#include "base/context.h"
#include "base/weights.h"

// The weights that a block is built from: those that its Spec has, each of the shape in bind_weights.
namespace ttt {

// Checks and records every weight that a block binds.
class WeightCollector final : public WeightBinder {
 public:
  void bind(ConstTensorView& field, const WeightRequest& request) override {
    checker_.bind(field, request);
    bound_.push_back(field);
  }
  const std::vector<ConstTensorView>& bound() const { return bound_; }

 private:
  WeightChecker checker_;
  std::vector<ConstTensorView> bound_;
};

// Returns the recorded weights to a block that binds its weights once more, in the same order.
class WeightDistributor final : public WeightBinder {
 public:
  explicit WeightDistributor(const std::vector<ConstTensorView>& bound) : bound_(bound) {}
  void bind(ConstTensorView& field, const WeightRequest&) override { field = bound_[next_++]; }

 private:
  const std::vector<ConstTensorView>& bound_;
  std::size_t next_ = 0;
};

// Validates the Spec and returns the weights that it has. Each is checked; every other field of the result is absent,
// whatever `given` holds there, so that a block which is built from the result cannot read it. Throws what validate and
// WeightChecker throw.
template <class Spec, class Weights, class ImplConfig>
Weights checked_weights(const Spec& spec, Weights given, const ImplConfig& impl, const Context& context) {
  validate(spec, context);
  WeightCollector collector;
  bind_weights(given, spec, impl, {}, context, collector);
  Weights kept;
  WeightDistributor distributor(collector.bound());
  bind_weights(kept, spec, impl, {}, context, distributor);
  return kept;
}

}  // namespace ttt
