#include "server/structured.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "server/chat_prompt.h"
#include "text/tool_marks.h"

namespace ttt::server {
namespace {

using Constraint = std::shared_ptr<const TokenConstraint>;

// A language and the field that asks for it.
struct Structure {
  std::string param = {}, key = {};
  std::function<Grammar(const GrammarOptions&)> compile = {};
};

std::string gbnf_literal(std::string_view text) {
  std::string s = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') s.push_back('\\');
    s += c == '\n' ? std::string("\\n") : c == '\r' ? std::string("\\r") : std::string(1, c);
  }
  return s + "\"";
}

// A schema as an object, or as the text of one.
Structure schema_structure(const std::string& param, const Json& value) {
  Json schema = value;
  if (value.is_string()) {
    try {
      schema = Json::parse(value.as_string({}), param);
    } catch (const Error& e) {
      refuse(param, e.what());
    }
  }
  if (!schema.is_object() && !schema.is_bool()) {
    refuse(param, text(param, " wanted a JSON schema, got ", schema.type_name()), "invalid_type");
  }
  return {.param = param, .key = "schema " + schema.dump(), .compile = [schema](const GrammarOptions& options) {
            return json_schema_grammar(schema, options);
          }};
}

Structure object_structure(const std::string& param) {
  return {.param = param, .key = "object", .compile = [](const GrammarOptions& o) { return json_object_grammar(o); }};
}

Structure regex_structure(const std::string& param, const std::string& expression) {
  return {.param = param, .key = "regex " + expression, .compile = [expression](const GrammarOptions& options) {
            return regex_grammar(expression, options);
          }};
}

Structure grammar_structure(const std::string& param, const std::string& grammar) {
  return {.param = param, .key = "grammar " + grammar, .compile = [grammar](const GrammarOptions& options) {
            return gbnf_grammar(grammar, options);
          }};
}

Structure choice_structure(const std::string& param, const Json::Array& choices) {
  constexpr std::size_t kMost = 1024;
  if (choices.empty() || choices.size() > kMost) {
    refuse(param, text(param, " wanted 1 .. ", kMost, " texts, got ", choices.size()));
  }
  std::string rule = "root ::= ";
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (!choices[i].is_string() || choices[i].as_string({}).empty()) {
      refuse(param, text(param, " wanted texts that are not empty"), "invalid_type");
    }
    rule += (i == 0 ? "" : " | ") + gbnf_literal(choices[i].as_string({}));
  }
  return grammar_structure(param, rule);
}

// The fields of one kind each, with a prefix: guided_json and structured_outputs.json.
void read_kinds(Fields& fields, const std::string& prefix, std::vector<Structure>& found) {
  const auto add = [&](Structure s) { found.push_back(std::move(s)); };
  const std::string json = prefix + "json", regex = prefix + "regex", choice = prefix + "choice",
                    grammar = prefix + "grammar";
  if (const Json* v = fields.value(json)) add(schema_structure(fields.path(json), *v));
  if (const auto v = fields.string(regex)) add(regex_structure(fields.path(regex), *v));
  if (const Json::Array* v = fields.array(choice)) add(choice_structure(fields.path(choice), *v));
  if (const auto v = fields.string(grammar)) add(grammar_structure(fields.path(grammar), *v));
}

std::optional<Structure> read_format(const Json& value, const std::string& param) {
  Fields format(value, param + ".");
  const std::string type = format.required_string("type");
  if (type == "text") return std::nullopt;
  if (type == "json_object") return object_structure(param);
  if (type != "json_schema") {
    refuse(param + ".type", text(param, ".type wanted text, json_object or json_schema, got ", Json(type).dump()));
  }
  // The Responses API has the schema beside the type.
  if (const Json* schema = format.value("schema")) return schema_structure(param + ".schema", *schema);
  const std::string inner = param + ".json_schema";
  const Json* named = format.object("json_schema");
  if (named == nullptr) refuse(inner, inner + " is missing", "missing_required_parameter");
  const Json* schema = named->find("schema");
  if (schema == nullptr) refuse(inner + ".schema", inner + ".schema is missing", "missing_required_parameter");
  return schema_structure(inner + ".schema", *schema);
}

Constraint compiled(const Structure& s, const ServedModel& model, const std::shared_ptr<ConstraintCache>& cache) {
  if (!cache) refuse_unsupported(s.param, text(s.param, " is not supported by this model: ", model.no_grammar));
  try {
    return cache->get(s.key, [&] { return s.compile({.where = s.param}); });
  } catch (const Error& e) {
    refuse(s.param, e.what(), e.kind() == ErrorKind::kUnsupported ? "unsupported_structure" : "invalid_structure");
  }
}

// Calls of the tools.
Constraint constraint_of_tools(const ChatPrompt& prompt, const ServedModel& model) {
  std::vector<Tool> tools;
  std::string key = "tools " + std::string(name_of(*prompt.tool_format));
  for (std::size_t i = 0; i < prompt.tools.size(); ++i) {
    if (!prompt.must_call_name.empty() && prompt.tools[i].name != prompt.must_call_name) continue;
    tools.push_back({.name = prompt.tools[i].name, .parameters = prompt.parameters[i]});
    key += text(" ", tools.back().name, " ", tools.back().parameters.dump());
  }
  const bool several =
      prompt.parallel_calls && prompt.must_call_name.empty() && prompt.tool_format != ToolFormat::kHarmony;
  key += several ? " several" : " one";
  const Structure s{.param = "tools", .key = key, .compile = [&](const GrammarOptions& options) {
                      return tool_call_grammar(tools, prompt.marks, {.several = several}, options);
                    }};
  return compiled(s, model, model.tool_structures);
}

}  // namespace

Constraint read_structure(Fields& fields, const ServedModel& model) {
  std::vector<Structure> found;
  if (const Json* format = fields.object("response_format")) {
    if (auto s = read_format(*format, "response_format")) found.push_back(*std::move(s));
  }
  if (const Json* options = fields.object("text")) {  // of the Responses API
    const Json* format = options->find("format");
    if (format != nullptr && !format->is_null()) {
      if (auto s = read_format(*format, "text.format")) found.push_back(*std::move(s));
    }
  }
  read_kinds(fields, "guided_", found);
  if (const Json* v = fields.value("json_schema")) found.push_back(schema_structure("json_schema", *v));
  if (const auto v = fields.string("regex")) found.push_back(regex_structure("regex", *v));
  if (const auto v = fields.string("grammar")) found.push_back(grammar_structure("grammar", *v));
  if (const Json* outputs = fields.object("structured_outputs")) {
    Fields inner(*outputs, "structured_outputs.");
    read_kinds(inner, "", found);
    if (inner.boolean("json_object").value_or(false)) {
      found.push_back(object_structure("structured_outputs.json_object"));
    }
    for (const char* name : {"structural_tag", "whitespace_pattern"}) inner.unsupported(name, "it is not known here");
  }
  for (const char* name : {"guided_decoding_backend", "guided_whitespace_pattern"}) {
    fields.unsupported(name, "there is one compiler of grammars");
  }
  if (found.empty()) return nullptr;
  if (found.size() > 1) {
    refuse(found[1].param, text(found[0].param, " and ", found[1].param, " exclude each other"));
  }
  return compiled(found.front(), model, model.structures);
}

void constrain(EngineRequest& request, ChatPrompt& prompt, Fields& fields, const ServedModel& model) {
  request.constraint = read_structure(fields, model);
  if (prompt.must_call) {
    if (request.constraint)
      refuse("tool_choice", "tool_choice that wants a call, and a structure of the answer, exclude each other");
    request.constraint = constraint_of_tools(prompt, model);
  }
  if (!request.constraint) return;
  prompt.reasoning.reset();
  // The structure is the whole answer: text of it is no call.
  if (!prompt.must_call) prompt.tool_format.reset();
}

}  // namespace ttt::server
