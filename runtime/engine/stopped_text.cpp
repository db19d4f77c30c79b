#include "runtime/engine/stopped_text.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace ttt {

StoppedText::StoppedText(const Tokenizer& tokenizer, bool skip_special, std::span<const std::int32_t> prompt,
                         const StopTexts& stops, bool keep_stop)
    : tokenizer_(tokenizer), stops_(stops), keep_stop_(keep_stop), decoder_(tokenizer, {.skip_special = skip_special}) {
  // A vocabulary may hold ids that are no tokens: gaps, and what pads it.
  std::vector<std::int32_t> tokens;
  std::ranges::copy_if(prompt, std::back_inserter(tokens), [&](std::int32_t id) { return tokenizer.is_token(id); });
  decoder_.continue_after(tokens);
}

std::string StoppedText::search(const std::string& text, bool may_stop) {
  if (stops_.empty()) return text;
  for (const char byte : text) {
    held_.push_back(byte);
    state_ = stops_.next(state_, byte);
    const std::int32_t match = stops_.match(state_);
    if (match < 0 || !may_stop) continue;
    stopped_by_ = stops_.text(match);
    if (!keep_stop_) held_.resize(held_.size() - stopped_by_->size());
    return std::exchange(held_, {});
  }
  const auto ready = held_.size() - static_cast<std::size_t>(stops_.depth(state_));
  std::string out = held_.substr(0, ready);
  held_.erase(0, ready);
  return out;
}

std::string StoppedText::push(std::int32_t id, bool may_stop) {
  return tokenizer_.is_token(id) ? search(decoder_.push(id), may_stop) : std::string();
}

std::string StoppedText::alone(std::int32_t id) const {
  return tokenizer_.is_token(id) ? tokenizer_.decode({&id, 1}) : std::string();
}

std::string StoppedText::finish(bool may_stop) {
  std::string out = search(decoder_.finish(), may_stop);
  return stopped_by_ ? out : out + std::exchange(held_, {});
}

}  // namespace ttt
