#include "python/src/engine.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "base/error.h"

namespace nb = nanobind;

namespace ttt::python {
namespace {

void handle_signals() {
  if (PyErr_CheckSignals() != 0) throw nb::python_error();
}

}  // namespace

EngineWaker::EngineWaker() : descriptor_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  require(descriptor_ >= 0, ErrorKind::kResources, "an engine wanted one more file descriptor, got none");
}

EngineWaker::~EngineWaker() { ::close(descriptor_); }

void EngineWaker::clear() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(descriptor_, &count, sizeof count);
  const std::lock_guard lock(mutex_);
  woken_ = false;
}

void EngineWaker::wake() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t got = ::write(descriptor_, &one, sizeof one);
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  condition_.notify_all();
}

void EngineWaker::wait_a_while() {
  std::unique_lock lock(mutex_);
  condition_.wait_for(lock, std::chrono::milliseconds(50), [&] { return woken_; });
  woken_ = false;
}

std::optional<EngineEvent> PyEngineStream::next() {
  for (;;) {
    if (std::optional<EngineEvent> event = stream_.poll()) return event;
    if (stream_.done()) return std::nullopt;
    handle_signals();
    const nb::gil_scoped_release release;
    waker_->wait_a_while();
  }
}

PyEngine::PyEngine(std::shared_ptr<PyModel> model, const EngineOptions& options, std::int64_t threads)
    : model_(std::move(model)),
      threads_(std::make_unique<ThreadPool>(threads > 0 ? threads : model_->threads().size())),
      engine_(
          std::make_shared<Engine>(model_->loaded(), model_->tokenizer(), *threads_, self_communicator(), options)) {}

std::shared_ptr<Engine> PyEngine::engine() const {
  const std::lock_guard lock(mutex_);
  require(engine_ != nullptr, ErrorKind::kUsage, "an engine wanted requests before its end, got one after close()");
  return engine_;
}

std::shared_ptr<PyEngineStream> PyEngine::submit(EngineRequest request, const std::shared_ptr<EngineWaker>& waker) {
  EngineStream stream = engine()->submit(std::move(request), [waker] { waker->wake(); });
  return std::make_shared<PyEngineStream>(shared_from_this(), waker, std::move(stream));
}

EngineStats PyEngine::stats() const { return engine()->stats(); }
std::int64_t PyEngine::context() const { return engine()->context(); }

void PyEngine::drain() {
  const std::shared_ptr<Engine> engine = this->engine();
  const nb::gil_scoped_release release;
  engine->drain();
}

void PyEngine::close() {
  std::shared_ptr<Engine> last;
  {
    const std::lock_guard lock(mutex_);
    last = std::move(engine_);
  }
  const nb::gil_scoped_release release;
  last.reset();
}

}  // namespace ttt::python
