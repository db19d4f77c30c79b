#pragma once

#include <atomic>
#include <cstdint>

#include "checkpoint/weight_form.h"

namespace ttt {

// Finds values of a weight that the format asked for cannot hold: finite as stored, infinite once converted. Rows may
// be examined on many threads.
class OverflowCheck {
 public:
  explicit OverflowCheck(const WeightForm& form) : form_(form) {}

  // Whether any value could be beyond the format.
  bool wanted() const;
  // values: [count, form.column_count], of the wanted rows from `begin` on
  void examine(std::int64_t begin, std::int64_t count, const float* values);
  // Error{kUsage} naming the tensor, the element and the format, when there was one.
  void require_none() const;

 private:
  bool is_beyond(std::int64_t row, std::int64_t column, float value) const;
  void found(std::int64_t row, std::int64_t column);

  const WeightForm& form_;
  std::atomic<std::int64_t> first_{-1};  // row * columns + column, the smallest
};

}  // namespace ttt
