#include "runtime/runner_config.h"

#include <algorithm>

#include "base/error.h"

namespace ttt {

RunnerConfig checked_config(const RunnerConfig& config, std::span<const StateSpec> slots) {
  RunnerConfig c = config;
  require(c.context > 0 && c.chunk > 0 && c.sequences > 0 && c.wanted > 0, ErrorKind::kUsage,
          "a runner wanted positive context, chunk, sequences and wanted rows, got ", c.context, ", ", c.chunk, ", ",
          c.sequences, ", ", c.wanted);
  require(c.pages >= 0, ErrorKind::kUsage, "a runner wanted at least 0 pages, got ", c.pages);
  c.chunk = whole_sequences(slots) ? c.context : std::min(c.chunk, c.context);
  c.chunk = std::max(c.chunk, c.sequences);
  c.wanted = std::min(c.wanted, c.chunk);
  return c;
}

StatePoolConfig pool_config(const RunnerConfig& c, std::span<const StateSpec> slots) {
  return {.sequences = c.sequences,
          .context = c.context,
          .page_rows = c.page_rows,
          .chunk = std::min(c.chunk, c.context),
          .pages = c.pages,
          .step_rows = std::max(c.chunk, most_source_rows(slots))};
}

}  // namespace ttt
