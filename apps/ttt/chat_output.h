#pragma once

#include <span>
#include <string_view>

#include "text/reasoning.h"

namespace ttt::app {

// Writes a reply as it comes: the answer on stdout, its reasoning apart from it on stderr, dimmed at a terminal.
class ChatOutput {
 public:
  explicit ChatOutput(bool hide_reasoning);

  void show(std::span<const AnswerPiece> pieces);
  void end();  // the line; also of a reply that was cut in the middle of its reasoning

 private:
  void begin_reasoning();
  void end_reasoning();

  bool hide_reasoning_, answers_at_terminal_, reasons_at_terminal_;
  bool reasoning_ = false;
};

}  // namespace ttt::app
