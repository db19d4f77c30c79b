#pragma once

#include <string_view>

#include "text/grammar/grammar.h"
#include "text/tool_calls.h"

namespace ttt {

// How calls are written in a format, for a grammar that makes the model write some. Formats have variants, which the
// text of the chat template tells apart.
ToolCallMarks tool_call_marks(ToolFormat format, std::string_view template_source);

}  // namespace ttt
