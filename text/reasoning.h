#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ttt {

// The texts between which a model writes its reasoning, ahead of its answer.
struct ReasoningMarks {
  std::string open = {}, close = {};
  std::vector<std::string> dropped = {};  // frame the answer, and are no part of it
};

// The marks that a chat template names, by the text that stands in it. Nothing where it names none that are known.
std::optional<ReasoningMarks> find_reasoning_marks(std::string_view template_source);

// Whether a text ends within reasoning: it opens it, and does not close it again.
bool ends_in_reasoning(const ReasoningMarks& marks, std::string_view text);

struct AnswerPiece {
  bool reasoning = false;  // else the answer
  std::string text = {};

  bool operator==(const AnswerPiece&) const = default;
};

// Tells reasoning and answer of a text apart as it comes. Marks are left out, and so is white space at the begin of
// either. Once the answer has begun an opening mark is text like any other. What
// could be the begin of a mark is held back until it is known. Without marks all is answer, as it is.
class ReasoningSplitter {
 public:
  explicit ReasoningSplitter(std::optional<ReasoningMarks> marks = {}, bool starts_in_reasoning = false);

  std::vector<AnswerPiece> push(std::string_view text);
  std::vector<AnswerPiece> finish();  // what was held back; call once, last

  // Whether the text of a token is a part of a mark, so that it has to be pushed though it is a control token.
  bool in_marks(std::string_view token) const;

 private:
  struct Found {
    std::size_t at = std::string_view::npos, length = 0;
    int mark = 0;  // index into expected()
  };
  std::vector<std::string_view> expected() const;  // the marks that count now
  Found next_mark() const;
  void give(std::string_view text, std::vector<AnswerPiece>& pieces);
  void pass(int mark);

  std::optional<ReasoningMarks> marks_;
  bool reasoning_;
  bool at_begin_;  // white space is left out
  bool answer_begun_ = false;
  std::string held_;
};

}  // namespace ttt
