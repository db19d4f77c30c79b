#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/runner.h"
#include "sampling/sampler.h"
#include "text/grammar/token_constraint.h"

namespace ttt {

// kDeadEnd: the constraint allows no token, and the text is not complete.
enum class StopReason : std::uint8_t { kEnd, kLength, kContext, kCaller, kDeadEnd };
std::string_view name_of(StopReason reason);

struct GenerateOptions {
  std::int64_t max_new_tokens = 256;
  SamplingSpec sampling = {};
  std::vector<std::int64_t> end_ids = {};  // a generation ends before any of these is returned
  // Of an encoder-decoder: the ids that its encoder reads. The prompt is then the beginning of the decoder's text, at
  // least the decoder_start_token_id of the configuration.
  std::vector<std::int32_t> source = {};
  // Not null: what the generated text keeps to. The end ids are possible where it may end, and it ends by itself where
  // nothing else may follow.
  std::shared_ptr<const TokenConstraint> constraint = {};
};

struct Generated {
  std::vector<std::int32_t> ids = {};
  StopReason reason = StopReason::kLength;
  std::vector<SampleResult> tokens = {};  // of every id, if SamplingSpec::log_probs is set
};

// A continuation token by token, for a caller that asks for each: a stream that may be left at any time.
class Generation {
 public:
  // `sequence` holds `ids`, and `logits` is its last output; it is read by the first next(). Draws from
  // RandomStream(seed, number). The runner and the sequence must outlive it, and are used by nothing else meanwhile.
  Generation(Runner& runner, Sequence& sequence, std::span<const std::int32_t> ids, std::span<const float> logits,
             const GenerateOptions& options, std::uint64_t number);
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // Adds the token before to the sequence and chooses the next one. Nothing when the continuation has ended: reason().
  std::optional<SampleResult> next();
  StopReason reason() const { return reason_; }  // kCaller until it has ended

 private:
  class Allowed;
  std::optional<SampleResult> end(StopReason reason);

  Runner& runner_;
  Sequence& sequence_;
  std::span<const float> logits_;
  std::int64_t max_new_tokens_;
  std::vector<std::int64_t> end_ids_;
  std::shared_ptr<const TokenConstraint> constraint_;
  Sampler sampler_;
  SequenceHistory history_;
  RandomStream random_;
  SamplerWorkspace workspace_;
  std::unique_ptr<Allowed> allowed_;
  std::optional<std::int32_t> last_;  // chosen, and not yet a row of the sequence
  StopReason reason_ = StopReason::kCaller;
  bool ended_ = false;
};

// Continues `prompt` token by token. `take` is called with every id when it is chosen, and may return false to stop.
// Error{kUsage} when the prompt is empty or longer than the runner's context.
Generated generate(Runner& runner, std::span<const std::int32_t> prompt, const GenerateOptions& options,
                   const std::function<bool(std::int32_t id)>& take);

// Continues a sequence that holds `ids` and whose last output is `logits`, drawing from RandomStream(seed, number).
// Each token but the last becomes a row of the sequence.
Generated continue_sequence(Runner& runner, Sequence& sequence, std::span<const std::int32_t> ids,
                            std::span<const float> logits, const GenerateOptions& options, std::uint64_t number,
                            const std::function<bool(std::int32_t id)>& take);

// `n` continuations of one prompt, which is read once. Number i draws from RandomStream(seed, i), so it does not depend
// on n, and number 0 is what generate returns. Error{kUsage} unless n >= 1 and the runner holds two sequences where n
// > 1.
std::vector<Generated> generate_many(Runner& runner, std::span<const std::int32_t> prompt,
                                     const GenerateOptions& options, std::int64_t n);

}  // namespace ttt
