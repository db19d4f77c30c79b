#pragma once

#include <nanobind/nanobind.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/exec.h"
#include "model/tree.h"
#include "runtime/observers/tap_observer.h"

namespace ttt::python {

// A Python object that C++ may hold and release without the interpreter's lock.
class HeldObject {
 public:
  explicit HeldObject(nanobind::object object) : object_(object.release()) {}
  ~HeldObject();
  HeldObject(const HeldObject&) = delete;
  HeldObject& operator=(const HeldObject&) = delete;
  nanobind::handle get() const { return object_; }

 private:
  nanobind::handle object_;
};

// A function of Python that sees what the block at `path` writes, and may replace it.
struct PythonTap {
  std::string path = {};
  std::shared_ptr<HeldObject> function = {};
  bool takes_path = false;  // called with the path as well
  bool copies = true;       // gets a copy to keep; else the memory itself, for the duration of the call
};

// What watches every run of a model: the taps that are set now, and signals, so that Ctrl-C ends a run of any length.
class PythonObserver final : public Observer {
 public:
  explicit PythonObserver(const ModelTree& tree) : tree_(tree) {}

  // Before a run. handles_signals: it is the main thread's, which is where Python handles them.
  void begin(bool handles_signals);
  // Neither during a run, except from a tap: then the next place sees the change.
  void set(const std::vector<PythonTap>& taps);
  bool taps() const { return taps_ != nullptr; }

  void done(const Place& place, TensorView y) override;
  void launched(double, double) override {}
  bool counts() const override { return false; }
  bool observes(const Place& place) const override { return taps_ && taps_->observes(place); }

 private:
  using Clock = std::chrono::steady_clock;
  void check_signals();

  const ModelTree& tree_;
  std::shared_ptr<TapObserver> taps_;
  bool handles_signals_ = false;
  Clock::time_point checked_ = {};
};

// Whether this is Python's main thread; with the interpreter's lock.
bool in_main_thread();

}  // namespace ttt::python
