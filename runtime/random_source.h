#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/weights.h"
#include "checkpoint/weight_store.h"

namespace ttt {

// Random weights for benchmarks of a configuration without a checkpoint: matrices and tables uniform with
// variance 1 / in, vectors near one. The same part of a tensor in the same form has the same memory, as in a
// checkpoint; other parts of it (rows of a fused tensor, experts of a stacked one) have their own.
class RandomSource final : public WeightSource {
 public:
  // kPlan: only counts the bytes; the views have no data.
  enum class Mode : std::uint8_t { kMake, kPlan };
  // `stored`: the format that matrices have when a block requests none.
  RandomSource(Format stored, ParallelFor parallel_for, Mode mode = Mode::kMake)
      : stored_(stored), parallel_for_(parallel_for), mode_(mode) {}

  ConstTensorView fetch(const WeightRequest& request) override;
  bool has(const std::string&) const override { return false; }

  std::int64_t bytes() const { return bytes_; }

 private:
  ConstTensorView dense(const WeightRequest& request, Format format);
  ConstTensorView panels(const WeightRequest& request, Format format);
  std::byte* allocate(std::int64_t bytes);  // null in a plan

  Format stored_;
  ParallelFor parallel_for_;
  Mode mode_;
  std::map<std::string, ConstTensorView> known_;  // by part and form
  std::vector<Buffer> memory_;
  std::int64_t bytes_ = 0;
};

}  // namespace ttt
