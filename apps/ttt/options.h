#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/ttt/arguments.h"
#include "apps/ttt/cache_options.h"
#include "base/threads.h"
#include "collectives/communicator.h"
#include "runtime/load.h"
#include "runtime/runner.h"
#include "text/tokenizer.h"

namespace ttt::app {

// The options that every command with a model takes.
struct ModelOptions {
  std::string model = {};
  std::string format = "auto", kv_format = {}, strategy = "default", isa = {}, impl = {};
  std::int64_t context = 0, threads = 0, chunk = 0;
  double step_timeout = 0;
  bool pin = false, no_mmap = false, strict = false, check_weights = false, allow_unknown_keys = false;
  int verbose = 0;
  CacheOptions cache = {};
  std::int64_t source_rows = 0;           // as in LoadOptions; set by a command, not from the command line
  std::optional<OutputKind> output = {};  // the same
  std::span<const Family> families = {};  // families of models that the tool knows; not from the command line
};

void add_model_options(Command& command, ModelOptions& options, std::span<const Family> families);

// The options, resolved and checked. Errors are Error{kUsage}.
LoadOptions load_options(const ModelOptions& options);

std::shared_ptr<const Checkpoint> open_model(const ModelOptions& options, bool headers_only = false);

// Whether the checkpoint is an encoder-decoder: Model::has_encoder. Reads headers.
bool has_encoder(const ModelOptions& options, const Checkpoint& checkpoint);

// The tokenizer of a model that will run. More ids than the model has: an error with --strict, else a note with -v.
Tokenizer tokenizer_of(const ModelOptions& options, const Checkpoint& checkpoint);

// Threads of the options, else one for each core of this rank's share.
std::unique_ptr<ThreadPool> make_threads(const ModelOptions& options, const DeviceTraits& traits);

// A loaded model with what is needed to run it.
struct Workbench {
  std::unique_ptr<ThreadPool> threads;
  Communicator& communicator;
  NoObserver observer;
  LoadOptions load;
  LoadedModel model;

  // Loads `checkpoint` to be run as in `run`, and prints on stderr what -v requests. `check`: further checks before any
  // weight is read (LoadOptions::check).
  Workbench(const ModelOptions& options, std::shared_ptr<const Checkpoint> checkpoint, const RunnerConfig& run,
            std::function<void(const Model&)> check = {});
  Runner runner() { return Runner(model.built, *threads, communicator, observer, load.run); }
};

// The context for `wanted` rows: --ctx when given, which they must fit in, else `wanted`. Longer than the model was
// trained for: an error for an explicit --ctx, else a warning.
std::int64_t context_for(const ModelOptions& options, const Checkpoint& checkpoint, std::int64_t wanted);

// Writes one line to stderr.
void say(const std::string& line);

// A line of progress on a terminal's stderr, rewritten in place; silent elsewhere.
class Progress {
 public:
  Progress();
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void show(const std::string& line);

 private:
  bool terminal_;
  bool shown_ = false;
};

}  // namespace ttt::app
