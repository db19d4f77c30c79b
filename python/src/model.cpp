#include "python/src/model.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "models/families.h"
#include "runtime/load_tokenizer.h"
#include "runtime/plan_step.h"
#include "runtime/session.h"

namespace ttt::python {
namespace {

LoadedModel load(const std::filesystem::path& path, const ModelOptions& options, ThreadPool& threads) {
  std::shared_ptr<const Checkpoint> checkpoint =
      open_checkpoint(path, gguf_spellings(families()),
                      {.access = options.map ? FileAccess::kMap : FileAccess::kCopy,
                       .strict = options.load.strict,
                       .allow_unknown_keys = options.load.allow_unknown_keys});
  LoadOptions load = options.load;
  load.run = {.sequences = 1, .chunk = options.chunk, .wanted = 1};
  load.threads = &threads;
  load.parallel_for = threads;
  if (load.context == 0) {
    const std::int64_t limit = max_positions(checkpoint->config(), checkpoint->config_where());
    load.context = limit > 0 ? std::min(limit, Session::kDefaultContext) : Session::kDefaultContext;
  }
  return load_model(std::move(checkpoint), families(), load);
}

bool fits(const RunnerConfig& has, const RunnerConfig& need) {
  return has.sequences >= need.sequences && has.context >= need.context && has.chunk >= need.chunk &&
         has.wanted >= need.wanted;
}

}  // namespace

Lease::Lease(std::shared_ptr<PyModel> model, std::unique_ptr<Runner> runner)
    : model_(std::move(model)), runner_(std::move(runner)) {}

Lease::~Lease() { give_back(); }

Lease& Lease::operator=(Lease&& other) noexcept {
  give_back();
  model_ = std::move(other.model_);
  runner_ = std::move(other.runner_);
  return *this;
}

void Lease::give_back() {
  if (!runner_) return;
  const std::lock_guard lock(model_->idle_lock_);
  std::swap(model_->idle_, runner_);
  runner_.reset();
}

PyModel::PyModel(const std::filesystem::path& path, const ModelOptions& options)
    : options_(options),
      process_(getpid()),
      threads_(options.threads > 0 ? options.threads : options.load.traits.cores),
      loaded_(load(path, options, threads_)),
      observer_(std::make_unique<PythonObserver>(*loaded_.built.tree)) {
  const OutputKind has = model().output(), wanted = options.load.output.value_or(has);
  require(has == wanted, ErrorKind::kUnsupported, path.string(), ": output wanted ", name_of(wanted),
          ", got a model of ", name_of(has));
}

void PyModel::check_caller() {
  require(getpid() == process_, ErrorKind::kUsage,
          "a model wanted the process that loaded it, got one that was forked from it; load it after the fork, or use "
          "the start method spawn of multiprocessing");
  require(runs_.load() != std::this_thread::get_id(), ErrorKind::kUsage,
          "a model wanted the end of its run before the next, got a call from a tap");
}

// As load_model checks the first runner.
void PyModel::require_room(const RunnerConfig& config) {
  const std::int64_t available = query_device_traits().available_bytes;
  const std::int64_t needed = plan_runner(loaded_.built, threads_, self_communicator(), config).total();
  require(available <= 0 || needed <= available, ErrorKind::kResources, "a run of ", config.sequences,
          " sequences in a context of ", config.context, " wanted ", needed, " bytes, available are ", available);
}

Lease PyModel::runner(const RunnerConfig& wanted) {
  const RunnerConfig need = checked_config(wanted, loaded_.tree().states);
  std::unique_ptr<Runner> idle;
  {
    const std::lock_guard lock(idle_lock_);
    idle = std::move(idle_);
  }
  if (!idle || !fits(idle->config(), need)) {
    idle.reset();
    require_room(need);
    idle = std::make_unique<Runner>(loaded_.built, threads_, self_communicator(), *observer_, need);
  }
  return {shared_from_this(), std::move(idle)};
}

Lease PyModel::decoding_runner(std::int64_t sequences) { return batch_runner(sequences, context()); }

Lease PyModel::batch_runner(std::int64_t sequences, std::int64_t context) {
  // Outputs of as many rows at once: enough for full panels of the head, little memory for large vocabularies.
  constexpr std::int64_t kMostWanted = 128, kMostValues = 8 << 20;
  const std::int64_t wanted = std::clamp<std::int64_t>(kMostValues / model().output_size(), 16, kMostWanted);
  return runner({.sequences = sequences,
                 .context = context,
                 .chunk = options_.chunk,
                 .wanted = std::min(options_.chunk, wanted)});
}

Lease PyModel::whole_runner(std::int64_t sequences, std::int64_t rows) {
  return runner({.sequences = sequences, .context = rows, .chunk = rows, .wanted = rows});
}

const Tokenizer& PyModel::tokenizer() {
  const std::lock_guard lock(tokenizer_lock_);
  if (!tokenizer_) tokenizer_ = load_tokenizer(checkpoint());
  return *tokenizer_;
}

bool PyModel::has_tokenizer() {
  if (checkpoint().gguf() == nullptr) return ttt::has_tokenizer(checkpoint().path());
  try {
    tokenizer();
    return true;
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::kBadData) throw;
    return false;
  }
}

ConstraintCache& PyModel::constraints() {
  const std::lock_guard lock(constraints_lock_);
  if (!constraints_) {
    constraints_ =
        std::make_unique<ConstraintCache>(std::make_shared<const GrammarVocabulary>(tokenizer(), model().vocab_size()));
  }
  return *constraints_;
}

void PyModel::set_taps(const std::vector<PythonTap>& taps) {
  if (runs_.load() == std::this_thread::get_id()) return observer_->set(taps);  // from a tap
  compute([&] { observer_->set(taps); });
}

}  // namespace ttt::python
