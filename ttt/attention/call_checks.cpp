#include "attention/call_checks.h"

#include "base/error.h"

namespace ttt {

void require_prefill(const Step& step, std::string_view path) {
  for (const std::int32_t seq : step.batch.one) {
    require(step.batch.past[static_cast<std::size_t>(seq)] == 0, ErrorKind::kUsage, "[", path,
            "] prefill wanted several rows for sequence ", seq, " of the step, which has ",
            step.batch.past[static_cast<std::size_t>(seq)], " stored, got 1");
  }
}

void require_decode(const Step& step, std::string_view path) {
  require(static_cast<std::int64_t>(step.batch.one.size()) == step.batch.seqs(), ErrorKind::kUsage, "[", path,
          "] decode wanted one row for each of ", step.batch.seqs(), " sequences, got ", step.rows(), " rows");
}

}  // namespace ttt
