#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/engine/request.h"
#include "server/chat_prompt.h"
#include "text/reasoning.h"
#include "text/tool_calls.h"

namespace ttt::server {

// A part of an answer in the order in which it was generated.
struct AnswerPart {
  enum class Kind : std::uint8_t { kReasoning, kContent, kCall } kind = Kind::kContent;
  std::string text = {};
  ToolCall call = {};
};

// Separates what one choice generates into reasoning, content and calls of tools, and takes control tokens out that are
// no marks of these.
class AnswerText {
 public:
  // `keep_special`: control tokens are text.
  AnswerText(const ChatPrompt& prompt, const Tokenizer& tokenizer, bool keep_special);

  // Whether the engine must give the text of control tokens, because marks are such.
  static bool needs_special(const ChatPrompt& prompt);

  std::vector<AnswerPart> push(const EngineEvent& event);
  std::vector<AnswerPart> finish();
  bool called() const { return calls_ > 0; }
  // Tokens up to the mark that ends the reasoning, this included. Tokens that came in one event are told apart where
  // the mark is a control token; otherwise all of an event that has the mark count.
  std::int64_t reasoning_tokens() const { return reasoning_tokens_; }

 private:
  void add_content(std::string_view text, std::vector<AnswerPart>& parts);
  void add_piece(ToolPiece& piece, std::vector<AnswerPart>& parts);
  void add(std::vector<AnswerPiece> pieces, std::vector<AnswerPart>& parts);
  std::string without_controls(const EngineEvent& event);
  void count_reasoning(const EngineEvent& event);

  const Tokenizer& tokenizer_;
  bool filters_;
  bool parallel_calls_;
  ReasoningSplitter splitter_;
  std::optional<ToolCallParser> tools_;
  std::vector<std::string> dropped_;  // texts of control tokens that are still to come
  std::int64_t calls_ = 0, reasoning_tokens_ = 0;
};

}  // namespace ttt::server
