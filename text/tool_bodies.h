#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tool_calls.h"

namespace ttt {

// What stands between the marks of calls. `text` instead of calls where a body is text to be shown.
struct ToolBody {
  std::vector<ToolCall> calls = {};
  std::string text = {};
};

// Nothing where the body is no call of one of `tools`. `open`: the mark before the body.
std::optional<ToolBody> read_tool_body(ToolFormat format, std::string_view open, std::string_view body,
                                       std::span<const ToolName> tools);

}  // namespace ttt
