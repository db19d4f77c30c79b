#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "runtime/engine/token_constraint.h"
#include "sampling/sampler.h"

namespace ttt {

// One request for continuations of a prompt.
struct EngineRequest {
  std::vector<std::int32_t> prompt = {};
  std::int64_t n = 1;  // continuations; number i draws from RandomStream(sampling.seed, i)
  SamplingSpec sampling = {};
  std::int64_t max_new_tokens = 256;
  std::int64_t min_new_tokens = 0;          // before this many no end id and no stop string ends a continuation
  std::vector<std::int32_t> end_ids = {};   // a continuation ends before any of these
  bool ignore_end = false;                  // end_ids are ordinary tokens
  std::vector<std::int32_t> stop_ids = {};  // like end_ids, also where those are ignored
  std::vector<std::string> stop = {};       // a continuation ends before the first of these texts, none of them empty
  bool keep_stop = false;                   // the stop text, or the text of the stop id, is part of the result
  bool skip_special = true;                 // special tokens add no text
  bool prompt_log_probs = false;            // of the prompt's tokens too, as sampling.log_probs says
  std::shared_ptr<const TokenConstraint> constraint = {};
  std::int64_t priority = 0;   // lower runs first; equal ones in the order of arrival
  std::string cache_key = {};  // prefixes are shared only between requests with the same key
};

enum class FinishReason : std::uint8_t { kEnd, kStop, kLength, kContext, kCancelled, kError };

// What happened to continuation `index` of a request.
struct EngineEvent {
  std::int64_t index = 0;
  // Of the prompt's tokens, once and with number 0, where EngineRequest::prompt_log_probs asks for them: one for each
  // token. The first follows nothing and has no log-probabilities.
  std::vector<SampleResult> prompt_tokens = {};
  std::vector<std::int32_t> ids = {};       // new tokens
  std::vector<SampleResult> tokens = {};    // of every id, where log-probabilities are asked for
  std::string text = {};                    // that the tokens add: whole UTF-8 characters, nothing of a stop text
  std::optional<FinishReason> finish = {};  // of this continuation; its last event
  std::string stopped_by = {};              // kStop: the text, or the text of the id
  std::optional<Error> error = {};          // kError: why
};

// Counts of a request, final with its last event.
struct EngineUsage {
  std::int64_t prompt = 0, cached = 0;  // tokens of the prompt; of these, those that were found in the prefix cache
  std::int64_t generated = 0;           // of all continuations
  double queue_seconds = 0, prefill_seconds = 0, decode_seconds = 0;
};

}  // namespace ttt
