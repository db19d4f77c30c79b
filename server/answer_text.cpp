#include "server/answer_text.h"

#include <algorithm>
#include <utility>

namespace ttt::server {

AnswerText::AnswerText(const ChatPrompt& prompt, const Tokenizer& tokenizer, bool keep_special)
    : tokenizer_(tokenizer),
      filters_(!keep_special && needs_special(prompt)),
      parallel_calls_(prompt.parallel_calls),
      splitter_(prompt.reasoning, prompt.reasoning && ends_in_reasoning(*prompt.reasoning, prompt.tail)) {
  if (prompt.tool_format) tools_.emplace(*prompt.tool_format, prompt.tools);
}

bool AnswerText::needs_special(const ChatPrompt& prompt) {
  return prompt.reasoning.has_value() || prompt.tool_format.has_value();
}

// The text of the event, without control tokens that are not part of marks. A token's text may come with a later event
// than the token, where it could have been the begin of a stop text.
std::string AnswerText::without_controls(const EngineEvent& event) {
  std::string text = event.text;
  if (!filters_) return text;
  for (const std::int32_t id : event.ids) {
    if (!tokenizer_.is_token(id) || !tokenizer_.is_special(id)) continue;
    const std::string& token = tokenizer_.token_text(id);
    if (!splitter_.in_marks(token) && !(tools_ && tools_->in_marks(token))) dropped_.push_back(token);
  }
  while (!dropped_.empty()) {
    const std::size_t at = text.find(dropped_.front());
    if (at == std::string::npos) break;
    text.erase(at, dropped_.front().size());
    dropped_.erase(dropped_.begin());
  }
  return text;
}

void AnswerText::add_piece(ToolPiece& piece, std::vector<AnswerPart>& parts) {
  if (!piece.call) {
    parts.push_back({.text = std::move(piece.text)});
    return;
  }
  if (calls_ > 0 && !parallel_calls_) return;
  ++calls_;
  parts.push_back({.kind = AnswerPart::Kind::kCall, .call = *std::move(piece.call)});
}

void AnswerText::add_content(std::string_view text, std::vector<AnswerPart>& parts) {
  if (text.empty()) return;
  if (!tools_) {
    parts.push_back({.text = std::string(text)});
    return;
  }
  for (ToolPiece& piece : tools_->push(text)) add_piece(piece, parts);
}

void AnswerText::add(std::vector<AnswerPiece> pieces, std::vector<AnswerPart>& parts) {
  for (AnswerPiece& piece : pieces) {
    if (piece.reasoning) {
      parts.push_back({.kind = AnswerPart::Kind::kReasoning, .text = std::move(piece.text)});
    } else {
      add_content(piece.text, parts);
    }
  }
}

void AnswerText::count_reasoning(const EngineEvent& event) {
  std::size_t count = event.ids.size();
  if (!splitter_.in_reasoning()) {
    const auto is_mark = [&](std::int32_t id) {
      return tokenizer_.is_token(id) && tokenizer_.is_special(id) && splitter_.in_marks(tokenizer_.token_text(id));
    };
    for (std::size_t i = 0; i < event.ids.size(); ++i) {
      if (is_mark(event.ids[i])) count = i + 1;
    }
  }
  reasoning_tokens_ += static_cast<std::int64_t>(count);
}

std::vector<AnswerPart> AnswerText::push(const EngineEvent& event) {
  std::vector<AnswerPart> parts;
  const bool reasoned = splitter_.in_reasoning();
  std::vector<AnswerPiece> pieces = splitter_.push(without_controls(event));
  if (reasoned || splitter_.in_reasoning() || std::ranges::any_of(pieces, &AnswerPiece::reasoning)) {
    count_reasoning(event);
  }
  add(std::move(pieces), parts);
  return parts;
}

std::vector<AnswerPart> AnswerText::finish() {
  std::vector<AnswerPart> parts;
  add(splitter_.finish(), parts);
  if (!tools_) return parts;
  for (ToolPiece& piece : tools_->finish()) add_piece(piece, parts);
  return parts;
}

}  // namespace ttt::server
