#include "runtime/engine/engine.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "runtime/engine/as_error.h"
#include "runtime/engine/engine_config.h"
#include "runtime/engine/engine_core.h"

namespace ttt {
namespace {

// How long an idle engine lets the other ranks wait for a message, much less than their time-out.
constexpr std::chrono::milliseconds kKeepAlive{250};

}  // namespace

void StepTimes::add(double step_seconds) {
  const auto at = std::ranges::lower_bound(kBounds, step_seconds) - kBounds.begin();
  ++counts[static_cast<std::size_t>(at)];
  seconds += step_seconds;
}

struct Engine::Impl {
  Impl(const LoadedModel& loaded, const Tokenizer& words, ThreadPool& threads, Communicator& communicator,
       const EngineOptions& asked)
      : model(loaded),
        tokenizer(words),
        options(asked),
        config(engine_config(loaded, threads, communicator, asked)),
        leads(communicator.rank() == 0),
        alone(communicator.ranks() == 1),
        core(loaded.built, threads, communicator, config, asked) {
    idle = leads;
    stats = core.stats();
    thread = std::thread([this] { serve(); });
  }
  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    signal->notify();
    thread.join();
  }

  EngineStream submit(EngineRequest request, std::function<void()> wake);
  void drain();
  void serve();
  void run_requests();
  bool take_requests();
  void publish();
  void end_with(const Error& error);

  using Request = std::vector<std::unique_ptr<Continuation>>;

  const LoadedModel& model;
  const Tokenizer& tokenizer;
  const EngineOptions options;
  const RunnerConfig config;
  const bool leads, alone;
  EngineCore core;  // the thread's
  const std::shared_ptr<EngineSignal> signal = std::make_shared<EngineSignal>();

  mutable std::mutex mutex;  // guards all below
  std::condition_variable idle_condition;
  std::deque<Request> incoming;
  std::int64_t arrivals = 0;
  EngineStats stats;  // after the last step
  bool idle = true, draining = false, stopping = false;
  std::optional<Error> failure;

  std::thread thread;
};

EngineStream Engine::Impl::submit(EngineRequest request, std::function<void()> wake) {
  require(leads, ErrorKind::kUsage, "a request wanted rank 0, got another rank");
  const std::int64_t n = request.n;
  require(n <= options.continuations, ErrorKind::kUsage, "n wanted at most ", options.continuations,
          " continuations, got ", n);
  auto mailbox = std::make_shared<EngineMailbox>(n, std::move(wake), signal);
  auto job = std::make_shared<EngineJob>(std::move(request), model.model().vocab_size(), core.context(), mailbox);
  Request continuations;
  for (std::int64_t i = 0; i < n; ++i) {
    continuations.push_back(std::make_unique<Continuation>(job, i, tokenizer, core.context()));
  }
  {
    const std::lock_guard lock(mutex);
    if (failure) throw *failure;
    require(!draining && !stopping, ErrorKind::kResources, "the engine takes no further requests");
    const std::int64_t waiting = static_cast<std::int64_t>(incoming.size()) + stats.waiting;
    require(waiting < options.waiting, ErrorKind::kResources, "the queue wanted at most ", options.waiting,
            " requests that wait, got one more");
    job->arrival = arrivals++;
    incoming.push_back(std::move(continuations));
    idle = false;
  }
  signal->notify();
  return EngineStream(std::move(mailbox));
}

// Hands what was submitted to the core. False: the engine ends.
bool Engine::Impl::take_requests() {
  std::deque<Request> taken;
  bool stops = false;
  {
    const std::lock_guard lock(mutex);
    taken.swap(incoming);
    stats.waiting += static_cast<std::int64_t>(taken.size());
    stops = stopping;
  }
  for (Request& r : taken) core.add(std::move(r));
  return !stops;
}

void Engine::Impl::publish() {
  const EngineStats now = core.stats();
  const std::lock_guard lock(mutex);
  stats = now;
  idle = core.idle() && incoming.empty();
  if (idle) idle_condition.notify_all();
}

// Until the engine ends.
void Engine::Impl::run_requests() {
  while (take_requests()) {
    if (!core.idle()) {
      const bool runs = core.plan_step();
      publish();  // who waits and who runs, before anybody hears of the step
      if (runs) {
        core.run_step();
        publish();
      }
      continue;
    }
    publish();
    if (alone) {
      signal->wait();
    } else if (!signal->wait(kKeepAlive)) {
      core.keep_alive();
    }
  }
  core.cancel_all();
  core.finish();
  publish();
}

void Engine::Impl::serve() {
  try {
    if (leads) {
      run_requests();
    } else {
      core.follow();
      publish();
    }
  } catch (const std::exception& e) {
    end_with(as_error(e));
  }
}

// The engine cannot go on: all requests end with this error, and there will be no others.
void Engine::Impl::end_with(const Error& error) {
  std::deque<Request> taken;
  {
    const std::lock_guard lock(mutex);
    failure = error;
    taken.swap(incoming);
  }
  for (Request& r : taken) core.add(std::move(r));
  core.fail_all(error);
  if (error.kind() != ErrorKind::kPeerLost && leads) {
    try {
      core.finish();
    } catch (const Error&) {
      // They are lost too.
    }
  }
  publish();
}

void Engine::Impl::drain() {
  std::unique_lock lock(mutex);
  draining = true;
  idle_condition.wait(lock, [&] { return idle; });
  if (failure) throw *failure;
}

Engine::Engine(const LoadedModel& model, const Tokenizer& tokenizer, ThreadPool& threads, Communicator& communicator,
               const EngineOptions& options)
    : impl_(std::make_unique<Impl>(model, tokenizer, threads, communicator, options)) {}
Engine::~Engine() = default;

EngineStream Engine::submit(EngineRequest request, std::function<void()> wake) {
  return impl_->submit(std::move(request), std::move(wake));
}
void Engine::drain() { impl_->drain(); }
EngineStats Engine::stats() const {
  const std::lock_guard lock(impl_->mutex);
  EngineStats stats = impl_->stats;
  stats.waiting += static_cast<std::int64_t>(impl_->incoming.size());
  return stats;
}
std::int64_t Engine::context() const { return impl_->core.context(); }
const LoadedModel& Engine::model() const { return impl_->model; }
const Tokenizer& Engine::tokenizer() const { return impl_->tokenizer; }

}  // namespace ttt
