#include "runtime/engine/continuation.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/error.h"
#include "runtime/engine/as_error.h"

namespace ttt {
namespace {

// Tokens to have memory for from the beginning; more are seldom written.
std::int64_t usual_tokens(const EngineRequest& r) {
  constexpr std::int64_t kUsual = 1024;
  return static_cast<std::int64_t>(r.prompt.size()) + std::min(r.max_new_tokens, kUsual);
}

bool contains(std::span<const std::int32_t> sorted, std::int32_t id) { return std::ranges::binary_search(sorted, id); }

}  // namespace

Continuation::Continuation(std::shared_ptr<EngineJob> job, std::int64_t index, const Tokenizer& tokenizer,
                           std::int64_t context)
    : job_(std::move(job)),
      index_(index),
      context_(context),
      vocab_(job_->sampler.vocab()),
      history_(job_->request.prompt, usual_tokens(job_->request)),
      random_(static_cast<std::uint64_t>(job_->request.sampling.seed), static_cast<std::uint64_t>(index)),
      text_(tokenizer, job_->request.skip_special, job_->request.prompt, job_->stops, job_->request.keep_stop),
      wants_prompt_rows_(job_->request.prompt_log_probs && index == 0) {
  if (job_->request.constraint) constraint_ = job_->request.constraint->begin();
}

EngineEvent Continuation::advance(std::span<const float> logits, std::span<const std::int32_t> guesses,
                                  SamplerWorkspace& workspace) {
  EngineEvent event{.index = index_, .prompt_tokens = std::exchange(prompt_tokens_, {})};
  wants_prompt_rows_ = false;
  const auto vocab = static_cast<std::size_t>(vocab_);
  try {
    for (std::size_t row = 0; choose(logits.subspan(row * vocab, vocab), workspace, event); ++row) {
      if (row == guesses.size() || ids().back() != guesses[row]) break;
    }
  } catch (const std::exception& e) {
    event.finish = FinishReason::kError;
    event.error = as_error(e);
  }
  finished_ = event.finish.has_value();
  return event;
}

// What the constraint lets follow; false where nothing may and the text is complete.
bool Continuation::find_allowed() {
  allowed_.resize(static_cast<std::size_t>((vocab_ + 31) / 32));
  constraint_->allowed(allowed_);
  const bool any = std::ranges::any_of(allowed_, [](std::uint32_t word) { return word != 0; });
  if (!constraint_->can_end()) {
    require(any, ErrorKind::kUsage, "the constraint allows no token after ", generated(),
            generated() == 1 ? " token" : " tokens", ", where the text is not complete");
    return true;
  }
  for (const std::int32_t id : job_->ends) {
    allowed_[static_cast<std::size_t>(id) / 32] |= std::uint32_t{1} << (static_cast<std::uint32_t>(id) % 32);
  }
  return any;
}

// Adds one token; false when the continuation has ended.
bool Continuation::choose(std::span<const float> logits, SamplerWorkspace& workspace, EngineEvent& event) {
  const EngineRequest& r = job_->request;
  if (generated() >= r.max_new_tokens) {
    close(FinishReason::kLength, event);
    return false;
  }
  if (constraint_ && allowed_.empty() && !find_allowed()) {
    close(FinishReason::kEnd, event);
    return false;
  }
  TokenFilter filter{.allowed = allowed_};
  if (generated() < r.min_new_tokens) filter.excluded = job_->ends;
  SampleResult chosen = job_->sampler.sample(logits, history_, random_, workspace, filter);
  if (!contains(job_->ends, chosen.id)) return take(std::move(chosen), event);
  const bool stops = std::ranges::find(r.stop_ids, chosen.id) != r.stop_ids.end();
  if (stops) {
    event.stopped_by = text_.alone(chosen.id);
    close(FinishReason::kStop, event);
    if (r.keep_stop) {
      history_.append(chosen.id);
      event.text += event.stopped_by;
      event.ids.push_back(chosen.id);
      if (r.sampling.log_probs) event.tokens.push_back(std::move(chosen));
    }
  } else {
    close(FinishReason::kEnd, event);
  }
  return false;
}

bool Continuation::take(SampleResult chosen, EngineEvent& event) {
  const EngineRequest& r = job_->request;
  const std::int32_t id = chosen.id;
  history_.append(id);
  event.ids.push_back(id);
  if (r.sampling.log_probs) event.tokens.push_back(std::move(chosen));
  event.text += text_.push(id, generated() >= r.min_new_tokens);
  if (text_.stopped_by()) {
    event.stopped_by = *text_.stopped_by();
    event.finish = FinishReason::kStop;
    return false;
  }
  if (constraint_) {
    constraint_->accept(id);
    if (!find_allowed()) {
      close(FinishReason::kEnd, event);
      return false;
    }
  }
  if (generated() < r.max_new_tokens && length() <= context_) return true;
  close(generated() < r.max_new_tokens ? FinishReason::kContext : FinishReason::kLength, event);
  return false;
}

// The end of a text that nothing has stopped yet: what was held back of it may be a stop text.
void Continuation::close(FinishReason reason, EngineEvent& event) {
  event.text += text_.finish(generated() >= job_->request.min_new_tokens);
  if (text_.stopped_by()) event.stopped_by = *text_.stopped_by();
  event.finish = text_.stopped_by() ? FinishReason::kStop : reason;
}

void Continuation::add_prompt_rows(std::int64_t first, std::span<const float> logits, SamplerWorkspace& workspace) {
  if (prompt_tokens_.empty()) prompt_tokens_.push_back({.id = ids().front()});
  const auto vocab = static_cast<std::size_t>(vocab_);
  const std::span<const std::int32_t> prompt = job_->request.prompt;
  auto at = static_cast<std::size_t>(first);
  for (std::size_t row = 0; row < logits.size(); row += vocab, ++at) {
    if (at + 1 >= prompt.size()) break;
    prompt_tokens_.resize(at + 1);  // computed again after a preemption
    prompt_tokens_.push_back(
        log_probs_of(logits.subspan(row, vocab), prompt[at + 1], *job_->request.sampling.log_probs, workspace));
  }
}

EngineEvent Continuation::end(FinishReason reason) {
  EngineEvent event{.index = index_};
  close(reason, event);
  event.finish = reason;
  finished_ = true;
  return event;
}

EngineEvent Continuation::fail(const Error& error) {
  finished_ = true;
  return {.index = index_, .finish = FinishReason::kError, .error = error};
}

}  // namespace ttt
