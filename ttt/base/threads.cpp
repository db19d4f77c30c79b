#include "base/threads.h"

#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <system_error>

#include "base/error.h"

namespace ttt {
namespace {

// Long enough to bridge the gap between two kernels of a step, short enough not to be seen in an idle process.
constexpr int kSpins = 4000;
constexpr std::int64_t kMostThreads = 4096;

class FlushDenormals {
 public:
  FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | kFlushToZero | kDenormalsAreZero); }
  ~FlushDenormals() { _mm_setcsr(saved_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  static constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;
  unsigned saved_;
};

// Threads started in its scope take no signal that is sent to the process, so that the program's handlers run on the
// program's own threads. Faults of a thread's own (SIGBUS of a mapped file) still reach it.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t blocked;
    sigfillset(&blocked);
    for (const int fault : {SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP}) sigdelset(&blocked, fault);
    pthread_sigmask(SIG_BLOCK, &blocked, &saved_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &saved_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t saved_{};
};

void pin(std::thread& thread, std::int64_t index) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  const int cores = CPU_COUNT(&allowed);
  if (cores <= 1) return;
  std::int64_t skip = index % cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(core, &allowed) || skip-- != 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    // Refusal costs speed only.
    (void)pthread_setaffinity_np(thread.native_handle(), sizeof one, &one);
    return;
  }
}

}  // namespace

// The indices are dealt out as one run for each thread, because neighbours are neighbours in memory: a thread that
// streams through its run is read ahead for. Who is done early goes on with the runs of others.
struct ThreadPool::Shared {
  struct alignas(64) Run {
    std::atomic<std::int64_t> next{0};
    std::int64_t end = 0;
  };

  explicit Shared(std::int64_t threads) : runs(static_cast<std::size_t>(threads)) {}

  alignas(64) std::atomic<std::uint32_t> generation{0};  // odd: told to stop
  alignas(64) std::atomic<std::int64_t> busy{0};         // workers that have not finished this region
  std::vector<Run> runs;                                 // by thread, the caller's first
  Body body = nullptr;
  const void* context = nullptr;

  void deal(std::int64_t count) {
    const auto threads = static_cast<std::int64_t>(runs.size());
    const std::int64_t each = count / threads, longer = count % threads;
    std::int64_t begin = 0;
    for (std::int64_t t = 0; t < threads; ++t) {
      Run& run = runs[static_cast<std::size_t>(t)];
      run.next.store(begin, std::memory_order_relaxed);
      begin += each + (t < longer ? 1 : 0);
      run.end = begin;
    }
  }

  void take_indices(std::size_t thread) {
    const FlushDenormals flush;
    for (std::size_t turn = 0; turn < runs.size(); ++turn) {
      Run& run = runs[(thread + turn) % runs.size()];
      for (std::int64_t i = run.next.fetch_add(1, std::memory_order_relaxed); i < run.end;
           i = run.next.fetch_add(1, std::memory_order_relaxed)) {
        body(context, i);
      }
    }
  }
};

ThreadPool::ThreadPool(std::int64_t threads, Pinning pinning, std::int64_t first_core)
    : size_(threads), shared_(std::make_unique<Shared>(std::clamp<std::int64_t>(threads, 1, kMostThreads))) {
  require(threads >= 1 && threads <= kMostThreads, ErrorKind::kUsage, "threads wanted 1 to ", kMostThreads, ", got ",
          threads);
  workers_.reserve(static_cast<std::size_t>(threads - 1));
  try {
    const SignalsBlocked blocked;
    for (std::int64_t i = 1; i < threads; ++i) {
      workers_.emplace_back([this, i] { work(static_cast<std::size_t>(i)); });
      if (pinning == Pinning::kOneCoreEach) pin(workers_.back(), first_core + i);
    }
  } catch (const std::system_error& e) {
    const std::size_t started = workers_.size() + 1;
    stop();
    fail(ErrorKind::kResources, text("cannot start thread ", started + 1, " of ", threads, ": ", e.what()));
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  shared_->generation.fetch_or(1, std::memory_order_release);
  shared_->generation.notify_all();
  for (std::thread& t : workers_) t.join();
  workers_.clear();
}

void ThreadPool::work(std::size_t thread) {
  Shared& s = *shared_;
  std::uint32_t seen = 0;
  for (;;) {
    std::uint32_t now = s.generation.load(std::memory_order_acquire);
    for (int spin = 0; now == seen && spin < kSpins; ++spin) {
      _mm_pause();
      now = s.generation.load(std::memory_order_acquire);
    }
    while (now == seen) {
      s.generation.wait(seen, std::memory_order_acquire);
      now = s.generation.load(std::memory_order_acquire);
    }
    if (now & 1) return;
    seen = now;
    s.take_indices(thread);
    if (s.busy.fetch_sub(1, std::memory_order_acq_rel) == 1) s.busy.notify_one();
  }
}

void ThreadPool::run(std::int64_t count, Body body, const void* context) {
  Shared& s = *shared_;
  s.body = body;
  s.context = context;
  s.deal(count);
  // One index, or no workers: waking others would cost more than it brings.
  if (count == 1 || workers_.empty()) {
    s.take_indices(0);
    return;
  }
  s.busy.store(static_cast<std::int64_t>(workers_.size()), std::memory_order_relaxed);
  s.generation.fetch_add(2, std::memory_order_release);
  s.generation.notify_all();
  s.take_indices(0);
  std::int64_t left = s.busy.load(std::memory_order_acquire);
  for (int spin = 0; left != 0 && spin < kSpins; ++spin) {
    _mm_pause();
    left = s.busy.load(std::memory_order_acquire);
  }
  while (left != 0) {
    s.busy.wait(left, std::memory_order_acquire);
    left = s.busy.load(std::memory_order_acquire);
  }
}

}  // namespace ttt
