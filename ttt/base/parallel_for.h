#pragma once

#include <cstdint>

#include "base/threads.h"

namespace ttt {

// Where code that loads or converts may run independent pieces of work: on the threads of a pool, which must outlive
// this, or, when made without one, on the calling thread alone.
class ParallelFor {
 public:
  ParallelFor() = default;
  ParallelFor(ThreadPool& pool) : pool_(&pool) {}  // NOLINT: a pool is what it stands for

  // Calls f(0) .. f(count - 1), in any order and on any threads, and returns when all are done. The first exception
  // that f throws is thrown again here; the indices that were not begun by then are left out.
  template <class F>
  void operator()(std::int64_t count, const F& f) const {
    if (pool_ != nullptr) {
      pool_->parallel_for(count, f);
    } else {
      for (std::int64_t i = 0; i < count; ++i) f(i);
    }
  }

 private:
  ThreadPool* pool_ = nullptr;
};

}  // namespace ttt
