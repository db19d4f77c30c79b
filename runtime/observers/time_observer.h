#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "base/exec.h"

namespace ttt {

// Time, operations and bytes by place. What has passed and was launched since the last done() belongs to the place that
// is done, so a contained block that is not reported by itself counts for the block around it.
class TimeObserver final : public Observer {
 public:
  struct Counters {
    std::int64_t calls = 0;
    double seconds = 0, operations = 0, bytes = 0;
  };

  explicit TimeObserver(std::int64_t places) : counters_(static_cast<std::size_t>(places)) { begin(); }

  // The time until now belongs to no place: before every step.
  void begin() { last_ = Clock::now(); }
  void clear() { counters_.assign(counters_.size(), Counters{}); }

  void done(const Place& place, TensorView) override {
    const Clock::time_point now = Clock::now();
    if (place.index >= 0) {
      Counters& counters = counters_[static_cast<std::size_t>(place.index)];
      ++counters.calls;
      counters.seconds += std::chrono::duration<double>(now - last_).count();
      counters.operations += pending_.operations;
      counters.bytes += pending_.bytes;
    }
    pending_ = {};
    last_ = now;
  }
  void launched(double operations, double bytes) override {
    pending_.operations += operations;
    pending_.bytes += bytes;
  }
  bool counts() const override { return true; }
  bool observes(const Place&) const override { return false; }

  const std::vector<Counters>& counters() const { return counters_; }  // by place

 private:
  using Clock = std::chrono::steady_clock;
  std::vector<Counters> counters_;
  Counters pending_;
  Clock::time_point last_;
};

}  // namespace ttt
