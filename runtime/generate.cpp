#include "runtime/generate.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/enum_names.h"
#include "base/error.h"

namespace ttt {

std::string_view name_of(StopReason reason) {
  constexpr EnumNames<5> kNames{"end", "length", "context", "stopped", "a dead end of the grammar"};
  return name_in(kNames, reason);
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
SequenceHistory history_of(const Runner& runner, std::span<const std::int32_t> prompt, std::int64_t max_new_tokens) {
  const auto length = static_cast<std::int64_t>(prompt.size());
  return SequenceHistory(prompt, length + std::min(max_new_tokens, runner.config().context - length + 1));
}

}  // namespace

// What a constraint lets follow; without one everything.
class Generation::Allowed {
 public:
  Allowed(const TokenConstraint* constraint, const std::vector<std::int64_t>& end_ids, std::int64_t vocab)
      : end_ids_(end_ids) {
    if (constraint == nullptr) return;
    state_ = constraint->begin();
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

Generation::Generation(Runner& runner, Sequence& sequence, std::span<const std::int32_t> ids,
                       std::span<const float> logits, const GenerateOptions& options, std::uint64_t number)
    : runner_(runner),
      sequence_(sequence),
      logits_(logits),
      max_new_tokens_(std::max<std::int64_t>(options.max_new_tokens, 0)),
      end_ids_(options.end_ids),
      constraint_(options.constraint),
      sampler_(options.sampling, runner.vocab()),
      history_(history_of(runner, ids, max_new_tokens_)),
      random_(static_cast<std::uint64_t>(options.sampling.seed), number),
      allowed_(std::make_unique<Allowed>(constraint_.get(), end_ids_, runner.vocab())) {}

Generation::~Generation() = default;

std::optional<SampleResult> Generation::end(StopReason reason) {
  ended_ = true;
  reason_ = reason;
  return std::nullopt;
}

std::optional<SampleResult> Generation::next() {
  if (ended_) return std::nullopt;
  if (max_new_tokens_ <= 0) return end(StopReason::kLength);
  if (const std::optional<StopReason> reason = allowed_->find()) return end(*reason);
  if (history_.generated() >= max_new_tokens_) return end(StopReason::kLength);
  if (last_) {
    if (sequence_.length() >= runner_.config().context) return end(StopReason::kContext);
    logits_ = runner_.extend(sequence_, {&*last_, 1});
  }
  SampleResult chosen = sampler_.sample(logits_, history_, random_, workspace_, allowed_->filter());
  if (std::ranges::find(end_ids_, chosen.id) != end_ids_.end()) return end(StopReason::kEnd);
  history_.append(chosen.id);
  allowed_->accept(chosen.id);
  last_ = chosen.id;
  return chosen;
}

Generated continue_sequence(Runner& runner, Sequence& sequence, std::span<const std::int32_t> ids,
                            std::span<const float> logits, const GenerateOptions& options, std::uint64_t number,
                            const std::function<bool(std::int32_t id)>& take) {
  Generation generation(runner, sequence, ids, logits, options, number);
  Generated result;
  while (std::optional<SampleResult> chosen = generation.next()) {
    const std::int32_t id = chosen->id;
    result.ids.push_back(id);
    if (options.sampling.log_probs) result.tokens.push_back(std::move(*chosen));
    if (!take(id)) break;
  }
  result.reason = generation.reason();
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
