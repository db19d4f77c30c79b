#pragma once

#include <cstdint>
#include <vector>

#include "base/exec.h"

namespace ttt {

// Adds up the work of launches by place: what was launched since the last done() belongs to the place that is done.
class PlanObserver final : public Observer {
 public:
  explicit PlanObserver(std::int64_t places) : work_(static_cast<std::size_t>(places)) {}

  struct Work {
    double operations = 0, bytes = 0;
  };

  void done(const Place& place, TensorView) override {
    if (place.index >= 0) {
      work_[static_cast<std::size_t>(place.index)].operations += pending_.operations;
      work_[static_cast<std::size_t>(place.index)].bytes += pending_.bytes;
    }
    pending_ = {};
  }
  void launched(double operations, double bytes) override {
    pending_.operations += operations;
    pending_.bytes += bytes;
    total_.operations += operations;
    total_.bytes += bytes;
  }
  bool counts() const override { return true; }
  bool wants(const Place&) const override { return false; }

  const Work& at(std::int64_t place) const { return work_[static_cast<std::size_t>(place)]; }
  double operations() const { return total_.operations; }
  double bytes() const { return total_.bytes; }

 private:
  std::vector<Work> work_;
  Work pending_, total_;
};

}  // namespace ttt
