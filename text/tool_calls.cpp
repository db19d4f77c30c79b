#include "text/tool_calls.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/enum_names.h"
#include "text/begun_mark.h"
#include "text/tool_bodies.h"

namespace ttt {
namespace {

struct Marks {
  std::string_view open;
  std::array<std::string_view, 2> close;  // none: the end of the answer
};

constexpr std::array<Marks, 1> kHermesMarks{{{"<tool_call>", {"</tool_call>"}}}};
constexpr std::array<Marks, 1> kLlama3Marks{{{"<|python_tag|>", {}}}};
constexpr std::array<Marks, 1> kMistralMarks{{{"[TOOL_CALLS]", {}}}};
constexpr std::array<Marks, 2> kHarmonyMarks{
    {{"<|channel|>commentary", {"<|call|>", "<|end|>"}}, {"to=functions.", {"<|call|>", "<|end|>"}}}};
constexpr std::array<Marks, 2> kDeepSeekMarks{
    {{"<｜tool▁calls▁begin｜>", {"<｜tool▁calls▁end｜>"}}, {"<｜tool▁call▁begin｜>", {"<｜tool▁call▁end｜>"}}}};
constexpr std::array<Marks, 3> kCohereMarks{
    {{"<|START_ACTION|>", {"<|END_ACTION|>"}}, {"Action: ```json", {"```"}}, {"Action:```json", {"```"}}}};
constexpr std::array<Marks, 3> kGraniteMarks{
    {{"<|tool_call|>", {}}, {"<function_call>", {}}, {"<tool_call>", {"</tool_call>"}}}};

std::span<const Marks> marks_of(ToolFormat format) {
  switch (format) {
    case ToolFormat::kHermes:
      return kHermesMarks;
    case ToolFormat::kLlama3:
      return kLlama3Marks;
    case ToolFormat::kMistral:
      return kMistralMarks;
    case ToolFormat::kHarmony:
      return kHarmonyMarks;
    case ToolFormat::kDeepSeek:
      return kDeepSeekMarks;
    case ToolFormat::kCohere:
      return kCohereMarks;
    default:
      return kGraniteMarks;
  }
}

// Marks within bodies, which are control tokens in some vocabularies.
constexpr std::array<std::string_view, 11> kInner{
    "<|constrain|>",  "<|message|>",         "<|start|>",   "[ARGS]",    "[CALL_ID]",  "<｜tool▁call▁begin｜>",
    "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "<|channel|>", "<arg_key>", "<arg_value>"};

}  // namespace

std::string_view name_of(ToolFormat format) {
  constexpr EnumNames<7> kNames{"hermes", "llama3", "mistral", "harmony", "deepseek", "cohere", "granite"};
  return name_in(kNames, format);
}

std::optional<ToolFormat> find_tool_format(std::string_view source) {
  const auto has = [&](std::string_view s) { return source.find(s) != std::string_view::npos; };
  // Marks that no other family writes come first.
  if (has("<|channel|>") && has("functions")) return ToolFormat::kHarmony;
  if (has("<｜tool▁calls▁begin｜>")) return ToolFormat::kDeepSeek;
  if (has("[TOOL_CALLS]")) return ToolFormat::kMistral;
  if (has("<|START_ACTION|>") || has("Action: ```json") || has("Action:```json")) return ToolFormat::kCohere;
  if (has("<|tool_call|>") || has("<function_call>")) return ToolFormat::kGranite;
  if (has("<tool_call>")) return ToolFormat::kHermes;
  if (has("<|python_tag|>") || (has("\"parameters\"") && has("tools"))) return ToolFormat::kLlama3;
  return std::nullopt;
}

ToolCallParser::ToolCallParser(ToolFormat format, std::vector<ToolName> tools)
    : format_(format), tools_(std::move(tools)) {}

bool ToolCallParser::in_marks(std::string_view token) const {
  if (token.empty()) return false;
  const auto holds = [&](std::string_view mark) { return mark.find(token) != std::string_view::npos; };
  return std::ranges::any_of(kInner, holds) || std::ranges::any_of(marks_of(format_), [&](const Marks& m) {
           return holds(m.open) || std::ranges::any_of(m.close, holds);
         });
}

// Whether an object at the beginning of the answer is a call without a mark.
bool ToolCallParser::may_open_bare() const { return format_ == ToolFormat::kLlama3 && !text_begun_ && calls_ == 0; }

ToolCallParser::Mark ToolCallParser::next_open() const {
  Mark first;
  for (const Marks& m : marks_of(format_)) {
    const std::size_t at = held_.find(m.open);
    if (at < first.at) first = {.at = at, .text = m.open};
  }
  const std::size_t begin = held_.find_first_not_of(kBlank);
  if (may_open_bare() && begin < first.at && held_[begin] == '{') first = {.at = begin};
  return first;
}

ToolCallParser::Mark ToolCallParser::next_close() const {
  Mark first;
  for (const Marks& m : marks_of(format_)) {
    if (m.open != open_) continue;
    for (const std::string_view close : m.close) {
      const std::size_t at = close.empty() ? std::string::npos : held_.find(close);
      if (at < first.at) first = {.at = at, .text = close};
    }
  }
  return first;
}

std::size_t ToolCallParser::kept() const {
  std::size_t keep = 0;
  for (const Marks& m : marks_of(format_)) keep = std::max(keep, begun_mark(held_, m.open));
  return keep;
}

void ToolCallParser::give_text(std::string_view text, std::vector<ToolPiece>& pieces) {
  const std::size_t last = text.find_last_not_of(kBlank);
  if (last == std::string_view::npos) {
    if (text_begun_ || calls_ == 0) blank_ += text;
    return;
  }
  std::string whole = blank_ + std::string(text.substr(0, last + 1));
  blank_ = text.substr(last + 1);
  text_begun_ = true;
  if (!pieces.empty() && !pieces.back().call) {
    pieces.back().text += whole;
  } else {
    pieces.push_back({.text = std::move(whole)});
  }
}

void ToolCallParser::end_call(std::string_view body, std::string_view close, std::vector<ToolPiece>& pieces) {
  in_call_ = false;
  std::optional<ToolBody> read = read_tool_body(format_, open_, body, tools_);
  if (!read) return give_text(open_ + std::string(body) + std::string(close), pieces);
  if (!read->text.empty()) give_text(read->text, pieces);
  for (ToolCall& call : read->calls) {
    blank_.clear();
    ++calls_;
    pieces.push_back({.call = std::move(call)});
  }
}

void ToolCallParser::advance(std::vector<ToolPiece>& pieces) {
  while (true) {
    if (in_call_) {
      const Mark close = next_close();
      if (close.at == std::string_view::npos) return;
      const std::string body = held_.substr(0, close.at);
      held_.erase(0, close.at + close.text.size());
      end_call(body, close.text, pieces);
      continue;
    }
    const Mark open = next_open();
    if (open.at == std::string_view::npos) {
      const std::string sure = held_.substr(0, held_.size() - kept());
      held_.erase(0, sure.size());
      return give_text(sure, pieces);
    }
    give_text(held_.substr(0, open.at), pieces);
    held_.erase(0, open.at + open.text.size());
    open_ = open.text;
    in_call_ = true;
  }
}

std::vector<ToolPiece> ToolCallParser::push(std::string_view text) {
  held_ += text;
  std::vector<ToolPiece> pieces;
  advance(pieces);
  return pieces;
}

std::vector<ToolPiece> ToolCallParser::finish() {
  std::vector<ToolPiece> pieces;
  advance(pieces);
  const std::string rest = std::exchange(held_, {});
  if (in_call_) {
    end_call(rest, {}, pieces);
  } else {
    give_text(rest, pieces);
  }
  // White space at the end belongs to the text where no call was made.
  if (calls_ == 0 && !blank_.empty()) {
    if (!pieces.empty()) {
      pieces.back().text += blank_;
    } else {
      pieces.push_back({.text = blank_});
    }
  }
  blank_.clear();
  return pieces;
}

}  // namespace ttt
