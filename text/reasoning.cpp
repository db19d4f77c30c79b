#include "text/reasoning.h"

#include <algorithm>
#include <array>

#include "text/begun_mark.h"

namespace ttt {
namespace {

struct KnownMarks {
  std::string_view open, close;
  // What stands in a template that uses them.
  std::string_view named_by;
  std::array<std::string_view, 2> dropped = {};
};

// Templates take reasoning out of earlier answers by its closing mark, and many never write the opening one.
constexpr std::array<KnownMarks, 8> kKnown{{
    {"<|channel|>analysis<|message|>",
     "<|end|>",
     "<|channel|>analysis",
     {"<|start|>assistant", "<|channel|>final<|message|>"}},
    {"<think>", "</think>", "</think>"},
    {"<thinking>", "</thinking>", "</thinking>"},
    {"<reasoning>", "</reasoning>", "</reasoning>"},
    {"<seed:think>", "</seed:think>", "</seed:think>"},
    {"[THINK]", "[/THINK]", "[/THINK]"},
    {"<|START_THINKING|>", "<|END_THINKING|>", "<|END_THINKING|>", {"<|START_RESPONSE|>", "<|END_RESPONSE|>"}},
    {"<|begin_of_thought|>",
     "<|end_of_thought|>",
     "<|end_of_thought|>",
     {"<|begin_of_solution|>", "<|end_of_solution|>"}},
}};

}  // namespace

std::optional<ReasoningMarks> find_reasoning_marks(std::string_view template_source) {
  for (const KnownMarks& known : kKnown) {
    if (template_source.find(known.named_by) == std::string_view::npos) continue;
    ReasoningMarks marks{.open = std::string(known.open), .close = std::string(known.close)};
    for (const std::string_view text : known.dropped) {
      if (!text.empty()) marks.dropped.emplace_back(text);
    }
    return marks;
  }
  return std::nullopt;
}

bool ends_in_reasoning(const ReasoningMarks& marks, std::string_view text) {
  const std::size_t open = text.rfind(marks.open), close = text.rfind(marks.close);
  return open != std::string_view::npos && (close == std::string_view::npos || close < open);
}

ReasoningSplitter::ReasoningSplitter(std::optional<ReasoningMarks> marks, bool starts_in_reasoning)
    : marks_(std::move(marks)), reasoning_(marks_.has_value() && starts_in_reasoning), at_begin_(marks_.has_value()) {}

bool ReasoningSplitter::in_marks(std::string_view token) const {
  if (!marks_ || token.empty()) return false;
  const auto holds = [&](const std::string& mark) { return mark.find(token) != std::string::npos; };
  return holds(marks_->open) || holds(marks_->close) || std::ranges::any_of(marks_->dropped, holds);
}

std::vector<std::string_view> ReasoningSplitter::expected() const {
  if (!marks_) return {};
  if (reasoning_) return {marks_->close};
  std::vector<std::string_view> all;
  if (!answer_begun_) all.push_back(marks_->open);
  all.insert(all.end(), marks_->dropped.begin(), marks_->dropped.end());
  return all;
}

ReasoningSplitter::Found ReasoningSplitter::next_mark() const {
  const std::vector<std::string_view> marks = expected();
  Found first;
  for (std::size_t i = 0; i < marks.size(); ++i) {
    const std::size_t at = held_.find(marks[i]);
    if (at < first.at) first = {.at = at, .length = marks[i].size(), .mark = static_cast<int>(i)};
  }
  return first;
}

// Gives out a part of the text that holds no mark.
void ReasoningSplitter::give(std::string_view text, std::vector<AnswerPiece>& pieces) {
  if (at_begin_) {
    const std::size_t first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return;
    text.remove_prefix(first);
    at_begin_ = false;
  }
  if (text.empty()) return;
  if (!reasoning_ && text.find_first_not_of(kBlank) != std::string_view::npos) answer_begun_ = true;
  if (!pieces.empty() && pieces.back().reasoning == reasoning_) {
    pieces.back().text += text;
  } else {
    pieces.push_back({.reasoning = reasoning_, .text = std::string(text)});
  }
}

void ReasoningSplitter::pass(int mark) {
  const bool opens = !reasoning_ && !answer_begun_ && mark == 0;
  if (reasoning_ || opens) reasoning_ = opens;
  if (!answer_begun_) at_begin_ = true;
}

std::vector<AnswerPiece> ReasoningSplitter::push(std::string_view text) {
  held_ += text;
  std::vector<AnswerPiece> pieces;
  for (Found found = next_mark(); found.at != std::string_view::npos; found = next_mark()) {
    const std::string before = held_.substr(0, found.at);
    held_.erase(0, found.at + found.length);
    const bool began = answer_begun_;
    give(before, pieces);
    // An opening mark after text of the answer is such text itself.
    if (!began && answer_begun_ && found.mark == 0) {
      give(marks_->open, pieces);
    } else {
      pass(found.mark);
    }
  }
  std::size_t keep = 0;
  for (const std::string_view mark : expected()) keep = std::max(keep, begun_mark(held_, mark));
  const std::string sure = held_.substr(0, held_.size() - keep);
  held_.erase(0, sure.size());
  give(sure, pieces);
  return pieces;
}

std::vector<AnswerPiece> ReasoningSplitter::finish() {
  std::vector<AnswerPiece> pieces;
  give(held_, pieces);
  held_.clear();
  return pieces;
}

}  // namespace ttt
