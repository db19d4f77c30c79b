#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ttt {

// How a model writes that it calls a tool.
enum class ToolFormat : std::uint8_t {
  kHermes,    // <tool_call>{"name": ..., "arguments": {...}}</tool_call>, or with <function=NAME> or <arg_key> inside
  kLlama3,    // the whole answer is {"name": ..., "parameters": {...}}, after <|python_tag|> or not; more after ";"
  kMistral,   // [TOOL_CALLS][{"name": ..., "arguments": {...}}], or [TOOL_CALLS]NAME[ARGS]{...}
  kHarmony,   // <|channel|>commentary to=functions.NAME <|constrain|>json<|message|>{...}<|call|>
  kDeepSeek,  // <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>... NAME ... {...}<｜tool▁call▁end｜><｜tool▁calls▁end｜>
  kCohere,    // <|START_ACTION|>[{"tool_name": ..., "parameters": {...}}]<|END_ACTION|>, or Action: ```json ... ```
  kGranite,   // <|tool_call|>[{"name": ..., "arguments": {...}}], or <function_call>
};
std::string_view name_of(ToolFormat format);

// The format that the text of a chat template writes earlier calls in, or tells the model to write. Nothing: none that
// is known.
std::optional<ToolFormat> find_tool_format(std::string_view template_source);

struct ToolCall {
  std::string name = {};
  std::string arguments = {};  // a JSON object

  bool operator==(const ToolCall&) const = default;
};

// A tool that may be called.
struct ToolName {
  std::string name = {};
  // The parameters that its schema says are strings: formats that write values without quotes do not tell.
  std::vector<std::string> strings = {};
};

// Text of an answer, or a call in it.
struct ToolPiece {
  std::string text = {};
  std::optional<ToolCall> call = {};

  bool operator==(const ToolPiece&) const = default;
};

// Separates calls of tools and other text of an answer while it is generated. Text that could be the beginning of a
// call is held back until this is known; a call is given when it is whole. What begins as a call and is none (not JSON,
// no name, arguments that are no object, a name that is not among `tools`) is text, as it was written. White space
// around calls is left out.
class ToolCallParser {
 public:
  ToolCallParser(ToolFormat format, std::vector<ToolName> tools);

  std::vector<ToolPiece> push(std::string_view text);
  std::vector<ToolPiece> finish();  // what was held back; call once, at the end

  std::int64_t calls() const { return calls_; }
  // Whether the text of a token is part of a mark, so that it must be pushed although it is a control token.
  bool in_marks(std::string_view token) const;

 private:
  struct Mark {
    std::size_t at = std::string_view::npos;
    std::string_view text = {};
  };
  Mark next_open() const;
  Mark next_close() const;
  std::size_t kept() const;
  bool may_open_bare() const;
  void advance(std::vector<ToolPiece>& pieces);
  void give_text(std::string_view text, std::vector<ToolPiece>& pieces);
  void end_call(std::string_view body, std::string_view close, std::vector<ToolPiece>& pieces);

  ToolFormat format_;
  std::vector<ToolName> tools_;
  std::string held_;
  std::string blank_;  // white space that is text if text follows
  std::string open_;   // the mark that began the call, empty where there is none
  bool in_call_ = false, text_begun_ = false;
  std::int64_t calls_ = 0;
};

}  // namespace ttt
