#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "runtime/engine/stop_texts.h"
#include "text/tokenizer.h"

namespace ttt {

// The text of a continuation, token by token, up to the first of the stop texts. What may yet be a part of one is held
// back. Every piece is whole characters, and no piece depends on how the text is divided into tokens but for its size.
class StoppedText {
 public:
  // Follows `prompt`. All references must outlive it. keep_stop: the stop text is part of the text.
  StoppedText(const Tokenizer& tokenizer, bool skip_special, std::span<const std::int32_t> prompt,
              const StopTexts& stops, bool keep_stop);

  // The text that a token adds. may_stop: a stop text that it completes ends the text, after which nothing is pushed.
  std::string push(std::int32_t id, bool may_stop);
  // What was held back, at the end of a text that has not stopped.
  std::string finish(bool may_stop);
  // The text of a token by itself, special or not.
  std::string alone(std::int32_t id) const;
  // The text that ended it.
  const std::optional<std::string>& stopped_by() const { return stopped_by_; }

 private:
  std::string search(const std::string& text, bool may_stop);

  const Tokenizer& tokenizer_;
  const StopTexts& stops_;
  bool keep_stop_;
  StreamDecoder decoder_;
  std::string held_;
  std::int32_t state_ = 0;
  std::optional<std::string> stopped_by_;
};

}  // namespace ttt
