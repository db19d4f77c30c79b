#pragma once

#include <cstdint>
#include <vector>

#include "base/buffer.h"
#include "base/weights.h"
#include "checkpoint/weight_store.h"

namespace ttt {

// Weights made up for benchmarks of a shape that no checkpoint is at hand for: matrices and tables uniform with
// variance 1 / in, vectors near one. The same tensor name gives the same memory, as in a checkpoint.
class RandomSource final : public WeightSource {
 public:
  // `stored`: the format that matrices have when a block asks for none.
  RandomSource(Format stored, ParallelFor parallel_for) : stored_(stored), parallel_for_(parallel_for) {}

  ConstTensorView fetch(const WeightRequest& request) override;
  bool has(const std::string&) const override { return false; }

  std::int64_t bytes() const;

 private:
  ConstTensorView dense(const WeightRequest& request, Format format);
  ConstTensorView panels(const WeightRequest& request, Format format);

  struct Entry {
    std::string key;
    ConstTensorView view;
  };
  Format stored_;
  ParallelFor parallel_for_;
  std::vector<Entry> entries_;
  std::vector<Buffer> memory_;
};

}  // namespace ttt
