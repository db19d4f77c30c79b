#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/fields.h"
#include "server/service.h"
#include "text/tool_marks.h"

namespace ttt::server {

// What a chat request asks the template and the parsers for.
struct ChatPrompt {
  std::vector<std::int32_t> ids = {};
  std::string text = {};  // as the template wrote it
  std::string tail = {};  // the template's text after the last text from the messages
  std::optional<ReasoningMarks> reasoning = {};
  std::optional<ToolFormat> tool_format = {};  // with the tools that may be called
  std::vector<ToolName> tools = {};
  bool parallel_calls = true;
  // Where tool_choice wants a call: how it is written, what each tool takes, and which tool (empty: any).
  bool must_call = false;
  std::string must_call_name = {};
  ToolCallMarks marks = {};
  std::vector<Json> parameters = {};
};

// Reads messages, tools, tool_choice and the variables of the template, renders and encodes them.
ChatPrompt read_chat_prompt(Fields& fields, const ServedModel& model);

}  // namespace ttt::server
