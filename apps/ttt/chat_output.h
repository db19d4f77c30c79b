#pragma once

#include <span>
#include <string_view>

#include "text/reasoning.h"

namespace ttt::app {

// Writes a reply while it is generated: the answer to stdout, the reasoning to stderr, dimmed at a terminal.
class ChatOutput {
 public:
  explicit ChatOutput(bool hide_reasoning);

  void show(std::span<const AnswerPiece> pieces);
  void end();  // ends the line, also of a reply that stopped within its reasoning

 private:
  void begin_reasoning();
  void end_reasoning();

  bool hide_reasoning_, answers_at_terminal_, reasons_at_terminal_;
  bool reasoning_ = false;
};

}  // namespace ttt::app
