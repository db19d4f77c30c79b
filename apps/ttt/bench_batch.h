#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "runtime/runner.h"

namespace ttt::app {

// The sequences that are measured. They have random tokens: each sequence its own, so that they choose experts of their
// own where there are any.
class BenchBatch {
 public:
  BenchBatch(Runner& runner, std::int64_t sequences);

  // Each sequence, made anew, takes a prompt of `rows` tokens. before_each() is called before each.
  void prefill(std::int64_t rows, const auto& before_each) {
    const std::vector<std::int32_t> ids = tokens(rows);
    for (Sequence& s : sequences_) {
      s = Sequence();
      before_each();
      s = runner_.create();
      runner_.extend(s, ids);
    }
  }
  // Makes the sequences anew with `rows` rows each, in little time: one computes the rows, the others copy them.
  void fill(std::int64_t rows);
  // Prepares for rewind(), and says whether that took memory: where rows outside a window are gone, a copy is kept.
  bool keep();
  // Back to where fill() has left them.
  void rewind();
  // Adds a row to every sequence, `steps` times. before_each() is called before each step.
  void decode(std::int64_t steps, const auto& before_each) {
    for (std::int64_t i = 0; i < steps; ++i) {
      before_each();
      step();
    }
  }

 private:
  std::vector<std::int32_t> tokens(std::int64_t rows) const;
  void step();

  Runner& runner_;
  std::vector<Sequence> sequences_;
  std::vector<StepEntry> entries_;
  std::vector<std::int32_t> next_;
  std::vector<std::int64_t> wanted_;
  std::int64_t filled_ = 0, steps_ = 0;
  std::vector<std::byte> snapshot_ = {};  // of one sequence; none where all rows are kept
};

template <class Work>
double seconds_of(const Work& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace ttt::app
