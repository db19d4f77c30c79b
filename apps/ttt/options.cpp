#include "apps/ttt/options.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "apps/ttt/ranks.h"
#include "apps/ttt/signals.h"
#include "apps/ttt/standard_files.h"
#include "apps/ttt/version.h"
#include "base/error.h"
#include "base/limits.h"
#include "checkpoint/check_weights.h"
#include "checkpoint/printable.h"
#include "runtime/load_tokenizer.h"

namespace ttt::app {
namespace {

// Every level, the last after `before_last`.
std::string isa_names(std::string_view before_last) {
  std::string names;
  for (int i = 0; i < kIsaLevels; ++i) {
    if (i > 0) names += i + 1 < kIsaLevels ? ", " : before_last;
    names += name_of(static_cast<IsaLevel>(i));
  }
  return names;
}

std::optional<Format> format_option(const std::string& name, const std::string& flag, std::string_view known) {
  if (name.empty() || name == "auto") return std::nullopt;
  const std::optional<Format> format = format_named(name);
  const bool listed = format && text(" ", known, " ").find(text(" ", name, " ")) != std::string::npos;
  require(listed, ErrorKind::kUsage, flag, " wanted one of: ", known, "; got \"", name, "\"");
  return format;
}

void refuse_bad_weights(const Checkpoint& checkpoint, const ParallelFor& parallel_for) {
  const std::vector<NonFinite> found = check_weights(checkpoint, parallel_for);
  if (found.empty()) return;
  constexpr std::size_t kShown = 3;
  std::string shown;
  for (std::size_t i = 0; i < std::min(found.size(), kShown); ++i) {
    const NonFinite& bad = found[i];
    shown += text(i == 0 ? "" : "; ", bad.name, " holds ", bad.nans, " NaN and ", bad.infinities,
                  " infinite values, the first at element ", bad.first);
  }
  if (found.size() > kShown) shown += text("; and ", found.size() - kShown, " more tensors");
  fail(ErrorKind::kBadData, text(checkpoint.path().string(), ": ", shown));
}

// What ranks must agree on: everything but the values of the weights, which would have to be read for it.
std::string fingerprint(const Checkpoint& checkpoint) {
  std::string s = version_text() + checkpoint.config().dump();
  for (const StoredTensor& t : checkpoint.tensors()) {
    s += text("|", t.name, ",", t.format_name, ",", t.shape.to_string(), ",", t.bytes);
  }
  return s;
}

}  // namespace

void say(const std::string& line) {
  if (leads()) std::fprintf(stderr, "%s\n", on_one_line(line).c_str());
}

void add_model_options(Command& command, ModelOptions& o, std::span<const Family> families) {
  o.families = families;
  command.option("-m,--model", o.model, "Hugging Face directory or .gguf file", Option::kRequired);
  command.option("--format", o.format,
                 "format of the weights: auto (as stored), f32, bf16, f16, q8_0, int8, int4, bfp8_b, bfp4_b",
                 Option::kShowsDefault);
  command.option("--kv-format", o.kv_format,
                 "format of keys and values: f32, bf16, int8, bfp8_b (default: the strategy's)");
  command.option("--strategy", o.strategy, "default, performance, accuracy, memory, reference, invariant",
                 Option::kShowsDefault);
  command.option("--isa", o.isa, "highest instruction set: " + isa_names(", "));
  command.option("--impl", o.impl, "JSON file with ImplConfig fields by block path");
  command.option("-c,--ctx", o.context, "context: rows of one sequence (default: what is needed)");
  command.option("-t,--threads", o.threads, "threads (default: one per core)");
  command.flag("--pin", o.pin, "tie each thread to a core of its own; only where no other program uses these cores");
  command.option("--chunk", o.chunk, "rows of one step, at most: longer prompts are split (default 512)");
  command.option("--step-timeout", o.step_timeout, "seconds that a rank waits for the others (default 60)");
  command.flag("--no-mmap", o.no_mmap, "copy the files into memory instead of mapping them");
  add_cache_options(command, o.cache);
  command.flag("--strict", o.strict,
               "refuse tensors that the model does not use, contradictions and keys without effect");
  command.flag("--allow-unknown-keys", o.allow_unknown_keys,
               "ignore keys of the configuration that are not understood");
  command.flag("--check-weights", o.check_weights, "refuse a checkpoint with NaN or infinite weights");
  command.flag("-v,--verbose", o.verbose, "say more on stderr; twice: more still");
}

LoadOptions load_options(const ModelOptions& o) {
  LoadOptions load;
  load.traits = query_device_traits();
  if (!o.isa.empty()) {
    const std::optional<IsaLevel> isa = isa_named(o.isa);
    require(isa.has_value(), ErrorKind::kUsage, "--isa wanted ", isa_names(" or "), ", got \"", o.isa, "\"");
    load.traits = with_isa(load.traits, *isa);
  }
  const std::optional<Strategy> strategy = strategy_named(o.strategy);
  require(strategy.has_value(), ErrorKind::kUsage,
          "--strategy wanted default, performance, accuracy, memory, reference or invariant, got \"", o.strategy, "\"");
  load.strategy = *strategy;
  load.weight_format = format_option(o.format, "--format", "f32 bf16 f16 q8_0 int8 int4 bfp8_b bfp4_b");
  load.state_format = format_option(o.kv_format, "--kv-format", "f32 bf16 int8 bfp8_b");
  if (!o.impl.empty()) {
    load.impl = Json::parse(read_input(o.impl, JsonLimits{}.bytes, "--impl"), o.impl);
    load.impl_where = o.impl;
  }
  require(o.context >= 0, ErrorKind::kUsage, "--ctx wanted a positive number, got ", o.context);
  require(o.threads >= 0, ErrorKind::kUsage, "--threads wanted a positive number, got ", o.threads);
  require(o.chunk >= 0, ErrorKind::kUsage, "--chunk wanted a positive number, got ", o.chunk);
  set_step_timeout(o.step_timeout);
  load.rank = communicator().rank();
  load.ranks = communicator().ranks();
  load.context = o.context;
  load.source_rows = o.source_rows;
  load.output = o.output;
  load.strict = o.strict;
  load.allow_unknown_keys = o.allow_unknown_keys;
  load.cache = weight_cache(o.cache);
  return load;
}

std::shared_ptr<const Checkpoint> open_model(const ModelOptions& o, bool headers_only) {
  require(!o.model.empty(), ErrorKind::kUsage, "--model wanted a Hugging Face directory or .gguf file, got \"\"");
  const std::vector<GgufSpelling> all = gguf_spellings(o.families);
  const FileAccess access = o.no_mmap ? FileAccess::kCopy : FileAccess::kMap;
  std::shared_ptr<const Checkpoint> checkpoint = open_checkpoint(
      o.model, all,
      {.access = access, .headers_only = headers_only, .strict = o.strict, .allow_unknown_keys = o.allow_unknown_keys});
  watch_mapped_files(checkpoint->mapped_ranges());
  return checkpoint;
}

bool has_encoder(const ModelOptions& o, const Checkpoint& checkpoint) {
  return plan_model(checkpoint, o.families, load_options(o)).built.model->has_encoder();
}

Tokenizer tokenizer_of(const ModelOptions& o, const Checkpoint& checkpoint) {
  Tokenizer tokenizer = load_tokenizer(checkpoint);
  const Json* rows = checkpoint.config().find("vocab_size");
  if (rows == nullptr || !rows->is_integer()) return tokenizer;
  const std::int64_t vocab = rows->as_integer("vocab_size");
  if (tokenizer.vocab_size() <= vocab) return tokenizer;
  const std::string what = text(checkpoint.config_where(), ": vocab_size wanted at least ", tokenizer.vocab_size(),
                                ", as the tokenizer has ids up to ", tokenizer.vocab_size() - 1, ", got ", vocab);
  require(!o.strict, ErrorKind::kBadData, what);
  if (o.verbose > 0) say(text("ttt: note: ", what, "; texts with the others are refused"));
  return tokenizer;
}

namespace {

// Of one processor for each core, in order, those that are this rank's.
std::vector<int> own_processors(const std::vector<int>& all, const CoreShare& share) {
  require(!all.empty(), ErrorKind::kUnsupported, "--pin: the system does not tell which processors there are");
  const std::size_t count = all.size(), first = static_cast<std::size_t>(share.first) % count;
  const std::size_t end = std::min(first + static_cast<std::size_t>(share.cores), count);
  return {all.begin() + static_cast<std::ptrdiff_t>(first), all.begin() + static_cast<std::ptrdiff_t>(end)};
}

}  // namespace

std::unique_ptr<ThreadPool> make_threads(const ModelOptions& o, const DeviceTraits& traits) {
  const CoreShare share = core_share(traits.cores);
  const std::int64_t threads = o.threads > 0 ? o.threads : share.cores;
  if (!o.pin) return std::make_unique<ThreadPool>(threads);
  const std::vector<int> own = own_processors(query_process_limits().processors, share);
  pin_this_thread(own.front());
  return std::make_unique<ThreadPool>(threads, own);
}

Workbench::Workbench(const ModelOptions& o, std::shared_ptr<const Checkpoint> checkpoint, const RunnerConfig& run,
                     std::function<void(const Model&)> check)
    : communicator(app::communicator()), load(load_options(o)) {
  require_same("model and version of ttt", fingerprint(*checkpoint));
  threads = make_threads(o, load.traits);
  load.context = run.context;
  load.run = run;
  load.threads = threads.get();
  load.check = std::move(check);
  load.parallel_for = *threads;
  if (o.check_weights) refuse_bad_weights(*checkpoint, load.parallel_for);
  model = load_model(std::move(checkpoint), o.families, load);
  if (model.cached != nullptr) {
    std::vector<MappedRange> ranges = model.checkpoint->mapped_ranges();
    ranges.push_back(model.cached->mapped_range());
    watch_mapped_files(std::move(ranges));
  }
  communicator.barrier();  // nobody goes on before everybody could load
  for (const std::string& warning : model.warnings) say("ttt: warning: " + warning);
  if (o.verbose == 0) return;
  for (const std::string& note : model.notes) say("ttt: note: " + note);
  if (lacks_home(o.cache)) say("ttt: note: cache: there is none, as neither XDG_CACHE_HOME nor HOME names a directory");
  if (o.verbose > 1 && !model.built.ignored.empty()) {
    std::string keys;
    for (const std::string& key : model.built.ignored) keys += (keys.empty() ? "" : ", ") + key;
    say(text("ttt: note: ", model.checkpoint->config_where(), ": change no result and are ignored: ", keys));
  }
  const WeightBytes bytes = model.weights->bytes();
  say(text("ttt: ", model.tree().parameters(), " parameters, ", bytes.mapped, " bytes used in place, ", bytes.owned,
           " bytes converted or packed; ", name_of(load.traits.isa()), ", ", threads->size(), " threads",
           load.ranks > 1 ? text(" on each of ", load.ranks, " ranks") : std::string()));
}

std::int64_t context_for(const ModelOptions& o, const Checkpoint& checkpoint, std::int64_t wanted) {
  const std::int64_t limit = max_positions(checkpoint.config(), checkpoint.config_where());
  require(o.context == 0 || wanted <= o.context, ErrorKind::kUsage, "--ctx ", o.context, " wanted at least ", wanted,
          " rows for this input");
  const std::int64_t context = o.context > 0 ? o.context : wanted;
  if (limit == 0 || context <= limit) return context;
  const std::string what = text("context ", context, " is longer than the model's max_position_embeddings ", limit);
  require(o.context == 0, ErrorKind::kUsage, what);
  say("ttt: warning: " + what);
  return context;
}

Progress::Progress() : terminal_(leads() && isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (shown_) std::fprintf(stderr, "\r\033[K");
}

void Progress::show(const std::string& line) {
  if (!terminal_) return;
  shown_ = true;
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
}

}  // namespace ttt::app
