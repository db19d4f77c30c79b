#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ttt {

// The marks between which a model writes its reasoning, before its answer.
struct ReasoningMarks {
  std::string open = {}, close = {};
  std::vector<std::string> dropped = {};  // marks around the answer, which are not part of it
};

// The marks that occur in the text of a chat template. Nothing if it has no known marks.
std::optional<ReasoningMarks> find_reasoning_marks(std::string_view template_source);

// Whether a text ends within reasoning: it has an opening mark without a closing one after it.
bool ends_in_reasoning(const ReasoningMarks& marks, std::string_view text);

struct AnswerPiece {
  bool reasoning = false;  // else the answer
  std::string text = {};

  bool operator==(const AnswerPiece&) const = default;
};

// Separates reasoning and answer of a text while it is generated. Marks are removed, and so is white space at the
// beginning of either part. After the answer has begun, an opening mark is ordinary text. Text that could be the
// beginning of a mark is held back until this is known. Without marks all text is the answer, unchanged.
class ReasoningSplitter {
 public:
  explicit ReasoningSplitter(std::optional<ReasoningMarks> marks = {}, bool starts_in_reasoning = false);

  std::vector<AnswerPiece> push(std::string_view text);
  std::vector<AnswerPiece> finish();  // the text that was held back; call once, at the end

  // Whether the text that comes next belongs to reasoning, as far as is known.
  bool in_reasoning() const { return reasoning_; }

  // Whether the text of a token is a part of a mark, so that it must be pushed although it is a control token.
  bool in_marks(std::string_view token) const;

 private:
  struct Found {
    std::size_t at = std::string_view::npos, length = 0;
    int mark = 0;  // index into expected()
  };
  std::vector<std::string_view> expected() const;  // the marks that are possible now
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
