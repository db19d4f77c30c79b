#include "apps/ttt/chat_output.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "apps/ttt/ranks.h"
#include "apps/ttt/standard_files.h"

namespace ttt::app {
namespace {

// What a model writes may not command the terminal.
std::string without_controls(std::string_view text) {
  std::string kept;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte >= 0x20 && byte != 0x7F) || c == '\n' || c == '\t') kept.push_back(c);
  }
  return kept;
}

void write_stderr(std::string_view text) {
  if (leads()) std::fwrite(text.data(), 1, text.size(), stderr);
}

bool may_dim() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  return isatty(STDERR_FILENO) == 1 && !dumb && (no_color == nullptr || *no_color == 0);
}

}  // namespace

ChatOutput::ChatOutput(bool hide_reasoning)
    : hide_reasoning_(hide_reasoning),
      answers_at_terminal_(isatty(STDOUT_FILENO) == 1),
      reasons_at_terminal_(may_dim()) {}

void ChatOutput::begin_reasoning() {
  reasoning_ = true;
  write_stderr(reasons_at_terminal_ ? "\033[2m" : "[reasoning]\n");
}

void ChatOutput::end_reasoning() {
  reasoning_ = false;
  write_stderr(reasons_at_terminal_ ? "\033[0m\n\n" : "\n[answer]\n");
}

void ChatOutput::show(std::span<const AnswerPiece> pieces) {
  for (const AnswerPiece& piece : pieces) {
    if (piece.reasoning) {
      if (hide_reasoning_) continue;
      if (!reasoning_) begin_reasoning();
      write_stderr(without_controls(piece.text));
    } else {
      if (reasoning_) end_reasoning();
      write_stdout(answers_at_terminal_ ? without_controls(piece.text) : piece.text);
      finish_stdout();
    }
  }
}

void ChatOutput::end() {
  if (reasoning_) end_reasoning();
  write_stdout("\n");
  finish_stdout();
}

}  // namespace ttt::app
