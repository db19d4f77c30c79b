#include "runtime/generate.h"

#include <algorithm>

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
  }
  return {};
}

Generated generate(Runner& runner, std::span<const std::int32_t> prompt, const GenerateOptions& options,
                   const std::function<bool(std::int32_t id)>& take) {
  require(!prompt.empty(), ErrorKind::kUsage, "the prompt wanted at least one token, got none");
  const std::int64_t length = static_cast<std::int64_t>(prompt.size()), context = runner.config().context;
  require(length <= context, ErrorKind::kUsage, "the prompt wanted at most ", context, " tokens (the context), got ",
          length);
  const Sampler sampler(options.sampling, runner.vocab());
  const RandomStream random(options.sampling.seed);
  SamplerWorkspace workspace;
  Generated result;
  if (options.max_new_tokens <= 0) return result;
  // One token more than the context holds can come out: the last is never fed back.
  SequenceHistory history(prompt, length + std::min(options.max_new_tokens, context - length + 1));
  Sequence sequence = runner.create();
  std::span<const float> logits = runner.extend(sequence, prompt);
  for (;;) {
    const std::int32_t id = sampler.sample(logits, history, random, workspace).id;
    if (std::ranges::find(options.end_ids, id) != options.end_ids.end()) {
      result.reason = StopReason::kEnd;
      return result;
    }
    history.append(id);
    result.ids.push_back(id);
    if (!take(id)) {
      result.reason = StopReason::kCaller;
      return result;
    }
    if (history.generated() >= options.max_new_tokens) return result;
    if (sequence.length() >= context) {
      result.reason = StopReason::kContext;
      return result;
    }
    logits = runner.extend(sequence, {&id, 1});
  }
}

}  // namespace ttt
