#include "runtime/session.h"

#include <algorithm>

#include "base/error.h"
#include "runtime/load_tokenizer.h"

namespace ttt {
namespace {

std::int64_t thread_count(const SessionOptions& options) {
  require(options.threads >= 0, ErrorKind::kUsage, "a session wanted 0 or more threads, got ", options.threads);
  return options.threads > 0 ? options.threads : options.load.traits.cores;
}

RunnerConfig run_config(const SessionOptions& options) {
  return {.sequences = options.sequences, .chunk = options.chunk, .wanted = options.wanted};
}

RunnerConfig with_context(RunnerConfig run, std::int64_t context) {
  run.context = context;
  return run;
}

LoadedModel load(const std::filesystem::path& path, std::span<const Family> families, const SessionOptions& options,
                 const Communicator& communicator, ThreadPool& threads) {
  std::shared_ptr<const Checkpoint> checkpoint =
      open_checkpoint(path, gguf_spellings(families), {.access = options.access});
  LoadOptions load = options.load;
  load.rank = communicator.rank();
  load.ranks = communicator.ranks();
  load.run = run_config(options);
  load.threads = &threads;
  load.parallel_for = threads;
  if (load.context == 0) {
    const std::int64_t limit = max_positions(checkpoint->config(), checkpoint->config_where());
    load.context = limit > 0 ? std::min(limit, Session::kDefaultContext) : Session::kDefaultContext;
  }
  return load_model(std::move(checkpoint), families, load);
}

}  // namespace

Session::Session(const std::filesystem::path& model, std::span<const Family> families, const SessionOptions& options,
                 Communicator& communicator)
    : threads_(thread_count(options)),
      model_(load(model, families, options, communicator, threads_)),
      runner_(model_.built, threads_, communicator, observer_,
              with_context(run_config(options), model_.built.context)) {}

const Tokenizer& Session::tokenizer() {
  if (!tokenizer_) tokenizer_ = load_tokenizer(*model_.checkpoint);
  return *tokenizer_;
}

}  // namespace ttt
