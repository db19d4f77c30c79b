#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>

#include "collectives/self.h"
#include "runtime/load.h"
#include "runtime/runner.h"
#include "text/tokenizer.h"

namespace ttt {

struct SessionOptions {
  // `rank`, `ranks`, `sequences` and `parallel_for` are set by the session. A context of 0 is the one of the
  // configuration, but at most Session::kDefaultContext rows, because memory for all of them is allocated at once.
  LoadOptions load = {};
  std::int64_t threads = 0;    // 0: one for each core that the process may use
  std::int64_t sequences = 1;  // at the same time
  std::int64_t chunk = 512;    // rows of one step, at most; longer prompts are split
  std::int64_t wanted = 1;     // rows of one step whose logits are wanted, at most
  FileAccess access = FileAccess::kMap;
};

// A model from a file, with the threads, the memory and the tokenizer to run it. It combines ThreadPool,
// open_checkpoint, load_model, Runner and load_tokenizer, which can also be used separately.
class Session {
 public:
  static constexpr std::int64_t kDefaultContext = 4096;

  // `model`: a Hugging Face directory or a .gguf file, of one of the `families`. On several ranks every rank makes a
  // session, with its communicator, which must outlive the session. Errors: those of open_checkpoint, load_model and
  // Runner; Error{kUsage} for a negative number of threads.
  Session(const std::filesystem::path& model, std::span<const Family> families, const SessionOptions& options = {},
          Communicator& communicator = self_communicator());
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Runner& runner() { return runner_; }
  const LoadedModel& model() const { return model_; }
  ThreadPool& threads() { return threads_; }
  // Read when it is first asked for. Errors: those of load_tokenizer.
  const Tokenizer& tokenizer();

 private:
  ThreadPool threads_;
  NoObserver observer_;
  LoadedModel model_;
  Runner runner_;
  std::optional<Tokenizer> tokenizer_;
};

}  // namespace ttt
