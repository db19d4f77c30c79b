#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <type_traits>
#include <vector>

namespace ttt {

// Ties the calling thread to one processor, as ThreadPool does with its other threads. A refusal costs only speed.
void pin_this_thread(int processor);

// A fixed team of threads that runs index ranges. The calling thread is one of the team. Between regions the others
// spin for about 50 microseconds, then sleep. A region never waits for a thread that has not begun to take
// part in it. Denormals are flushed to zero inside a region. The others never receive signals sent to the
// process.
class ThreadPool {
 public:
  // `threads` >= 1, the caller included. If `processors` (numbers as in an affinity mask) is not empty, thread i is
  // tied to processors[i % size]; the calling thread, which is number 0, is not tied. Error{kUsage} for an invalid
  // number of threads, Error{kResources} when the system cannot create one.
  explicit ThreadPool(std::int64_t threads, std::span<const int> processors = {});
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  std::int64_t size() const { return size_; }

  // Calls f(i) once for every i in [0, count), in any order, on any thread, and returns when all are done. Neighbouring
  // indices mostly run on one thread, in ascending order.
  // An exception of f ends the region: indices that have not begun are skipped, and the first exception is rethrown
  // here. f must not call parallel_for of the same pool. One caller at a time.
  template <class F>
  void parallel_for(std::int64_t count, const F& f) {
    static_assert(std::is_invocable_v<const F&, std::int64_t>);
    if (count <= 0) return;
    run(
        count, [](const void* body, std::int64_t i) { (*static_cast<const F*>(body))(i); }, &f);
  }

 private:
  using Body = void (*)(const void*, std::int64_t);
  struct Shared;

  void run(std::int64_t count, Body body, const void* context);
  void work(std::size_t thread);
  void stop();

  std::int64_t size_;
  std::unique_ptr<Shared> shared_;
  std::vector<std::thread> workers_;
};

}  // namespace ttt
