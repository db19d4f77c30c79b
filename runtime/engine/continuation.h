#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/engine/job.h"
#include "runtime/engine/stopped_text.h"
#include "runtime/engine/token_constraint.h"
#include "sampling/history.h"

namespace ttt {

// One continuation of a request: its tokens, and how logits become further ones. It knows nothing of the state of the
// model, so it can lose its rows and have them computed again. Used by one thread at a time.
class Continuation {
 public:
  Continuation(std::shared_ptr<EngineJob> job, std::int64_t index, const Tokenizer& tokenizer, std::int64_t context);

  const std::shared_ptr<EngineJob>& job() const { return job_; }
  std::int64_t index() const { return index_; }
  std::span<const std::int32_t> ids() const { return history_.ids(); }  // the prompt, then what was generated
  std::int64_t length() const { return history_.size(); }
  std::int64_t generated() const { return history_.generated(); }
  bool finished() const { return finished_; }

  // Chooses tokens from logits [rows, vocab]: row 0 is the output of the last token of ids(), row i that of guesses[i -
  // 1], rows = guesses.size() + 1. A guess is followed only where it is the token that was chosen, so that the tokens
  // do not depend on guesses. What goes wrong, also a logit that is no number, ends this continuation with kError.
  EngineEvent advance(std::span<const float> logits, std::span<const std::int32_t> guesses,
                      SamplerWorkspace& workspace);
  // Whether the outputs of all prompt tokens are wanted, by add_prompt_rows: those from number `first` on. The next
  // advance tells what came of them. Throws as the sampler does.
  bool wants_prompt_rows() const { return wants_prompt_rows_; }
  void add_prompt_rows(std::int64_t first, std::span<const float> logits, SamplerWorkspace& workspace);
  // Tokens whose rows need not be computed where they are known: of the last one the output is wanted.
  std::span<const std::int32_t> reusable() const { return ids().first(wants_prompt_rows_ ? 0 : ids().size() - 1); }

  // Its last event, without a further token.
  EngineEvent end(FinishReason reason);
  EngineEvent fail(const Error& error);

 private:
  bool choose(std::span<const float> logits, SamplerWorkspace& workspace, EngineEvent& event);
  bool take(SampleResult chosen, EngineEvent& event);
  bool find_allowed();
  void close(FinishReason reason, EngineEvent& event);

  std::shared_ptr<EngineJob> job_;
  std::int64_t index_, context_, vocab_;
  SequenceHistory history_;
  RandomStream random_;
  StoppedText text_;
  std::unique_ptr<ConstraintState> constraint_;
  std::vector<std::uint32_t> allowed_;  // by the constraint, for the next token
  std::vector<SampleResult> prompt_tokens_;
  bool wants_prompt_rows_, finished_ = false;
};

}  // namespace ttt
