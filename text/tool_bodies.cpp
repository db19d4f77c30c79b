#include "text/tool_bodies.h"

#include <algorithm>

#include "base/json.h"
#include "text/begun_mark.h"

namespace ttt {
namespace {

std::string_view trimmed(std::string_view s) {
  s.remove_prefix(std::min(s.find_first_not_of(kBlank), s.size()));
  return s.substr(0, s.find_last_not_of(kBlank) + 1);
}

std::optional<Json> parsed(std::string_view s) {
  try {
    return Json::parse(s, "call", {.wide_integers = false});
  } catch (const Error&) {
    return std::nullopt;
  }
}

const ToolName* tool_named(std::span<const ToolName> tools, std::string_view name) {
  const auto found = std::ranges::find(tools, name, &ToolName::name);
  return found == tools.end() ? nullptr : &*found;
}

// An object, or a string that spells one.
std::optional<std::string> arguments_of(const Json* value) {
  if (value == nullptr || value->is_null()) return "{}";
  if (value->is_object()) return value->dump();
  if (!value->is_string()) return std::nullopt;
  const std::optional<Json> inner = parsed(value->as_string({}));
  if (!inner || !inner->is_object()) return std::nullopt;
  return inner->dump();
}

bool add_object(const Json& call, std::span<const ToolName> tools, std::vector<ToolCall>& calls) {
  if (!call.is_object()) return false;
  const Json* inner = call.find("function");  // {"type": "function", "function": {...}}
  if (inner != nullptr && inner->is_object()) return add_object(*inner, tools, calls);
  const Json* name = call.find("name");
  if (name == nullptr) name = call.find("tool_name");
  if (name == nullptr || !name->is_string() || tool_named(tools, name->as_string({})) == nullptr) return false;
  const Json* arguments = call.find("arguments");
  if (arguments == nullptr) arguments = call.find("parameters");
  std::optional<std::string> object = arguments_of(arguments);
  if (!object) return false;
  calls.push_back({.name = name->as_string({}), .arguments = *std::move(object)});
  return true;
}

// Bytes of the JSON object or list at the front; 0 where it does not end.
std::size_t value_length(std::string_view s) {
  std::int64_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const char c = s[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) return i + 1;
  }
  return 0;
}

// Objects, or lists of objects, one after the other, with blanks, ";", "," or `mark` between them.
std::optional<ToolBody> read_values(std::string_view body, std::string_view mark, std::span<const ToolName> tools) {
  ToolBody result;
  while (true) {
    body.remove_prefix(std::min(body.find_first_not_of(" \t\r\n;,"), body.size()));
    if (!mark.empty() && body.starts_with(mark)) {
      body.remove_prefix(mark.size());
      continue;
    }
    if (body.empty()) break;
    const std::size_t length = body.front() == '{' || body.front() == '[' ? value_length(body) : 0;
    if (length == 0) return std::nullopt;
    const std::optional<Json> value = parsed(body.substr(0, length));
    body.remove_prefix(length);
    if (!value) return std::nullopt;
    if (!value->is_array()) {
      if (!add_object(*value, tools, result.calls)) return std::nullopt;
      continue;
    }
    for (const Json& call : value->as_array({})) {
      if (!add_object(call, tools, result.calls)) return std::nullopt;
    }
  }
  if (result.calls.empty()) return std::nullopt;
  return result;
}

// A name and the text of an object.
bool add_named(std::string_view name, std::string_view object, std::span<const ToolName> tools,
               std::vector<ToolCall>& calls) {
  const std::optional<Json> arguments = parsed(trimmed(object));
  if (!arguments || !arguments->is_object() || tool_named(tools, trimmed(name)) == nullptr) return false;
  calls.push_back({.name = std::string(trimmed(name)), .arguments = arguments->dump()});
  return true;
}

// [TOOL_CALLS]NAME[CALL_ID]ID[ARGS]{...}, any number of them.
std::optional<ToolBody> read_named_arguments(std::string_view body, std::span<const ToolName> tools) {
  constexpr std::string_view kMark = "[TOOL_CALLS]", kArguments = "[ARGS]", kId = "[CALL_ID]";
  ToolBody result;
  while (!trimmed(body).empty()) {
    const std::size_t object = body.find('{');
    if (object == std::string_view::npos) return std::nullopt;
    const std::size_t length = value_length(body.substr(object));
    if (length == 0) return std::nullopt;
    std::string_view name = trimmed(body.substr(0, object));
    if (name.ends_with(kArguments)) name.remove_suffix(kArguments.size());
    name = name.substr(0, name.find(kId));
    if (!add_named(name, body.substr(object, length), tools, result.calls)) return std::nullopt;
    body = trimmed(body.substr(object + length));
    if (body.starts_with(kMark)) body.remove_prefix(kMark.size());
  }
  if (result.calls.empty()) return std::nullopt;
  return result;
}

std::optional<ToolBody> read_harmony(std::string_view open, std::string_view body, std::span<const ToolName> tools) {
  constexpr std::string_view kMessage = "<|message|>", kFunctions = "functions.";
  const std::size_t message = body.find(kMessage);
  if (message == std::string_view::npos) return std::nullopt;
  const std::string_view head = body.substr(0, message), content = body.substr(message + kMessage.size());
  std::size_t name = 0;
  if (!open.ends_with(kFunctions)) {
    name = head.find(kFunctions);
    // A preamble: what the model says to the user before it calls.
    if (name == std::string_view::npos) return ToolBody{.text = std::string(content)};
    name += kFunctions.size();
  }
  const std::string_view rest = head.substr(name);
  ToolBody result;
  if (!add_named(rest.substr(0, rest.find_first_of(" <\n")), content, tools, result.calls)) return std::nullopt;
  return result;
}

std::optional<ToolBody> read_deepseek(std::string_view body, std::span<const ToolName> tools) {
  constexpr std::string_view kBegin = "<｜tool▁call▁begin｜>", kSeparator = "<｜tool▁sep｜>",
                             kEnd = "<｜tool▁call▁end｜>";
  ToolBody result;
  for (std::size_t at = body.find(kBegin); at != std::string_view::npos; at = body.find(kBegin)) {
    body.remove_prefix(at + kBegin.size());
    const std::size_t end = std::min(body.find(kEnd), body.size());
    const std::string_view call = body.substr(0, end);
    body.remove_prefix(end);
    const std::size_t separator = call.find(kSeparator);
    if (separator == std::string_view::npos) return std::nullopt;
    std::string_view name = trimmed(call.substr(0, separator)), rest = call.substr(separator + kSeparator.size());
    // The older form: function<sep>NAME, then the object in a block of code.
    if (name == "function" && tool_named(tools, name) == nullptr) {
      const std::size_t line = std::min(rest.find('\n'), rest.size());
      name = trimmed(rest.substr(0, line));
      rest = rest.substr(line);
    }
    const std::size_t object = rest.find('{');
    if (object == std::string_view::npos) return std::nullopt;
    const std::size_t length = value_length(rest.substr(object));
    if (length == 0 || !add_named(name, rest.substr(object, length), tools, result.calls)) return std::nullopt;
  }
  if (result.calls.empty()) return std::nullopt;
  return result;
}

// A value that is written without quotes where it is a string.
Json plain_value(const ToolName& tool, const std::string& name, std::string_view value) {
  if (std::ranges::find(tool.strings, name) != tool.strings.end()) return value;
  const std::optional<Json> json = parsed(trimmed(value));
  return json ? *json : Json(value);
}

std::string_view without_line_ends(std::string_view s) {
  if (s.starts_with('\n')) s.remove_prefix(1);
  if (s.ends_with('\n')) s.remove_suffix(1);
  return s;
}

// Pairs of a name between `open` and `middle` and a value up to `close`.
std::optional<Json> read_pairs(std::string_view body, std::string_view open, std::string_view middle,
                               std::string_view close, const ToolName& tool) {
  Json arguments{Json::Object{}};
  for (std::size_t at = body.find(open); at != std::string_view::npos; at = body.find(open)) {
    body.remove_prefix(at + open.size());
    const std::size_t mid = body.find(middle);
    if (mid == std::string_view::npos) return std::nullopt;
    const std::string name(trimmed(body.substr(0, mid)));
    body.remove_prefix(mid + middle.size());
    const std::size_t end = body.find(close);
    if (end == std::string_view::npos) return std::nullopt;
    arguments.set(name, plain_value(tool, name, without_line_ends(body.substr(0, end))));
    body.remove_prefix(end + close.size());
  }
  return arguments;
}

std::optional<ToolBody> read_pairs_of(std::string_view name, std::string_view body, std::string_view open,
                                      std::string_view middle, std::string_view close,
                                      std::span<const ToolName> tools) {
  const ToolName* tool = tool_named(tools, trimmed(name));
  if (tool == nullptr) return std::nullopt;
  const std::optional<Json> arguments = read_pairs(body, open, middle, close, *tool);
  if (!arguments) return std::nullopt;
  return ToolBody{.calls = {{.name = tool->name, .arguments = arguments->dump()}}};
}

// JSON; <function=NAME> with <parameter=KEY>VALUE</parameter> (Qwen3-Coder); NAME with <arg_key> and <arg_value> (GLM).
std::optional<ToolBody> read_hermes(std::string_view body, std::span<const ToolName> tools) {
  const std::string_view s = trimmed(body);
  constexpr std::string_view kFunction = "<function=", kKey = "<arg_key>";
  if (s.starts_with(kFunction)) {
    const std::size_t end = s.find('>');
    if (end == std::string_view::npos) return std::nullopt;
    return read_pairs_of(s.substr(kFunction.size(), end - kFunction.size()), s.substr(end + 1), "<parameter=", ">",
                         "</parameter>", tools);
  }
  if (!s.starts_with('{') && !s.starts_with('[')) {
    const std::size_t end = std::min(s.find(kKey), s.size());
    return read_pairs_of(s.substr(0, end), s.substr(end), kKey, "</arg_key>\n<arg_value>", "</arg_value>", tools);
  }
  return read_values(s, {}, tools);
}

}  // namespace

std::optional<ToolBody> read_tool_body(ToolFormat format, std::string_view open, std::string_view body,
                                       std::span<const ToolName> tools) {
  switch (format) {
    case ToolFormat::kHermes:
      return read_hermes(body, tools);
    case ToolFormat::kMistral:
      return trimmed(body).starts_with('[') ? read_values(body, open, tools) : read_named_arguments(body, tools);
    case ToolFormat::kHarmony:
      return read_harmony(open, body, tools);
    case ToolFormat::kDeepSeek:
      return read_deepseek(text(open, body), tools);
    default:
      return read_values(body, open, tools);
  }
}

}  // namespace ttt
