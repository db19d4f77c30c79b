#include "text/tool_marks.h"

namespace ttt {

ToolCallMarks tool_call_marks(ToolFormat format, std::string_view source) {
  const auto has = [&](std::string_view s) { return source.find(s) != std::string_view::npos; };
  switch (format) {
    case ToolFormat::kHermes:
      return {.call_begin = "<tool_call>\n{\"name\": \"",
              .name_end = "\", \"arguments\": ",
              .call_end = "}\n</tool_call>",
              .between = "\n"};
    case ToolFormat::kLlama3:
      return {.call_begin = "{\"name\": \"", .name_end = "\", \"parameters\": ", .call_end = "}", .between = "; "};
    case ToolFormat::kMistral:
      if (has("[ARGS]")) return {.call_begin = "[TOOL_CALLS]", .name_end = "[ARGS]"};
      return {.begin = "[TOOL_CALLS][",
              .call_begin = "{\"name\": \"",
              .name_end = "\", \"arguments\": ",
              .call_end = "}",
              .between = ", ",
              .end = "]"};
    case ToolFormat::kHarmony:
      return {.call_begin = "<|channel|>commentary to=functions.", .name_end = " <|constrain|>json<|message|>"};
    case ToolFormat::kDeepSeek:
      if (has("```json")) {
        return {.begin = "<｜tool▁calls▁begin｜>",
                .call_begin = "<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
                .name_end = "\n```json\n",
                .call_end = "\n```<｜tool▁call▁end｜>",
                .between = "\n",
                .end = "<｜tool▁calls▁end｜>"};
      }
      return {.begin = "<｜tool▁calls▁begin｜>",
              .call_begin = "<｜tool▁call▁begin｜>",
              .name_end = "<｜tool▁sep｜>",
              .call_end = "<｜tool▁call▁end｜>",
              .end = "<｜tool▁calls▁end｜>"};
    case ToolFormat::kCohere: {
      const bool marked = has("<|START_ACTION|>");
      return {.begin = marked ? "<|START_ACTION|>[" : "Action: ```json\n[",
              .call_begin = "{\"tool_name\": \"",
              .name_end = "\", \"parameters\": ",
              .call_end = "}",
              .between = ", ",
              .end = marked ? "]<|END_ACTION|>" : "]\n```"};
    }
    default: {
      if (!has("<|tool_call|>")) {
        return {.call_begin = "<function_call> {\"name\": \"",
                .name_end = "\", \"arguments\": ",
                .call_end = "}",
                .between = " "};
      }
      return {.begin = "<|tool_call|>[",
              .call_begin = "{\"name\": \"",
              .name_end = "\", \"arguments\": ",
              .call_end = "}",
              .between = ", ",
              .end = "]"};
    }
  }
}

}  // namespace ttt
