#include "server/handlers.h"

namespace ttt::server {
namespace {

// What the fields of requests may be: as the handlers check them.
constexpr std::string_view kSampling = R"({
  "model": {"type": ["string", "null"], "description": "one of the served names; absent or empty: the first"},
  "stream": {"type": ["boolean", "null"], "default": false},
  "temperature": {"type": ["number", "null"], "minimum": 0, "maximum": 100},
  "top_p": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
  "top_k": {"type": ["integer", "null"], "minimum": -1, "maximum": 2147483647},
  "min_p": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
  "repetition_penalty": {"type": ["number", "null"], "minimum": 0.001, "maximum": 1000},
  "presence_penalty": {"type": ["number", "null"], "minimum": -2, "maximum": 2},
  "frequency_penalty": {"type": ["number", "null"], "minimum": -2, "maximum": 2},
  "logit_bias": {"type": ["object", "null"], "propertyNames": {"pattern": "^[0-9]+$"},
    "additionalProperties": {"type": "number", "minimum": -100, "maximum": 100}, "maxProperties": 1024},
  "seed": {"type": ["integer", "null"], "minimum": -9223372036854775808, "maximum": 9223372036854775807},
  "n": {"type": ["integer", "null"], "minimum": 1, "maximum": 128, "default": 1},
  "stop": {"anyOf": [{"type": "null"}, {"type": "string", "minLength": 1},
    {"type": "array", "maxItems": 16, "items": {"type": "string", "minLength": 1}}]},
  "stop_token_ids": {"type": ["array", "null"], "items": {"type": "integer", "minimum": 0}, "maxItems": 1024},
  "min_tokens": {"type": ["integer", "null"], "minimum": 0},
  "ignore_eos": {"type": ["boolean", "null"]},
  "skip_special_tokens": {"type": ["boolean", "null"]},
  "include_stop_str_in_output": {"type": ["boolean", "null"]},
  "truncate_prompt_tokens": {"type": ["integer", "null"], "minimum": -1, "maximum": 2147483647},
  "priority": {"type": ["integer", "null"], "minimum": -2147483647, "maximum": 2147483647},
  "cache_salt": {"type": ["string", "null"]},
  "response_format": {"type": ["object", "null"], "required": ["type"],
    "properties": {"type": {"enum": ["text", "json_object", "json_schema"]}}},
  "structured_outputs": {"type": ["object", "null"]},
  "guided_json": {"type": ["object", "string", "boolean", "null"]},
  "guided_regex": {"type": ["string", "null"]},
  "guided_choice": {"type": ["array", "null"], "minItems": 1, "maxItems": 1024,
    "items": {"type": "string", "minLength": 1}},
  "guided_grammar": {"type": ["string", "null"]},
  "user": {"description": "ignored"},
  "metadata": {"description": "ignored"}
})";

constexpr std::string_view kChat = R"({
  "messages": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Message"}},
  "max_completion_tokens": {"type": ["integer", "null"], "minimum": 1},
  "max_tokens": {"type": ["integer", "null"], "minimum": 1, "deprecated": true},
  "stream_options": {"$ref": "#/components/schemas/StreamOptions"},
  "logprobs": {"type": ["boolean", "null"]},
  "top_logprobs": {"type": ["integer", "null"], "minimum": 0, "maximum": 20},
  "tools": {"type": ["array", "null"], "items": {"type": "object"}},
  "tool_choice": {"anyOf": [{"type": ["string", "null"]}, {"type": "object"}]},
  "parallel_tool_calls": {"type": ["boolean", "null"]},
  "add_generation_prompt": {"type": ["boolean", "null"]},
  "continue_final_message": {"type": ["boolean", "null"]},
  "chat_template_kwargs": {"type": ["object", "null"]},
  "documents": {"type": ["array", "null"]},
  "reasoning_effort": {"type": ["string", "null"]}
})";

constexpr std::string_view kCompletion = R"({
  "prompt": {"anyOf": [{"type": "string", "minLength": 1},
    {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}},
    {"type": "array", "minItems": 1, "maxItems": 256, "items": {"type": "string", "minLength": 1}},
    {"type": "array", "minItems": 1, "maxItems": 256,
     "items": {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}}}]},
  "max_tokens": {"type": ["integer", "null"], "minimum": 0, "default": 16},
  "stream_options": {"$ref": "#/components/schemas/StreamOptions"},
  "logprobs": {"type": ["integer", "null"], "minimum": 0, "maximum": 20},
  "echo": {"type": ["boolean", "null"]},
  "add_special_tokens": {"type": ["boolean", "null"]}
})";

constexpr std::string_view kResponses = R"({
  "input": {"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "object"}}]},
  "instructions": {"type": ["string", "null"]},
  "max_output_tokens": {"type": ["integer", "null"], "minimum": 1},
  "tools": {"type": ["array", "null"], "items": {"type": "object"}},
  "tool_choice": {"anyOf": [{"type": ["string", "null"]}, {"type": "object"}]},
  "parallel_tool_calls": {"type": ["boolean", "null"]},
  "reasoning": {"type": ["object", "null"]},
  "text": {"type": ["object", "null"]},
  "chat_template_kwargs": {"type": ["object", "null"]}
})";

constexpr std::string_view kSchemas = R"({
  "Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "object",
    "required": ["message", "type", "param", "code"], "properties": {"message": {"type": "string"},
    "type": {"type": "string"}, "param": {"type": ["string", "null"]}, "code": {"type": "string"}}}}},
  "Message": {"type": "object", "required": ["role"], "properties": {
    "role": {"enum": ["system", "developer", "user", "assistant", "tool", "function"]},
    "content": {"anyOf": [{"type": ["string", "null"]}, {"type": "array", "items": {"type": "object",
      "required": ["type"], "properties": {"type": {"enum": ["text", "input_text", "output_text", "refusal"]}}}}]},
    "name": {"type": ["string", "null"]}, "tool_call_id": {"type": ["string", "null"]},
    "reasoning_content": {"type": ["string", "null"]},
    "tool_calls": {"type": ["array", "null"], "items": {"type": "object"}}}},
  "StreamOptions": {"type": ["object", "null"], "properties": {"include_usage": {"type": ["boolean", "null"]}}},
  "Usage": {"type": "object", "required": ["prompt_tokens", "total_tokens"], "properties": {
    "prompt_tokens": {"type": "integer"}, "completion_tokens": {"type": "integer"},
    "total_tokens": {"type": "integer"}, "prompt_tokens_details": {"type": "object",
      "properties": {"cached_tokens": {"type": "integer"}}}, "completion_tokens_details": {"type": "object",
      "properties": {"reasoning_tokens": {"type": "integer"}}}}},
  "ChatCompletion": {"type": "object", "required": ["id", "object", "created", "model", "choices", "usage"],
    "properties": {"id": {"type": "string"}, "object": {"const": "chat.completion"}, "created": {"type": "integer"},
    "model": {"type": "string"}, "usage": {"$ref": "#/components/schemas/Usage"},
    "choices": {"type": "array", "items": {"type": "object", "required": ["index", "message", "finish_reason"],
      "properties": {"index": {"type": "integer"}, "finish_reason": {"enum": ["stop", "length", "tool_calls"]},
      "logprobs": {"type": ["object", "null"]},
      "message": {"type": "object", "required": ["role", "content"], "properties": {"role": {"const": "assistant"},
        "content": {"type": ["string", "null"]}, "reasoning_content": {"type": "string"},
        "tool_calls": {"type": "array", "items": {"type": "object"}}}}}}}}},
  "Completion": {"type": "object", "required": ["id", "object", "created", "model", "choices", "usage"],
    "properties": {"id": {"type": "string"}, "object": {"const": "text_completion"}, "created": {"type": "integer"},
    "model": {"type": "string"}, "usage": {"$ref": "#/components/schemas/Usage"},
    "choices": {"type": "array", "items": {"type": "object", "required": ["index", "text", "finish_reason"],
      "properties": {"index": {"type": "integer"}, "text": {"type": "string"},
      "finish_reason": {"enum": ["stop", "length"]}, "logprobs": {"type": ["object", "null"]}}}}}},
  "Response": {"type": "object", "required": ["id", "object", "created_at", "status", "model", "output", "usage"],
    "properties": {"id": {"type": "string"}, "object": {"const": "response"}, "created_at": {"type": "integer"},
    "status": {"enum": ["completed", "incomplete"]}, "model": {"type": "string"},
    "output": {"type": "array", "items": {"type": "object"}}, "usage": {"type": "object"}}},
  "EmbeddingRequest": {"type": "object", "required": ["input"], "properties": {
    "model": {"type": ["string", "null"]},
    "input": {"anyOf": [{"type": "string", "minLength": 1},
      {"type": "array", "minItems": 1, "maxItems": 2048, "items": {"type": "string", "minLength": 1}},
      {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}},
      {"type": "array", "minItems": 1, "maxItems": 2048,
       "items": {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}}}]},
    "encoding_format": {"enum": ["float", "base64", null]},
    "dimensions": {"type": ["integer", "null"], "minimum": 1},
    "truncate_prompt_tokens": {"type": ["integer", "null"], "minimum": -1, "maximum": 2147483647}}},
  "Embeddings": {"type": "object", "required": ["object", "data", "model", "usage"], "properties": {
    "object": {"const": "list"}, "model": {"type": "string"}, "usage": {"$ref": "#/components/schemas/Usage"},
    "data": {"type": "array", "items": {"type": "object", "required": ["index", "embedding"], "properties": {
      "index": {"type": "integer"}, "embedding": {"anyOf": [{"type": "string"},
        {"type": "array", "items": {"type": "number"}}]}}}}}},
  "RerankRequest": {"type": "object", "required": ["query", "documents"], "properties": {
    "model": {"type": ["string", "null"]}, "query": {"type": "string"},
    "documents": {"type": "array", "minItems": 1, "maxItems": 2048, "items": {"anyOf": [{"type": "string"},
      {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}]}},
    "top_n": {"type": ["integer", "null"], "minimum": 1}, "return_documents": {"type": ["boolean", "null"]},
    "truncate_prompt_tokens": {"type": ["integer", "null"], "minimum": -1, "maximum": 2147483647}}},
  "Ranks": {"type": "object", "required": ["id", "model", "results", "usage"], "properties": {
    "results": {"type": "array", "items": {"type": "object", "required": ["index", "relevance_score"], "properties": {
      "index": {"type": "integer"}, "relevance_score": {"type": "number"}}}}}},
  "TokenizeRequest": {"type": "object", "anyOf": [{"required": ["prompt"]}, {"required": ["messages"]},
      {"required": ["content"]}], "properties": {
    "model": {"type": ["string", "null"]}, "prompt": {"type": ["string", "null"]},
    "content": {"type": ["string", "null"]},
    "messages": {"type": ["array", "null"], "minItems": 1, "items": {"$ref": "#/components/schemas/Message"}},
    "add_special_tokens": {"type": ["boolean", "null"]}, "return_token_strs": {"type": ["boolean", "null"]}}},
  "Tokens": {"type": "object", "required": ["count", "max_model_len", "tokens"], "properties": {
    "count": {"type": "integer"}, "max_model_len": {"type": "integer"},
    "tokens": {"type": "array", "items": {"type": "integer"}}}},
  "DetokenizeRequest": {"type": "object", "required": ["tokens"], "properties": {
    "model": {"type": ["string", "null"]}, "tokens": {"type": "array", "items": {"type": "integer", "minimum": 0}},
    "skip_special_tokens": {"type": ["boolean", "null"]}}},
  "Text": {"type": "object", "required": ["prompt"], "properties": {"prompt": {"type": "string"}}},
  "Model": {"type": "object", "required": ["id", "object", "created", "owned_by"], "properties": {
    "id": {"type": "string"}, "object": {"const": "model"}, "created": {"type": "integer"},
    "owned_by": {"type": "string"}, "max_model_len": {"type": "integer"},
    "default_sampling_params": {"type": "object"}}},
  "Models": {"type": "object", "required": ["object", "data"], "properties": {"object": {"const": "list"},
    "data": {"type": "array", "items": {"$ref": "#/components/schemas/Model"}}}},
  "Health": {"type": "object", "required": ["status"], "properties": {"status": {"const": "ok"}}},
  "Version": {"type": "object", "required": ["version"], "properties": {"version": {"type": "string"}}},
  "Any": {"type": "object"}
})";

Json parsed(std::string_view json) { return Json::parse(json, "openapi"); }

Json reference(std::string_view schema) { return Json::Object{{"$ref", Json(text("#/components/schemas/", schema))}}; }

Json content(std::string_view type, Json schema) {
  return Json::Object{{std::string(type), Json(Json::Object{{"schema", std::move(schema)}})}};
}

// The answer of an operation, and the errors that any may have.
Json responses(std::string_view type, Json schema, bool streams) {
  Json ok{Json::Object{}};
  ok.set("description", "the answer");
  Json forms = content(type, std::move(schema));
  if (streams) {
    const Json frame = parsed(R"({"type": "object", "required": ["data"], "properties": {
        "data": {"type": "string"}, "event": {"type": "string"}}})");
    forms.set("text/event-stream", Json::Object{{"schema", frame}});
  }
  ok.set("content", std::move(forms));
  Json all{Json::Object{}};
  all.set("200", std::move(ok));
  for (const char* status :
       {"400", "401", "404", "405", "408", "413", "414", "415", "429", "431", "500", "501", "503"}) {
    Json error{Json::Object{}};
    error.set("description", reason_phrase(std::stoi(status)));
    error.set("content", content("application/json", reference("Error")));
    all.set(status, std::move(error));
  }
  return all;
}

Json get(std::string_view summary, std::string_view schema) {
  Json operation{Json::Object{}};
  operation.set("summary", summary);
  operation.set("responses", responses("application/json", reference(schema), false));
  return Json::Object{{"get", std::move(operation)}};
}

Json post(std::string_view summary, std::string_view request, std::string_view answer, bool streams = false) {
  Json operation{Json::Object{}};
  operation.set("summary", summary);
  Json body{Json::Object{}};
  body.set("required", true);
  body.set("content", content("application/json", reference(request)));
  operation.set("requestBody", std::move(body));
  operation.set("responses", responses("application/json", reference(answer), streams));
  return Json::Object{{"post", std::move(operation)}};
}

// An object with the fields that requests for a generation share, and its own.
Json generation_schema(std::string_view own, std::string_view required) {
  Json properties = parsed(kSampling);
  const Json mine = parsed(own);
  for (const auto& [name, schema] : mine.as_object({})) properties.set(name, schema);
  Json schema{Json::Object{}};
  schema.set("type", "object");
  schema.set("required", Json::Array{Json(required)});
  schema.set("properties", std::move(properties));
  return schema;
}

Json schemas() {
  Json all = parsed(kSchemas);
  all.set("ChatRequest", generation_schema(kChat, "messages"));
  all.set("CompletionRequest", generation_schema(kCompletion, "prompt"));
  all.set("ResponseRequest", generation_schema(kResponses, "input"));
  Json render = generation_schema(kChat, "messages");
  all.set("TemplateRequest", std::move(render));
  return all;
}

Json text_path(std::string_view summary, std::string_view type) {
  Json operation{Json::Object{}};
  operation.set("summary", summary);
  operation.set("responses", responses(type, Json::Object{{"type", Json("string")}}, false));
  return Json::Object{{"get", std::move(operation)}};
}

Json model_path() {
  Json path = get("A model by its name", "Model");
  Json parameter{Json::Object{}};
  parameter.set("name", "model");
  parameter.set("in", "path");
  parameter.set("required", true);
  parameter.set("schema", Json::Object{{"type", Json("string")}});
  path.set("parameters", Json::Array{std::move(parameter)});
  return path;
}

}  // namespace

Json openapi_document(const Service& service) {
  Json paths{Json::Object{}};
  paths.set("/health", get("Whether requests are answered", "Health"));
  paths.set("/version", get("The version of the server", "Version"));
  paths.set("/metrics", text_path("Metrics in the text format of Prometheus", "text/plain"));
  paths.set("/openapi.json", get("This document", "Any"));
  paths.set("/v1/models", get("The models that are served", "Models"));
  paths.set("/v1/models/{model}", model_path());
  paths.set("/v1/chat/completions", post("Answers a conversation", "ChatRequest", "ChatCompletion", true));
  paths.set("/v1/completions", post("Continues texts", "CompletionRequest", "Completion", true));
  paths.set("/v1/responses", post("Answers a conversation, without keeping it", "ResponseRequest", "Response", true));
  paths.set("/v1/embeddings", post("Embeddings of texts", "EmbeddingRequest", "Embeddings"));
  paths.set("/v1/rerank", post("Ranks texts by how well they answer a query", "RerankRequest", "Ranks"));
  paths.set("/tokenize", post("The token ids of a text or a conversation", "TokenizeRequest", "Tokens"));
  paths.set("/detokenize", post("The text of token ids", "DetokenizeRequest", "Text"));
  paths.set("/apply-template", post("The prompt of a conversation", "TemplateRequest", "Text"));
  Json document{Json::Object{}};
  document.set("openapi", "3.1.0");
  document.set("info", Json::Object{{"title", Json("ttt serve")}, {"version", Json(service.options().version)}});
  document.set("paths", std::move(paths));
  Json components{Json::Object{}};
  components.set("schemas", schemas());
  Json bearer{Json::Object{}};
  bearer.set("type", "http");
  bearer.set("scheme", "bearer");
  components.set("securitySchemes", Json::Object{{"key", std::move(bearer)}});
  document.set("components", std::move(components));
  if (service.keys_required()) document.set("security", Json::Array{Json(Json::Object{{"key", Json(Json::Array{})}})});
  return document;
}

}  // namespace ttt::server
