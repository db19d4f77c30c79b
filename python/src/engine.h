#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "python/src/model.h"
#include "runtime/engine/engine.h"

namespace ttt::python {

// Through which the engine's thread tells a waiting thread that there are events, without the interpreter's lock: by a
// condition, and by a file descriptor that an event loop can watch.
class EngineWaker {
 public:
  EngineWaker();
  ~EngineWaker();
  EngineWaker(const EngineWaker&) = delete;
  EngineWaker& operator=(const EngineWaker&) = delete;

  int descriptor() const { return descriptor_; }  // readable when there may be events
  void clear();                                   // before looking for them
  void wake() noexcept;
  void wait_a_while();  // until wake(), or some milliseconds, so that the caller can look for signals

 private:
  int descriptor_;
  std::mutex mutex_;
  std::condition_variable condition_;
  bool woken_ = false;
};

class PyEngine;

// A request with what it needs to live.
class PyEngineStream {
 public:
  PyEngineStream(std::shared_ptr<PyEngine> engine, std::shared_ptr<EngineWaker> waker, EngineStream stream)
      : engine_(std::move(engine)), waker_(std::move(waker)), stream_(std::move(stream)) {}

  std::optional<EngineEvent> poll() { return stream_.poll(); }
  // Waits, and looks for signals meanwhile; with the interpreter's lock.
  std::optional<EngineEvent> next();
  bool done() const { return stream_.done(); }
  void cancel() { stream_.cancel(); }
  EngineUsage usage() const { return stream_.usage(); }

 private:
  std::shared_ptr<PyEngine> engine_;
  std::shared_ptr<EngineWaker> waker_;
  EngineStream stream_;
};

// An engine with threads of its own, over a model that also serves others.
class PyEngine : public std::enable_shared_from_this<PyEngine> {
 public:
  PyEngine(std::shared_ptr<PyModel> model, const EngineOptions& options, std::int64_t threads);

  // Error{kUsage} after close.
  std::shared_ptr<PyEngineStream> submit(EngineRequest request, const std::shared_ptr<EngineWaker>& waker);
  EngineStats stats() const;
  std::int64_t context() const;
  void drain();  // takes no further requests and waits for all others; signals are handled after that
  void close();  // cancels what runs, and lets go of the memory

 private:
  std::shared_ptr<Engine> engine() const;

  std::shared_ptr<PyModel> model_;
  std::unique_ptr<ThreadPool> threads_;
  mutable std::mutex mutex_;
  std::shared_ptr<Engine> engine_;
};

}  // namespace ttt::python
