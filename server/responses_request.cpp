#include "server/responses_request.h"

#include <utility>

namespace ttt::server {
namespace {

Json message(std::string_view role, Json content) {
  return Json::Object{{"role", Json(role)}, {"content", std::move(content)}};
}

// Calls that follow each other belong to one message of the assistant.
void add_call(Json::Array& messages, Fields& item) {
  Json function{Json::Object{}};
  function.set("name", item.required_string("name"));
  function.set("arguments", item.string("arguments").value_or("{}"));
  Json call{Json::Object{}};
  call.set("id", item.required_string("call_id"));
  call.set("type", "function");
  call.set("function", std::move(function));
  const Json* role = messages.empty() ? nullptr : messages.back().find("role");
  if (role == nullptr || *role != Json("assistant")) messages.push_back(message("assistant", ""));
  Json& last = messages.back();
  const Json* known = last.find("tool_calls");
  Json calls = known == nullptr ? Json(Json::Array{}) : *known;
  calls.push(std::move(call));
  last.set("tool_calls", std::move(calls));
}

void add_item(Json::Array& messages, const Json& value, std::size_t index) {
  const std::string where = text("input[", index, "]");
  Fields item(value, where + ".");
  const std::string type = item.string("type").value_or("message");
  if (type == "message") {
    const Json* content = item.value("content");
    if (content == nullptr) refuse(where + ".content", where + ".content is missing", "missing_required_parameter");
    return messages.push_back(message(item.required_string("role"), *content));
  }
  if (type == "function_call") return add_call(messages, item);
  if (type == "function_call_output") {
    const Json* output = item.value("output");
    if (output == nullptr) refuse(where + ".output", where + ".output is missing", "missing_required_parameter");
    Json answer = message("tool", *output);
    answer.set("tool_call_id", item.required_string("call_id"));
    return messages.push_back(std::move(answer));
  }
  if (type == "reasoning") return;  // of an earlier answer; templates leave it out
  refuse_unsupported(where + ".type", text(where,
                                           ".type wanted message, function_call, function_call_output or "
                                           "reasoning, got ",
                                           Json(type).dump()));
}

Json tool_of(const Json& value, std::size_t index) {
  const std::string where = text("tools[", index, "]");
  Fields tool(value, where + ".");
  const std::string type = tool.required_string("type");
  if (type != "function") {
    refuse_unsupported(where + ".type", text(where, ".type wanted function, got ", Json(type).dump()));
  }
  Json function{Json::Object{}};
  function.set("name", tool.required_string("name"));
  if (const auto description = tool.string("description")) function.set("description", *description);
  if (const Json* parameters = tool.object("parameters")) function.set("parameters", *parameters);
  return Json::Object{{"type", Json("function")}, {"function", std::move(function)}};
}

}  // namespace

Json chat_of_responses(Fields& fields) {
  for (const char* name : {"previous_response_id", "conversation", "prompt"}) {
    fields.unsupported(name, "the server keeps no responses; input has the whole conversation");
  }
  fields.unsupported("store", "the server keeps no responses", false);
  fields.unsupported("background", "the server keeps no responses", false);
  fields.unsupported("truncation", "a conversation that is too long is refused", "disabled");
  fields.unsupported("include", "there is nothing more to include", Json::Array{});
  Json::Array messages;
  if (const auto instructions = fields.string("instructions")) messages.push_back(message("system", *instructions));
  const Json* input = fields.value("input");
  if (input == nullptr) refuse("input", "input is missing", "missing_required_parameter");
  if (input->is_string()) {
    messages.push_back(message("user", *input));
  } else if (input->is_array()) {
    const Json::Array& items = input->as_array({});
    if (items.empty()) refuse("input", "input wanted at least one item, got none");
    for (std::size_t i = 0; i < items.size(); ++i) add_item(messages, items[i], i);
  } else {
    fields.refuse_type("input", "a string or a list of items", *input);
  }
  Json chat{Json::Object{}};
  if (messages.empty()) refuse("input", "input wanted at least one message, got none");
  chat.set("messages", std::move(messages));
  if (const Json::Array* tools = fields.array("tools"); tools != nullptr && !tools->empty()) {
    Json list{Json::Array{}};
    for (std::size_t i = 0; i < tools->size(); ++i) list.push(tool_of((*tools)[i], i));
    chat.set("tools", std::move(list));
  }
  if (const Json* choice = fields.value("tool_choice")) chat.set("tool_choice", *choice);
  if (const Json* parallel = fields.value("parallel_tool_calls")) chat.set("parallel_tool_calls", *parallel);
  if (const Json* reasoning = fields.object("reasoning")) {
    Fields inner(*reasoning, "reasoning.");
    if (const auto effort = inner.string("effort")) chat.set("reasoning_effort", *effort);
  }
  if (const Json* variables = fields.object("chat_template_kwargs")) chat.set("chat_template_kwargs", *variables);
  for (const char* name : {"max_tool_calls", "stream_options"}) fields.ignore(name);
  return chat;
}

ApiError in_terms_of_responses(ApiError error) {
  constexpr std::string_view kMessages = "messages";
  if (error.param.starts_with(kMessages)) error.param = "input" + error.param.substr(kMessages.size());
  return error;
}

}  // namespace ttt::server
