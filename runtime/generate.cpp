#include "runtime/generate.h"

#include <algorithm>
#include <optional>

#include "base/error.h"

namespace ttt {

std::string_view name_of(StopReason reason) {
  switch (reason) {
    case StopReason::kEnd:
      return "end";
    case StopReason::kLength:
      return "length";
    case StopReason::kContext:
      return "context";
    case StopReason::kCaller:
      return "stopped";
    case StopReason::kDeadEnd:
      return "a dead end of the grammar";
  }
  return {};
}

namespace {

std::int64_t checked_length(const Runner& runner, std::span<const std::int32_t> prompt) {
  require(!prompt.empty(), ErrorKind::kUsage, "the prompt wanted at least one token, got none");
  require(runner.model().output() == OutputKind::kLogits, ErrorKind::kUnsupported,
          "a generation wanted a model whose output is logits, got ", name_of(runner.model().output()));
  const std::int64_t length = static_cast<std::int64_t>(prompt.size()), context = runner.config().context;
  require(length <= context, ErrorKind::kUsage, "the prompt wanted at most ", context, " tokens (the context), got ",
          length);
  return length;
}

// The sequence of a prompt, not read yet.
Sequence begin_sequence(Runner& runner, const GenerateOptions& options) {
  require(options.source.empty() || runner.model().has_encoder(), ErrorKind::kUsage,
          "a source wanted a model with an encoder and a decoder, got one without");
  Sequence sequence = runner.create();
  if (runner.model().has_encoder()) runner.encode(sequence, options.source);
  return sequence;
}

// One token more than the context holds can come out: the last is never fed back.
SequenceHistory history_of(const Runner& runner, std::span<const std::int32_t> prompt, const GenerateOptions& options) {
  const auto length = static_cast<std::int64_t>(prompt.size());
  return SequenceHistory(prompt, length + std::min(options.max_new_tokens, runner.config().context - length + 1));
}

// What a constraint lets follow in one generation; without one everything.
class Allowed {
 public:
  Allowed(const GenerateOptions& options, std::int64_t vocab) : end_ids_(options.end_ids) {
    if (!options.constraint) return;
    state_ = options.constraint->begin();
    mask_.resize(static_cast<std::size_t>((vocab + 31) / 32));
  }

  // Why the generation ends here, if it does.
  std::optional<StopReason> find() {
    if (!state_) return std::nullopt;
    state_->allowed(mask_);
    mark_ends(false);  // an end id may be an ordinary token, but it adds no text
    const bool any = std::ranges::any_of(mask_, [](std::uint32_t word) { return word != 0; });
    if (any && state_->can_end()) mark_ends(true);
    if (any) return std::nullopt;
    return state_->can_end() ? StopReason::kEnd : StopReason::kDeadEnd;
  }
  TokenFilter filter() const { return {.allowed = mask_}; }
  void accept(std::int32_t id) {
    if (state_) state_->accept(id);
  }

 private:
  void mark_ends(bool possible) {
    for (const std::int64_t id : end_ids_) {
      const std::size_t word = static_cast<std::size_t>(id) / 32;
      if (id < 0 || word >= mask_.size()) continue;
      const std::uint32_t bit = std::uint32_t{1} << (id % 32);
      mask_[word] = possible ? mask_[word] | bit : mask_[word] & ~bit;
    }
  }

  const std::vector<std::int64_t>& end_ids_;
  std::unique_ptr<ConstraintState> state_;
  std::vector<std::uint32_t> mask_;
};

}  // namespace

Generated continue_sequence(Runner& runner, Sequence& sequence, std::span<const std::int32_t> ids,
                            std::span<const float> logits, const GenerateOptions& options, std::uint64_t number,
                            const std::function<bool(std::int32_t id)>& take) {
  if (options.max_new_tokens <= 0) return {};
  SequenceHistory history = history_of(runner, ids, options);
  const std::int64_t context = runner.config().context;
  const Sampler sampler(options.sampling, runner.vocab());
  const RandomStream random(static_cast<std::uint64_t>(options.sampling.seed), number);
  SamplerWorkspace workspace;
  Allowed allowed(options, runner.vocab());
  Generated result;
  std::optional<StopReason> end = allowed.find();
  while (!end) {
    SampleResult chosen = sampler.sample(logits, history, random, workspace, allowed.filter());
    const std::int32_t id = chosen.id;
    if (std::ranges::find(options.end_ids, id) != options.end_ids.end()) {
      result.reason = StopReason::kEnd;
      return result;
    }
    history.append(id);
    allowed.accept(id);
    result.ids.push_back(id);
    if (options.sampling.log_probs) result.tokens.push_back(std::move(chosen));
    if (!take(id)) {
      result.reason = StopReason::kCaller;
      return result;
    }
    end = allowed.find();
    if (end) break;
    if (history.generated() >= options.max_new_tokens) return result;
    if (sequence.length() >= context) {
      result.reason = StopReason::kContext;
      return result;
    }
    logits = runner.extend(sequence, {&id, 1});
  }
  result.reason = *end;
  return result;
}

Generated generate(Runner& runner, std::span<const std::int32_t> prompt, const GenerateOptions& options,
                   const std::function<bool(std::int32_t id)>& take) {
  checked_length(runner, prompt);
  const Sampler checked(options.sampling, runner.vocab());
  if (options.max_new_tokens <= 0) return {};
  Sequence sequence = begin_sequence(runner, options);
  const std::span<const float> logits = runner.extend(sequence, prompt);
  return continue_sequence(runner, sequence, prompt, logits, options, 0, take);
}

std::vector<Generated> generate_many(Runner& runner, std::span<const std::int32_t> prompt,
                                     const GenerateOptions& options, std::int64_t n) {
  checked_length(runner, prompt);
  const std::int64_t sequences = runner.config().sequences;
  require(n >= 1 && (n == 1 || sequences >= 2), ErrorKind::kUsage,
          "continuations wanted a number of at least 1, and room for two sequences above it, got ", n, " and ",
          sequences);
  const Sampler checked(options.sampling, runner.vocab());
  std::vector<Generated> all(static_cast<std::size_t>(n));
  if (options.max_new_tokens <= 0) return all;
  Sequence first = begin_sequence(runner, options);
  const std::span<const float> last = runner.extend(first, prompt);
  const std::vector<float> logits(last.begin(), last.end());  // steps overwrite them
  for (std::int64_t i = 0; i < n; ++i) {
    Sequence own = i + 1 < n ? first.fork() : std::move(first);
    all[static_cast<std::size_t>(i)] = continue_sequence(
        runner, own, prompt, logits, options, static_cast<std::uint64_t>(i), [](std::int32_t) { return true; });
  }
  return all;
}

}  // namespace ttt
