#pragma once

#include <cstdint>
#include <span>

#include "state/state_layout.h"

namespace ttt {

// How a model is run: what a Runner has memory for.
struct RunnerConfig {
  std::int64_t sequences = 1;  // at once
  std::int64_t context = 0;    // rows of one sequence, at most
  std::int64_t page_rows = 0;  // 0: one page per sequence
  // Rows of one step, at most; longer prompts are split. A model whose rows see those after them takes every sequence
  // whole: for it this is at least the context (checked_config).
  std::int64_t chunk = 512;
  std::int64_t wanted = 1;  // rows of one step whose outputs are wanted, at most
  // Pages of the state without a window, of all sequences together; 0: enough for the whole context of each. Fewer let
  // many sequences share the memory, and a step fails with Error{kResources} where they do not suffice.
  std::int64_t pages = 0;
};

// The configuration as a runner of a model with these slots uses it. Throws Error{kUsage} unless context, chunk,
// sequences and wanted are positive.
RunnerConfig checked_config(const RunnerConfig& config, std::span<const StateSpec> slots);

// The pool of a runner with a checked configuration.
StatePoolConfig pool_config(const RunnerConfig& config, std::span<const StateSpec> slots);

}  // namespace ttt
