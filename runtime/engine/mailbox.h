#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "runtime/engine/request.h"

namespace ttt {

// What wakes an engine's thread, and outlives the engine for the streams that do.
class EngineSignal {
 public:
  void notify() {
    const std::lock_guard lock(mutex_);
    raised_ = true;
    condition_.notify_one();
  }
  // Until the next notify, or at once after one that nothing has waited for; at most for `limit`. False: the time is
  // over.
  bool wait(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    condition_.wait_for(lock, limit, [&] { return raised_; });
    return std::exchange(raised_, false);
  }
  void wait() {
    std::unique_lock lock(mutex_);
    condition_.wait(lock, [&] { return raised_; });
    raised_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool raised_ = false;
};

// The events of one request on their way from the engine's thread to the request's stream.
class EngineMailbox {
 public:
  EngineMailbox(std::int64_t continuations, std::function<void()> wake, std::shared_ptr<EngineSignal> engine)
      : engine_(std::move(engine)), wake_(std::move(wake)), open_(continuations) {}

  // The engine's side. An event joins one of the same continuation that waits, so that what a slow reader leaves here
  // is no more than the text.
  void put(EngineEvent event);
  void set_usage(const EngineUsage& usage);
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

  // The stream's side.
  std::optional<EngineEvent> next();
  std::optional<EngineEvent> poll();
  bool done() const;
  void cancel();
  void stop_waking();  // once it returns, `wake` is not called any more
  EngineUsage usage() const;

 private:
  std::optional<EngineEvent> take();

  const std::shared_ptr<EngineSignal> engine_;
  std::mutex waking_;
  std::function<void()> wake_;  // guarded by waking_
  mutable std::mutex mutex_;
  std::condition_variable condition_;
  std::deque<EngineEvent> events_;
  std::int64_t open_;  // continuations without their last event
  EngineUsage usage_;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace ttt
