#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace ttt {

// A fixed team of threads that runs index ranges. The calling thread is one of the team. Between regions the others
// spin for some microseconds, then sleep in the kernel. Denormals are flushed to zero inside a region. Signals sent to
// the process are never taken by the others.
class ThreadPool {
 public:
  enum class Pinning : std::uint8_t { kNone, kOneCoreEach };

  // `threads` >= 1, the caller included. Pinned threads take the cores of the affinity mask in order, from `first_core`
  // on, round robin; the calling thread is left where it is. Error{kResources} when the system gives no more threads.
  explicit ThreadPool(std::int64_t threads, Pinning pinning = Pinning::kNone, std::int64_t first_core = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  std::int64_t size() const { return size_; }

  // Calls f(i) once for every i in [0, count), in any order, on any thread, and returns when all are done. Neighbouring
  // indices mostly run on one thread, in ascending order.
  // f must not throw and must not call parallel_for of the same pool. One caller at a time.
  template <class F>
  void parallel_for(std::int64_t count, const F& f) {
    static_assert(std::is_invocable_v<const F&, std::int64_t>);
    if (count <= 0) return;
    run(
        count, [](const void* body, std::int64_t i) noexcept { (*static_cast<const F*>(body))(i); }, &f);
  }

 private:
  using Body = void (*)(const void*, std::int64_t) noexcept;
  struct Shared;

  void run(std::int64_t count, Body body, const void* context);
  void work(std::size_t thread);
  void stop();

  std::int64_t size_;
  std::unique_ptr<Shared> shared_;
  std::vector<std::thread> workers_;
};

}  // namespace ttt
