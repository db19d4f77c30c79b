#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/exec.h"

namespace ttt {

// Adds up the cost of launches by place: what was launched since the last done() belongs to the place that is done.
class PlanObserver final : public Observer {
 public:
  explicit PlanObserver(std::int64_t places, Scratch& scratch)
      : costs_(static_cast<std::size_t>(places)), scratch_(scratch) {}

  struct Cost {
    double operations = 0, bytes = 0;
    std::int64_t scratch_bytes = 0;  // the most in use until it was done, its model's included
  };

  void done(const Place& place, TensorView) override {
    if (place.index >= 0) {
      Cost& cost = costs_[static_cast<std::size_t>(place.index)];
      cost.operations += pending_.operations;
      cost.bytes += pending_.bytes;
      cost.scratch_bytes = std::max(cost.scratch_bytes, scratch_.peak());
    }
    peak_ = std::max(peak_, scratch_.peak());
    scratch_.restart_peak();
    pending_ = {};
  }
  void launched(double operations, double bytes) override {
    pending_.operations += operations;
    pending_.bytes += bytes;
    total_.operations += operations;
    total_.bytes += bytes;
  }
  bool counts() const override { return true; }
  bool observes(const Place&) const override { return false; }

  const std::vector<Cost>& costs() const { return costs_; }  // by place
  std::int64_t scratch_bytes() const { return std::max(peak_, scratch_.peak()); }
  double operations() const { return total_.operations; }
  double bytes() const { return total_.bytes; }

 private:
  std::vector<Cost> costs_;
  Cost pending_, total_;
  Scratch& scratch_;
  std::int64_t peak_ = 0;
};

}  // namespace ttt
