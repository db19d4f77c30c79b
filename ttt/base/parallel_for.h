#pragma once

#include <cstdint>

#include "base/threads.h"

namespace ttt {

// Runs independent pieces of work of code that loads or converts: on the threads of a pool, which must outlive this,
// or, without a pool, on the calling thread alone.
class ParallelFor {
 public:
  ParallelFor() = default;
  ParallelFor(ThreadPool& pool) : pool_(&pool) {}  // NOLINT: a pool is what it stands for

  // Calls f(0) .. f(count - 1), in any order and on any threads, and returns when all are done. The first exception
  // of f is rethrown here; indices that have not begun by then are skipped.
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
