#pragma once

#include <nanobind/nanobind.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"
#include "base/threads.h"
#include "collectives/self.h"
#include "python/src/observer.h"
#include "runtime/load.h"
#include "runtime/runner.h"
#include "text/grammar/constraint_cache.h"
#include "text/tokenizer.h"

namespace ttt::python {

struct ModelOptions {
  LoadOptions load = {};
  std::int64_t threads = 0;  // 0: one for each core
  std::int64_t chunk = 512;  // rows of one step, at most
  bool map = true;           // use the files where they are, instead of copying them
};
// From the keyword arguments of ttt.Model. Error{kUsage} naming one that is not known or out of range.
ModelOptions model_options(const Json& arguments);

class PyModel;

// A runner that one user has for itself until it lets go of it. It keeps the model alive.
class Lease {
 public:
  Lease() = default;
  Lease(std::shared_ptr<PyModel> model, std::unique_ptr<Runner> runner);
  ~Lease();
  Lease(Lease&&) noexcept = default;
  Lease& operator=(Lease&& other) noexcept;
  Runner& operator*() const { return *runner_; }
  Runner* operator->() const { return runner_.get(); }
  explicit operator bool() const { return runner_ != nullptr; }

 private:
  void give_back();
  std::shared_ptr<PyModel> model_;
  std::unique_ptr<Runner> runner_;
};

// A loaded model with its threads, for any number of Python threads: what they compute runs one after the other.
class PyModel : public std::enable_shared_from_this<PyModel> {
 public:
  // Without the interpreter's lock.
  PyModel(const std::filesystem::path& path, const ModelOptions& options);

  // Runs f without the interpreter's lock, alone on this model's threads. Called with that lock. Error{kUsage} from
  // within a run of the same model (a tap), and in a process that was forked after loading, which has no threads.
  template <class F>
  auto compute(const F& f) {
    check_caller();
    const bool handles_signals = in_main_thread();
    const nanobind::gil_scoped_release release;
    const std::lock_guard lock(running_);
    observer_->begin(handles_signals);
    const Run run(*this);
    return f();
  }

  // A runner for at least that much; inside compute. Error{kResources} when memory is short.
  Lease runner(const RunnerConfig& need);
  // For one sequence that is continued, of any length that the model takes.
  Lease decoding_runner(std::int64_t sequences = 1);
  // For that many sequences of at most `context` rows.
  Lease batch_runner(std::int64_t sequences, std::int64_t context);
  // For whole sequences of at most `rows` rows in all, any of which may be wanted.
  Lease whole_runner(std::int64_t sequences, std::int64_t rows);

  // Read when it is first asked for; may be called without any lock.
  const Tokenizer& tokenizer();
  bool has_tokenizer();
  // Constraints for this model's tokens; made when it is first asked for.
  ConstraintCache& constraints();

  void set_taps(const std::vector<PythonTap>& taps);
  bool taps() const { return observer_->taps(); }

  const LoadedModel& loaded() const { return loaded_; }
  const Checkpoint& checkpoint() const { return *loaded_.checkpoint; }
  const Model& model() const { return loaded_.model(); }
  std::int64_t context() const { return loaded_.built.context; }
  std::int64_t chunk() const { return options_.chunk; }
  const ModelOptions& options() const { return options_; }
  ThreadPool& threads() { return threads_; }

 private:
  friend class Lease;
  struct Run {
    explicit Run(PyModel& m) : model(m) { model.runs_.store(std::this_thread::get_id()); }
    ~Run() { model.runs_.store(std::thread::id()); }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    PyModel& model;
  };
  void check_caller();
  void require_room(const RunnerConfig& config);

  ModelOptions options_;
  std::int64_t process_;
  ThreadPool threads_;
  LoadedModel loaded_;
  std::unique_ptr<PythonObserver> observer_;
  std::mutex running_;
  std::atomic<std::thread::id> runs_ = {};  // the thread that runs the model
  std::mutex idle_lock_;
  std::unique_ptr<Runner> idle_;  // the last that was given back, for the next one who can use it
  std::mutex tokenizer_lock_;
  std::optional<Tokenizer> tokenizer_;
  std::mutex constraints_lock_;
  std::unique_ptr<ConstraintCache> constraints_;
};

}  // namespace ttt::python
