#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/engine/mailbox.h"
#include "runtime/engine/request.h"
#include "runtime/engine/stop_texts.h"
#include "sampling/sampler.h"

namespace ttt {

// A request that was checked, with what its continuations share. Constant but for `usage` and `times`, which the
// engine's thread counts.
struct EngineJob {
  using Clock = std::chrono::steady_clock;

  // Error{kUsage} naming the first field of the request that is out of range.
  EngineJob(EngineRequest request, std::int64_t vocab, std::int64_t context, std::shared_ptr<EngineMailbox> mailbox);

  EngineRequest request;
  Sampler sampler;
  StopTexts stops;
  std::vector<std::int32_t> ends;  // end_ids, unless they are ignored, and stop_ids
  std::int64_t arrival = 0;        // number of the request
  std::shared_ptr<EngineMailbox> mailbox;
  EngineUsage usage;

  struct Times {
    Clock::time_point submitted = Clock::now(), admitted = {}, first_token = {};
  } times;
};

}  // namespace ttt
