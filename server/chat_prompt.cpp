#include "server/chat_prompt.h"

#include <algorithm>
#include <utility>

#include "runtime/chat.h"

namespace ttt::server {
namespace {

constexpr std::string_view kBlank = " \t\r\n\f\v";

// Text, or a list of parts that are all text, as one text.
Json read_content(const Json& content, const std::string& param) {
  if (content.is_string()) return content;
  if (!content.is_array()) {
    refuse(param, text(param, " wanted a string or a list of parts, got ", content.type_name()), "invalid_type");
  }
  std::string joined;
  const Json::Array& parts = content.as_array({});
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string where = text(param, "[", i, "]");
    Fields part(parts[i], where + ".");
    const std::string type = part.required_string("type");
    if (type == "refusal") {
      joined += (joined.empty() ? "" : "\n") + part.required_string("refusal");
      continue;
    }
    if (type != "text" && type != "input_text" && type != "output_text") {
      refuse_unsupported(where + ".type",
                         text(where, ".type wanted text, got ", Json(type).dump(), ": the model reads no other"));
    }
    joined += (joined.empty() ? "" : "\n") + part.required_string("text");
  }
  return joined;
}

// As templates read it: with the arguments as an object.
Json read_call(const Json& call, const std::string& where) {
  Fields fields(call, where + ".");
  Json result{Json::Object{}};
  if (const auto id = fields.string("id")) result.set("id", *id);
  result.set("type", fields.string("type").value_or("function"));
  const Json* function = fields.object("function");
  if (function == nullptr) refuse(where + ".function", where + ".function is missing", "missing_required_parameter");
  Fields inner(*function, where + ".function.");
  Json made{Json::Object{}};
  made.set("name", inner.required_string("name"));
  const Json* arguments = inner.value("arguments");
  Json object{Json::Object{}};
  if (arguments != nullptr && arguments->is_object()) {
    object = *arguments;
  } else if (arguments != nullptr) {
    const std::string param = where + ".function.arguments";
    const std::string s = inner.string("arguments").value_or("");
    try {
      if (s.find_first_not_of(kBlank) != std::string::npos) object = Json::parse(s, param, {.wide_integers = false});
    } catch (const Error& e) {
      refuse(param, e.what());
    }
    if (!object.is_object()) refuse(param, text(param, " wanted a JSON object, got ", object.type_name()));
  }
  made.set("arguments", std::move(object));
  result.set("function", std::move(made));
  return result;
}

Json read_message(const Json& message, std::size_t index, bool knows_developer) {
  const std::string where = text("messages[", index, "]");
  Fields fields(message, where + ".");
  std::string role = fields.required_string("role");
  const bool known = role == "system" || role == "developer" || role == "user" || role == "assistant" ||
                     role == "tool" || role == "function";
  if (!known) {
    refuse(where + ".role",
           text(where, ".role wanted system, developer, user, assistant or tool, got ", Json(role).dump()));
  }
  if (role == "developer" && !knows_developer) role = "system";
  Json result{Json::Object{}};
  result.set("role", role);
  const Json* content = fields.value("content");
  const Json::Array* calls = role == "assistant" ? fields.array("tool_calls") : nullptr;
  if (content != nullptr) {
    result.set("content", read_content(*content, where + ".content"));
  } else if (calls == nullptr || calls->empty()) {
    if (role != "assistant" || fields.value("reasoning_content") == nullptr) {
      refuse(where + ".content", where + ".content is missing", "missing_required_parameter");
    }
    result.set("content", "");
  } else {
    result.set("content", "");
  }
  for (const char* name : {"name", "tool_call_id", "reasoning_content", "reasoning", "thinking"}) {
    if (const auto s = fields.string(name)) result.set(name, *s);
  }
  if (calls != nullptr && !calls->empty()) {
    Json list{Json::Array{}};
    for (std::size_t i = 0; i < calls->size(); ++i)
      list.push(read_call((*calls)[i], text(where, ".tool_calls[", i, "]")));
    result.set("tool_calls", std::move(list));
  }
  return result;
}

ToolName read_tool(const Json& tool, std::size_t index) {
  const std::string where = text("tools[", index, "]");
  Fields fields(tool, where + ".");
  const std::string type = fields.required_string("type");
  if (type != "function") {
    refuse_unsupported(where + ".type", text(where, ".type wanted function, got ", Json(type).dump()));
  }
  const Json* function = fields.object("function");
  if (function == nullptr) refuse(where + ".function", where + ".function is missing", "missing_required_parameter");
  Fields inner(*function, where + ".function.");
  ToolName name{.name = inner.required_string("name")};
  const auto is_word = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' ||
           c == '.';
  };
  if (name.name.empty() || name.name.size() > 256 || !std::ranges::all_of(name.name, is_word)) {
    refuse(where + ".function.name",
           text(where, ".function.name wanted letters, digits, _, - and ., got ", Json(name.name).dump()));
  }
  inner.string("description");
  const Json* parameters = inner.object("parameters");
  const Json* properties = parameters == nullptr ? nullptr : parameters->find("properties");
  if (properties == nullptr || !properties->is_object()) return name;
  for (const auto& [parameter, schema] : properties->as_object({})) {
    const Json* kind = schema.find("type");
    if (kind != nullptr && *kind == Json("string")) name.strings.push_back(parameter);
  }
  return name;
}

struct ToolChoice {
  bool calls = false, must = false;
  std::string name = {};  // of the one that must be called
};

ToolChoice read_tool_choice(Fields& fields, const std::vector<ToolName>& tools) {
  const Json* v = fields.value("tool_choice");
  if (v == nullptr) return {.calls = !tools.empty()};
  if (*v == Json("none")) return {};
  if (!v->is_string() && !v->is_object()) fields.refuse_type("tool_choice", "none, auto, required or an object", *v);
  if (*v == Json("auto")) return {.calls = !tools.empty()};
  if (tools.empty()) refuse("tool_choice", "tool_choice wanted tools, got none");
  if (*v == Json("required")) return {.calls = true, .must = true};
  if (v->is_string()) fields.refuse_type("tool_choice", "none, auto, required or an object", *v);
  Fields choice(*v, "tool_choice.");
  const std::string type = choice.required_string("type");
  if (type != "function")
    refuse_unsupported("tool_choice.type", "tool_choice.type wanted function, got " + Json(type).dump());
  const Json* function = choice.object("function");  // the Responses API has the name beside the type
  Fields inner(function == nullptr ? *v : *function, function == nullptr ? "tool_choice." : "tool_choice.function.");
  std::string name = inner.required_string("name");
  if (std::ranges::find(tools, name, &ToolName::name) == tools.end()) {
    refuse(inner.path("name"), text(inner.path("name"), " wanted one of the tools, got ", Json(name).dump()));
  }
  return {.calls = true, .must = true, .name = std::move(name)};
}

// What transformers does for continue_final_message: ends the text after the content of the last message.
void cut_after_final(Rendered& rendered, const std::string& content) {
  const auto first = std::min(content.find_first_not_of(kBlank), content.size());
  const std::string trimmed = content.substr(first, content.find_last_not_of(kBlank) + 1 - first);
  const std::size_t at = trimmed.empty() ? std::string::npos : rendered.text.rfind(trimmed);
  if (at == std::string::npos) {
    refuse("continue_final_message", "continue_final_message: the template does not write the last message's content");
  }
  const std::string with_end = content.substr(first);
  const bool whole = rendered.text.compare(at, with_end.size(), with_end) == 0;
  const std::size_t end = at + (whole ? with_end.size() : trimmed.size());
  rendered.text.resize(end);
  std::erase_if(rendered.input, [&](const TextRange& r) { return r.begin >= end; });
  for (TextRange& r : rendered.input) r.end = std::min(r.end, end);
}

const ServedTemplate& template_for(const ServedModel& model, bool with_tools) {
  if (!model.chat) refuse("messages", model.no_chat, "no_chat_template");
  return with_tools && model.tool_chat ? *model.tool_chat : *model.chat;
}

Rendered render(const ServedTemplate& t, const Json& request) {
  try {
    return t.chat_template.render(request);
  } catch (const Error& e) {
    refuse("messages", text("the chat template: ", e.what()),
           e.kind() == ErrorKind::kUnsupported ? "unsupported_template" : "template_error");
  }
}

}  // namespace

ChatPrompt read_chat_prompt(Fields& fields, const ServedModel& model) {
  for (const char* name : {"functions", "function_call"}) fields.unsupported(name, "tools and tool_choice replace it");
  fields.unsupported("chat_template", "the template is the server's");
  fields.unsupported("audio", "the model writes text");
  fields.unsupported("prediction", "there are no predicted outputs");
  fields.unsupported("web_search_options", "the server searches nothing");
  fields.unsupported("modalities", "the model writes text", Json::Array{"text"});
  fields.unsupported("echo", "it is a parameter of /v1/completions", false);
  const Json::Array* messages = fields.array("messages");
  if (messages == nullptr) refuse("messages", "messages is missing", "missing_required_parameter");
  if (messages->empty()) refuse("messages", "messages wanted at least one, got none");

  ChatPrompt prompt;
  const Json::Array* tools = fields.array("tools");
  const bool has_tools = tools != nullptr && !tools->empty();
  constexpr std::size_t kMostTools = 1024;
  if (has_tools && tools->size() > kMostTools)
    refuse("tools", text("tools wanted at most ", kMostTools, ", got ", tools->size()));
  for (std::size_t i = 0; has_tools && i < tools->size(); ++i) prompt.tools.push_back(read_tool((*tools)[i], i));
  const ToolChoice choice = read_tool_choice(fields, prompt.tools);
  const bool calls = choice.calls;
  prompt.parallel_calls = fields.boolean("parallel_tool_calls").value_or(true);
  const ServedTemplate& t = template_for(model, calls);
  prompt.reasoning = t.reasoning;
  if (calls) {
    if (!t.tools) {
      refuse_unsupported("tools",
                         "tools are not supported by this model: its chat template names no known form of calls");
    }
    prompt.tool_format = t.tools;
    prompt.must_call = choice.must;
    prompt.must_call_name = choice.name;
    prompt.marks = tool_call_marks(*t.tools, t.source);
    for (const Json& tool : *tools) {
      const Json* parameters = tool.at("function", "tool").find("parameters");
      prompt.parameters.push_back(parameters == nullptr ? Json() : *parameters);
    }
  }

  const bool knows_developer = t.source.find("developer") != std::string::npos;
  Json request{Json::Object{}};
  Json list{Json::Array{}};
  for (std::size_t i = 0; i < messages->size(); ++i) list.push(read_message((*messages)[i], i, knows_developer));
  const bool continues = fields.boolean("continue_final_message").value_or(false);
  const bool opens = fields.boolean("add_generation_prompt").value_or(!continues);
  if (continues && opens) {
    refuse("continue_final_message", "continue_final_message and add_generation_prompt exclude each other");
  }
  std::string last;
  if (continues) {
    const Json* content = list.as_array({}).back().find("content");
    last = content->as_string({});
  }
  request.set("messages", std::move(list));
  if (calls) request.set("tools", Json(*tools));
  if (const Json::Array* documents = fields.array("documents")) request.set("documents", Json(*documents));
  if (const auto effort = fields.string("reasoning_effort")) request.set("reasoning_effort", *effort);
  if (const Json* variables = fields.object("chat_template_kwargs")) {
    for (const auto& [name, value] : variables->as_object({})) {
      if (name == "messages" || name == "tools" || name == "add_generation_prompt" ||
          name == "continue_final_message") {
        refuse("chat_template_kwargs", text("chat_template_kwargs wanted variables of the template, got ", name));
      }
      request.set(name, value);
    }
  }
  request.set("add_generation_prompt", opens);
  Rendered rendered = render(t, request);
  if (continues) cut_after_final(rendered, last);
  prompt.ids = encode_rendered(*model.tokenizer, rendered, t.controls);
  prompt.tail = rendered.input.empty() ? rendered.text : rendered.text.substr(rendered.input.back().end);
  prompt.text = std::move(rendered.text);
  return prompt;
}

}  // namespace ttt::server
