#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "runtime/engine/engine.h"

namespace ttt::server {

// A generation that runs. Dropping it cancels it.
class BackendStream {
 public:
  virtual ~BackendStream() = default;
  virtual std::optional<EngineEvent> poll() = 0;
  virtual bool done() const = 0;  // all events were taken
  virtual EngineUsage usage() const = 0;
};

// What generates: the engine, or in tests something whose answers and errors are known.
class Backend {
 public:
  virtual ~Backend() = default;
  // As Engine::submit.
  virtual std::unique_ptr<BackendStream> submit(EngineRequest request, std::function<void()> wake) = 0;
  virtual EngineStats stats() const = 0;
  virtual std::int64_t context() const = 0;
};

std::unique_ptr<Backend> make_engine_backend(Engine& engine);

}  // namespace ttt::server
