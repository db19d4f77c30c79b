#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "base/exec.h"

namespace ttt {

// Time and work by place. What has passed and was launched since the last done() belongs to the place that is done, so
// a contained block that is not reported by itself counts for the block around it.
class TimeObserver final : public Observer {
 public:
  struct Work {
    std::int64_t calls = 0;
    double seconds = 0, operations = 0, bytes = 0;
  };

  explicit TimeObserver(std::int64_t places) : work_(static_cast<std::size_t>(places)) { begin(); }

  // The time until now belongs to no place: before every step.
  void begin() { last_ = Clock::now(); }
  void clear() { work_.assign(work_.size(), Work{}); }

  void done(const Place& place, TensorView) override {
    const Clock::time_point now = Clock::now();
    if (place.index >= 0) {
      Work& work = work_[static_cast<std::size_t>(place.index)];
      ++work.calls;
      work.seconds += std::chrono::duration<double>(now - last_).count();
      work.operations += pending_.operations;
      work.bytes += pending_.bytes;
    }
    pending_ = {};
    last_ = now;
  }
  void launched(double operations, double bytes) override {
    pending_.operations += operations;
    pending_.bytes += bytes;
  }
  bool counts() const override { return true; }
  bool wants(const Place&) const override { return false; }

  const std::vector<Work>& work() const { return work_; }  // by place

 private:
  using Clock = std::chrono::steady_clock;
  std::vector<Work> work_;
  Work pending_;
  Clock::time_point last_;
};

}  // namespace ttt
