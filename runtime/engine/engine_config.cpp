#include "runtime/engine/engine_config.h"

#include <algorithm>
#include <vector>

#include "base/checked.h"
#include "base/error.h"
#include "runtime/plan_step.h"

namespace ttt {
namespace {

// Outputs of one step, at least: for the log-probabilities of prompts.
constexpr std::int64_t kLeastWanted = 32;
// Of the memory that is there when an engine starts, what it may take; the rest is for requests, and for others.
constexpr double kMemoryShare = 0.8;
// Pages with at most so many rows have the same size in all layers, windowed ones too (state_layout.cpp), as the
// prefix cache wants them.
constexpr std::int64_t kMostPageRows = 64;

void check(const EngineOptions& o) {
  require(o.sequences > 0 && o.step_rows > 0 && o.waiting > 0, ErrorKind::kUsage,
          "an engine wanted positive sequences, step_rows and waiting, got ", o.sequences, ", ", o.step_rows, " and ",
          o.waiting);
  require(o.context >= 0 && o.state_bytes >= 0 && o.speculate >= 0 && o.prompt_rows >= 0, ErrorKind::kUsage,
          "an engine wanted context, state_bytes, speculate and prompt_rows of at least 0, got ", o.context, ", ",
          o.state_bytes, ", ", o.speculate, " and ", o.prompt_rows);
  require(o.page_rows > 0 && o.page_rows <= kMostPageRows, ErrorKind::kUsage, "an engine wanted page_rows of 1 to ",
          kMostPageRows, ", got ", o.page_rows);
}

void check(const LoadedModel& loaded) {
  const Model& model = loaded.model();
  require(model.output() == OutputKind::kLogits && !model.has_encoder() && model.input_size() == 0 &&
              !whole_sequences(loaded.tree().states),
          ErrorKind::kUnsupported, "an engine wanted a model that continues a text of tokens, got one of another kind");
}

std::int64_t context_of(const LoadedModel& model, std::int64_t asked) {
  const std::int64_t most = model.built.context > 0 ? model.built.context : Session::kDefaultContext;
  require(asked <= most, ErrorKind::kUsage, "an engine wanted a context of at most ", most,
          " rows, for which the model is loaded, got ", asked);
  return asked > 0 ? asked : most;
}

// Pages, at most `most`, with which the state takes at most `bytes`.
std::int64_t pages_within(std::span<const StateSpec> slots, RunnerConfig config, std::int64_t most,
                          std::int64_t bytes) {
  std::int64_t least = 0;
  while (least < most) {
    config.pages = least + (most - least + 1) / 2;
    if (StatePool::bytes(slots, pool_config(checked_config(config, slots), slots)) <= bytes) {
      least = config.pages;
    } else {
      most = config.pages - 1;
    }
  }
  return least;
}

// The least number of any rank: pages have the same numbers on all of them.
std::int64_t least_of_all(Communicator& communicator, std::int64_t mine) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(communicator.ranks()));
  const std::vector<std::int64_t> counts(all.size(), sizeof mine);
  communicator.all_gather(std::as_bytes(std::span(&mine, 1)), counts, std::as_writable_bytes(std::span(all)));
  return *std::ranges::min_element(all);
}

}  // namespace

RunnerConfig engine_config(const LoadedModel& model, ThreadPool& threads, Communicator& communicator,
                           const EngineOptions& options) {
  check(options);
  check(model);
  const std::span<const StateSpec> slots = model.tree().states;
  RunnerConfig config{
      .sequences = options.sequences,
      .context = context_of(model, options.context),
      .page_rows = options.page_rows,
      .chunk = options.step_rows,
      .wanted = std::max(checked_mul(options.sequences, 1 + options.speculate, "outputs"), kLeastWanted)};
  config.page_rows = std::min(config.page_rows, config.context);
  const std::int64_t all =
      checked_mul(config.sequences, div_up(config.context, config.page_rows), "pages of an engine");
  const std::int64_t available = query_device_traits().available_bytes;
  std::int64_t bytes = options.state_bytes;
  if (bytes == 0 && available > 0) {
    RunnerConfig one_page = config;
    one_page.pages = 1;
    const RunnerMemory memory = plan_runner(model.built, threads, communicator, one_page);
    bytes = static_cast<std::int64_t>(static_cast<double>(available) * kMemoryShare) - (memory.total() - memory.state);
  }
  config.pages = least_of_all(communicator, bytes == 0 ? all : pages_within(slots, config, all, bytes));
  require(config.pages > 0, ErrorKind::kResources, "the state of an engine wanted memory for at least one page of ",
          config.page_rows, " rows, got ", bytes, " bytes");
  return config;
}

}  // namespace ttt
