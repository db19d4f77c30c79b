#pragma once

#include <cstdint>

#include "base/exec.h"
#include "kernels/cpu/level.h"

namespace ttt::kernels::TTT_LEVEL {

// Rows per task: below this the cost of handing out work shows.
inline constexpr std::int64_t kRowsPerTask = 8;

// Calls f(row) for rows [0, rows), some of them per task.
template <class F>
TTT_INLINE void for_rows(Exec& exec, std::int64_t rows, const F& f) {
  exec.threads.parallel_for((rows + kRowsPerTask - 1) / kRowsPerTask, [&](std::int64_t task) {
    const std::int64_t begin = task * kRowsPerTask, end = rows < begin + kRowsPerTask ? rows : begin + kRowsPerTask;
    for (std::int64_t r = begin; r < end; ++r) f(r);
  });
}

}  // namespace ttt::kernels::TTT_LEVEL
