#include "base/threads.h"

#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace ttt {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

constexpr std::int64_t kMostThreads = 4096;

// Long enough to bridge the gap between two kernels of a step, short enough not to be seen in an idle process.
constexpr nanoseconds kSpinTime = 50us;

// A thread that loses its core in the middle of an index keeps the whole team waiting until it gets one again. Beside
// other programs that happens every few milliseconds and costs more than the thread brings. So a worker may keep the
// caller waiting for 1 / kPrice of the time, and for kBurst at once; what is above that it rests off. At 64 a team that
// is disturbed all the time does at worst 1.6 % less than the caller would alone.
constexpr std::int64_t kPrice = 64;
constexpr nanoseconds kBurst = 2ms;
constexpr nanoseconds kRestStep = 10ms;  // how late a resting worker may notice that the pool ends

// Looks at done() for a microsecond or two.
template <class Done>
bool spin_briefly(const Done& done) {
  for (int i = 0; i < 64; ++i) {
    if (done()) return true;
    _mm_pause();
  }
  return false;
}

// Looks at done() until it is true or kSpinTime is over. Returns what it was at last.
template <class Done>
bool spin(const Done& done) {
  if (spin_briefly(done)) return true;
  const Clock::time_point end = Clock::now() + kSpinTime;
  while (Clock::now() < end) {
    if (spin_briefly(done)) return true;
  }
  return false;
}

// Page faults of this thread that waited for a file or for swap.
std::int64_t slow_faults() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_majflt;
}

// What a worker owes for having kept the caller waiting.
class Account {
 public:
  // When the worker may take part again; in the past: now.
  Clock::time_point charge(nanoseconds delay) {
    // Waiting for a file is no reason to read it with fewer threads.
    const std::int64_t faults = slow_faults();
    const bool read = faults != faults_;
    faults_ = faults;
    if (read) return {};
    const Clock::time_point now = Clock::now();
    paid_ = std::max(paid_, now) + kPrice * delay;
    return paid_ - now > kPrice * kBurst ? paid_ : Clock::time_point{};
  }

 private:
  std::int64_t faults_ = slow_faults();
  Clock::time_point paid_{};  // when the time that has passed will have paid for all delays
};

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

// Refusal costs speed only.
void pin(pthread_t thread, int processor) {
  if (processor < 0 || processor >= CPU_SETSIZE) return;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  (void)pthread_setaffinity_np(thread, sizeof one, &one);
}

}  // namespace

void pin_this_thread(int processor) { pin(pthread_self(), processor); }

// How a region runs. The caller writes down the body and deals the indices, opens the region, takes indices itself
// until none is left, closes the region and waits for the workers that are inside. Nobody waits for a worker that is
// not.
//
// The indices are dealt out as one run for each thread, because neighbours are neighbours in memory: a thread that
// streams through its run is read ahead for. Who is done early goes on with the runs of others.
//
// Why no worker ever touches a region that is over: a worker first stores inside = 1 and then loads `state`; the caller
// first stores the closed `state` and then loads `inside`. All four are sequentially consistent, so in their one order
// either the worker's load comes after the close, and the worker leaves without having read anything else; or its store
// comes before the caller's load, and the caller waits for it. In the second case the worker has read an open state,
// and what the caller wrote before opening (body, context, runs) is visible and stays as it is until the worker has
// left. This says nothing about numbers of regions. A worker that was about to join one region and finds itself in a
// later one has joined the later one; and should the counter come around to the very number that a worker took part in
// last, the worker misses that region, which costs nothing but its help.
struct ThreadPool::Shared {
  static constexpr std::uint32_t kStop = 1, kOpen = 2, kNext = 4;

  struct alignas(64) Run {
    std::atomic<std::int64_t> next{0};
    std::int64_t end = 0;
  };
  struct alignas(64) Worker {
    std::atomic<std::uint32_t> inside{0};
    std::atomic<std::int64_t> delay{0};  // ns that the caller waited for it, not yet accounted for by the worker
  };

  explicit Shared(std::size_t threads) : runs(threads), workers(threads - 1) {}

  alignas(64) std::atomic<std::uint32_t> state{0};      // number of regions * kNext, kOpen, kStop
  alignas(64) std::atomic<std::int64_t> sleeping{0};    // workers in the kernel until the next region
  std::atomic<std::int64_t> resting{0};                 // workers that take part in none
  std::atomic<bool> caller_sleeps{false};               // until somebody leaves
  alignas(64) std::atomic<std::int64_t> unfinished{0};  // runs that have indices nobody has taken
  std::vector<Run> runs;                                // by thread, the caller's first
  std::vector<Worker> workers;
  Body body = nullptr;
  const void* context = nullptr;
  std::atomic<bool> failed{false};
  std::exception_ptr error;  // written by whoever sets `failed`, read when the region is over

  // ---- the caller's side

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
    unfinished.store(std::min(count, threads), std::memory_order_relaxed);
  }

  void open() {
    state.store((state.load(std::memory_order_relaxed) + kNext) | kOpen);
    // A worker counts itself as sleeping before it looks at the state for the last time.
    if (sleeping.load() != 0) state.notify_all();
  }

  void close() { state.store(state.load(std::memory_order_relaxed) & ~kOpen); }

  // `begin`: when the region was opened; `own`: indices that the caller has done since.
  void wait_for_workers(Clock::time_point begin, std::int64_t own) {
    Clock::time_point waits_since{};
    for (Worker& worker : workers) {
      const auto left = [&worker] { return worker.inside.load() == 0; };
      if (left() || spin_briefly(left)) continue;
      if (waits_since == Clock::time_point{}) waits_since = Clock::now();
      if (!spin(left)) {
        caller_sleeps.store(true);
        while (!left()) worker.inside.wait(1);
        caller_sleeps.store(false, std::memory_order_relaxed);
      }
      // It may have begun its last index when the caller ended, and indices differ.
      const nanoseconds usual = own > 0 ? 2 * (waits_since - begin) / own : nanoseconds::max();
      const nanoseconds waited = Clock::now() - waits_since;
      if (waited > usual) worker.delay.fetch_add((waited - usual).count(), std::memory_order_relaxed);
    }
  }

  void rethrow() {
    if (!failed.load(std::memory_order_relaxed)) return;
    failed.store(false, std::memory_order_relaxed);
    std::rethrow_exception(std::exchange(error, nullptr));
  }

  // ---- both

  // Returns the number of indices that this thread has done, 0 if one threw.
  std::int64_t take_indices(std::size_t thread) noexcept {
    try {
      return take_all(thread);
    } catch (...) {
      if (!failed.exchange(true, std::memory_order_relaxed)) error = std::current_exception();
      for (Run& run : runs) run.next.store(run.end, std::memory_order_relaxed);
      return 0;
    }
  }

  // Runs only become shorter, so one walk over all of them finds every index that is left.
  std::int64_t take_all(std::size_t thread) {
    const FlushDenormals flush;
    std::int64_t done = 0;
    for (std::size_t turn = 0; turn < runs.size() && unfinished.load(std::memory_order_relaxed) > 0; ++turn) {
      Run& run = runs[(thread + turn) % runs.size()];
      while (run.next.load(std::memory_order_relaxed) < run.end) {
        const std::int64_t i = run.next.fetch_add(1, std::memory_order_relaxed);
        if (i >= run.end) break;
        if (i + 1 == run.end) unfinished.fetch_sub(1, std::memory_order_relaxed);
        body(context, i);
        ++done;
      }
    }
    return done;
  }

  // ---- the workers' side

  // Waits for a region other than `done`, or for the end, and returns the state.
  std::uint32_t next_state(std::uint32_t done) {
    std::uint32_t now = 0;
    const auto there = [&] {
      now = state.load();
      return (now & kStop) != 0 || ((now & kOpen) != 0 && now != done);
    };
    if (spin(there)) return now;
    sleeping.fetch_add(1);
    while (!there()) state.wait(now);
    sleeping.fetch_sub(1, std::memory_order_relaxed);
    return now;
  }

  // Takes part in the region that is open, if one is. Returns the state that was found.
  std::uint32_t take_part(std::size_t thread) {
    Worker& me = workers[thread - 1];
    me.inside.store(1);
    const std::uint32_t now = state.load();
    if ((now & kOpen) != 0) take_indices(thread);
    me.inside.store(0);
    if (caller_sleeps.load()) me.inside.notify_one();
    return now;
  }

  void rest_until(Clock::time_point end) {
    if (end <= Clock::now()) return;
    resting.fetch_add(1, std::memory_order_relaxed);
    for (Clock::time_point now = Clock::now(); now < end; now = Clock::now()) {
      if ((state.load(std::memory_order_relaxed) & kStop) != 0) break;
      std::this_thread::sleep_for(std::min<nanoseconds>(end - now, kRestStep));
    }
    resting.fetch_sub(1, std::memory_order_relaxed);
  }
};

ThreadPool::ThreadPool(std::int64_t threads, std::span<const int> processors)
    : size_(threads),
      shared_(std::make_unique<Shared>(static_cast<std::size_t>(std::clamp<std::int64_t>(threads, 1, kMostThreads)))) {
  require(threads >= 1 && threads <= kMostThreads, ErrorKind::kUsage, "threads wanted 1 to ", kMostThreads, ", got ",
          threads);
  workers_.reserve(static_cast<std::size_t>(threads - 1));
  try {
    const SignalsBlocked blocked;
    for (std::size_t i = 1; i < static_cast<std::size_t>(threads); ++i) {
      workers_.emplace_back([this, i] { work(i); });
      if (!processors.empty()) pin(workers_.back().native_handle(), processors[i % processors.size()]);
    }
  } catch (const std::system_error& e) {
    const std::size_t started = workers_.size() + 1;
    stop();
    fail(ErrorKind::kResources, text("cannot start thread ", started + 1, " of ", threads, ": ", e.what()));
  } catch (...) {  // no memory for a thread's beginning
    stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  shared_->state.fetch_or(Shared::kStop);
  shared_->state.notify_all();
  for (std::thread& t : workers_) t.join();
  workers_.clear();
}

void ThreadPool::work(std::size_t thread) {
  Shared& s = *shared_;
  std::atomic<std::int64_t>& delay = s.workers[thread - 1].delay;
  Account account;
  for (std::uint32_t done = 0;;) {
    if ((s.next_state(done) & Shared::kStop) != 0) return;
    if (delay.load(std::memory_order_relaxed) != 0) {
      s.rest_until(account.charge(nanoseconds(delay.exchange(0, std::memory_order_relaxed))));
    }
    done = s.take_part(thread);
  }
}

void ThreadPool::run(std::int64_t count, Body body, const void* context) {
  Shared& s = *shared_;
  // One index, or nobody who would help: opening a region would cost more than it brings.
  if (count == 1 || s.resting.load(std::memory_order_relaxed) == static_cast<std::int64_t>(workers_.size())) {
    const FlushDenormals flush;
    for (std::int64_t i = 0; i < count; ++i) body(context, i);
    return;
  }
  s.body = body;
  s.context = context;
  s.deal(count);
  s.open();
  const Clock::time_point begin = Clock::now();
  const std::int64_t own = s.take_indices(0);
  s.close();
  s.wait_for_workers(begin, own);
  s.rethrow();
}

}  // namespace ttt
