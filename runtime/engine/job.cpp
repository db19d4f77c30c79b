#include "runtime/engine/job.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace ttt {
namespace {

EngineRequest checked(EngineRequest r, std::int64_t vocab, std::int64_t context) {
  const auto length = static_cast<std::int64_t>(r.prompt.size());
  const auto ids_in = [vocab](const std::vector<std::int32_t>& ids, const char* what) {
    for (const std::int32_t id : ids) {
      require(id >= 0 && id < vocab, ErrorKind::kUsage, what, " wanted token ids of 0 to ", vocab - 1, ", got ", id);
    }
  };
  require(length > 0, ErrorKind::kUsage, "the prompt wanted at least one token, got none");
  require(length <= context, ErrorKind::kUsage, "the prompt wanted at most ", context, " tokens (the context), got ",
          length);
  ids_in(r.prompt, "the prompt");
  ids_in(r.end_ids, "end_ids");
  ids_in(r.stop_ids, "stop_ids");
  require(r.n >= 1, ErrorKind::kUsage, "n wanted at least 1 continuation, got ", r.n);
  require(r.max_new_tokens >= 0, ErrorKind::kUsage, "max_new_tokens wanted at least 0, got ", r.max_new_tokens);
  require(r.min_new_tokens >= 0 && r.min_new_tokens <= r.max_new_tokens, ErrorKind::kUsage,
          "min_new_tokens wanted 0 to max_new_tokens, ", r.max_new_tokens, ", got ", r.min_new_tokens);
  require(!r.prompt_log_probs || r.sampling.log_probs, ErrorKind::kUsage,
          "prompt_log_probs wanted sampling.log_probs to say how many, got none");
  return r;
}

std::vector<std::int32_t> ends_of(const EngineRequest& r) {
  std::vector<std::int32_t> ends = r.stop_ids;
  if (!r.ignore_end) ends.insert(ends.end(), r.end_ids.begin(), r.end_ids.end());
  std::ranges::sort(ends);
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  return ends;
}

}  // namespace

EngineJob::EngineJob(EngineRequest wanted, std::int64_t vocab, std::int64_t context, std::shared_ptr<EngineMailbox> box)
    : request(checked(std::move(wanted), vocab, context)),
      sampler(request.sampling, vocab),
      stops(request.stop),
      ends(ends_of(request)),
      mailbox(std::move(box)),
      usage{.prompt = static_cast<std::int64_t>(request.prompt.size())} {}

}  // namespace ttt
