#pragma once

// What a test needs to run a block: threads, scratch, one rank, no observer; and values to run it on.

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "base/exec.h"
#include "collectives/self.h"
#include "testing/reference.h"

namespace ttt::support {

class TestExec {
 public:
  explicit TestExec(std::int64_t threads = 2, Communicator& communicator = self_communicator())
      : threads_(threads), scratch_(std::int64_t{64} << 20), exec_(threads_, scratch_, communicator, observer_) {}
  Exec& operator*() { return exec_; }

 private:
  ThreadPool threads_;
  Scratch scratch_;
  NoObserver observer_;
  Exec exec_;
};

// Normal values, different for every seed.
inline std::vector<float> normal_values(std::int64_t count, unsigned seed, float deviation = 1.0f, float mean = 0.0f) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(mean, deviation);
  std::vector<float> v(static_cast<std::size_t>(count));
  for (float& x : v) x = normal(engine);
  return v;
}

inline reference::Row row_of(const std::vector<float>& values, std::int64_t row, std::int64_t dim) {
  const auto begin = values.begin() + row * dim;
  return {begin, begin + dim};
}

inline reference::Row doubles(const std::vector<float>& values) { return {values.begin(), values.end()}; }

// Every level that this machine has.
inline std::vector<DeviceTraits> levels() {
  const DeviceTraits machine = query_device_traits();
  std::vector<DeviceTraits> all;
  for (int i = 0; i < kIsaLevels; ++i) {
    const auto level = static_cast<IsaLevel>(i);
    if (machine.features.contains(features_of(level))) all.push_back(with_isa(machine, level));
  }
  return all;
}

constexpr double kEpsF32 = 1.1920929e-7;

}  // namespace ttt::support
