#include "text/chat_template.h"

#include <algorithm>
#include <array>
#include <utility>

#include "text/template/marked_text.h"

namespace ttt {
namespace {

constexpr std::array<std::string_view, 3> kReasoning{"reasoning_content", "thinking", "reasoning"};

// A message without its null members, with its reasoning under the names that templates read it by.
Json normalized(const Json& message, const std::string& where) {
  Json::Object kept;
  for (const auto& [key, value] : message.as_object(where)) {
    if (!value.is_null()) kept.emplace_back(key, value);
  }
  Json out(std::move(kept));
  for (const std::string_view name : kReasoning) {
    if (const Json* found = out.find(name)) {
      const Json reasoning = *found;
      // Where it is added it stands first, as in transformers.
      if (out.find("thinking") == nullptr) {
        Json::Object with{{"thinking", reasoning}};
        for (const auto& member : out.as_object(where)) with.push_back(member);
        out = Json(std::move(with));
      }
      out.set("reasoning_content", reasoning);
      break;
    }
  }
  return out;
}

// Nothing, or a list of objects.
Json objects(const Json* value, const std::string& where) {
  if (value == nullptr || value->is_null()) return {};
  for (const Json& item : value->as_array(where)) item.as_object(where);
  return *value;
}

bool is_blank(const std::string& s) {
  const jinja::Text t = jinja::to_text(s);
  return std::all_of(t.begin(), t.end(), jinja::is_space);
}

}  // namespace

const ChatTemplates::Named& ChatTemplates::choose(const std::optional<std::string>& name, bool with_tools) const {
  require(!all.empty(), ErrorKind::kBadData, where, ": there is no chat template");
  const auto named = [&](std::string_view wanted) {
    return std::find_if(all.begin(), all.end(), [&](const Named& t) { return t.name == wanted; });
  };
  std::string names;
  for (const Named& t : all) names += text(names.empty() ? "" : ", ", t.name);
  if (name) {
    const auto found = named(*name);
    require(found != all.end(), ErrorKind::kUsage, where, ": there is no chat template \"", *name,
            "\"; there are: ", names);
    return *found;
  }
  if (with_tools && named("tool_use") != all.end()) return *named("tool_use");
  require(named("default") != all.end(), ErrorKind::kBadData, where,
          ": no chat template is the default, so that one has to be named; there are: ", names);
  return *named("default");
}

std::vector<ChatTemplates::Named> read_chat_templates(const Json& value, const std::string& where) {
  std::vector<ChatTemplates::Named> all;
  if (value.is_null()) return all;
  if (!value.is_array()) {
    all.push_back({.name = "default", .where = where, .source = value.as_string(where)});
    return all;
  }
  for (const Json& item : value.as_array(where)) {
    const std::string& name = item.at("name", where).as_string(where);
    std::erase_if(all, [&](const ChatTemplates::Named& t) { return t.name == name; });
    all.push_back(
        {.name = name, .where = text(where, " \"", name, "\""), .source = item.at("template", where).as_string(where)});
  }
  return all;
}

ChatTemplate::ChatTemplate(std::string_view source, std::string where, Json special_tokens,
                           const TemplateLimits& limits)
    : where_(std::move(where)),
      special_tokens_(std::move(special_tokens)),
      template_(Template::parse(source, where_, limits)),
      literals_(template_.literals()) {}

Rendered ChatTemplate::render(const Json& request, const RenderOptions& options) const {
  const std::string here = "request";
  require(request.is_object(), ErrorKind::kBadData, here, " wanted object, got ", request.type_name());
  const Json* continued = request.find("continue_final_message");
  require(continued == nullptr || continued->is_null() || *continued == Json(false), ErrorKind::kUnsupported, here,
          ": continue_final_message is not supported");
  Json::Array messages;
  const Json& given = request.at("messages", here);
  for (const Json& m : given.as_array(here + " messages")) {
    messages.push_back(normalized(m, text(here, " messages[", messages.size(), "]")));
  }
  require(!messages.empty(), ErrorKind::kBadData, here, " messages wanted at least one message");
  Json::Object variables;
  variables.emplace_back("messages", std::move(messages));
  variables.emplace_back("tools", objects(request.find("tools"), here + " tools"));
  variables.emplace_back("documents", objects(request.find("documents"), here + " documents"));
  const Json* prompt = request.find("add_generation_prompt");
  variables.emplace_back("add_generation_prompt", prompt == nullptr ? Json(false) : *prompt);
  Json trusted = special_tokens_;
  for (const auto& [key, value] : request.as_object(here)) {
    const bool known =
        std::any_of(variables.begin(), variables.begin() + 4, [&name = key](const auto& v) { return v.first == name; });
    if (!known) variables.emplace_back(key, value);
  }
  return template_.render(Json(std::move(variables)), trusted, options);
}

std::vector<std::int32_t> ChatTemplate::control_ids(const Tokenizer& tokenizer) const {
  std::vector<std::int32_t> ids;
  for (const std::int32_t id : tokenizer.added_ids()) {
    // White space is text, also where it is a token of its own.
    const std::string& content = tokenizer.token_text(id);
    if (!is_blank(content) && literals_.find(content) != std::string::npos) ids.push_back(id);
  }
  return ids;
}

std::vector<std::int32_t> encode_rendered(const Tokenizer& tokenizer, const Rendered& rendered,
                                          std::span<const std::int32_t> control_ids) {
  return tokenizer.encode(rendered.text, {.add_special = false, .plain = rendered.input, .controls = control_ids});
}

}  // namespace ttt
