#pragma once

#include <cstdint>

#include "base/context.h"
#include "base/scratch.h"
#include "base/tensor.h"
#include "base/threads.h"

namespace ttt {

class Communicator;  // collectives/communicator.h

// Watches a forward by place. Every public forward of a block ends with Exec::done.
class Observer {
 public:
  virtual ~Observer() = default;
  // y: what the block at `place` has just written; may be changed.
  virtual void done(const Place& place, TensorView y) = 0;
  // Work that a launch adds; counted for the place whose done() follows. Called in every mode.
  virtual void launched(double operations, double bytes) = 0;
  // Whether launched() is to be called.
  virtual bool counts() const = 0;
  // Whether the observer looks at results inside a fused path at this place; asked when an Exec is made.
  virtual bool observes(const Place& place) const = 0;
};

class NoObserver final : public Observer {
 public:
  void done(const Place&, TensorView) override {}
  void launched(double, double) override {}
  bool counts() const override { return false; }
  bool observes(const Place&) const override { return false; }
};

// What one step may use. One step in flight per Exec; many Execs may share a model.
//
// A kernel is a function void(Exec&, const Args&) noexcept, reached only through launch, with two overloads beside its
// Args: double operations(const Args&) and double bytes(const Args&), which must not touch tensor data.
class Exec {
 public:
  enum class Mode : std::uint8_t { kRun, kPlan };

  Exec(ThreadPool& threads_, Scratch& scratch_, Communicator& communicator_, Observer& observer_,
       Mode mode = Mode::kRun)
      : threads(threads_), scratch(scratch_), communicator(communicator_), observer(observer_), mode_(mode) {}

  ThreadPool& threads;
  Scratch& scratch;
  Communicator& communicator;
  Observer& observer;

  // Runs the kernel; when planning, only adds up its cost.
  template <class Args>
  void launch(void (*kernel)(Exec&, const Args&) noexcept, const Args& args) {
    if (observer.counts()) observer.launched(operations(args), bytes(args));
    if (mode_ == Mode::kRun) kernel(*this, args);
  }

  void done(const Place& place, TensorView y) { observer.done(place, y); }

  bool planning() const { return mode_ == Mode::kPlan; }

 private:
  Mode mode_;
};

}  // namespace ttt
