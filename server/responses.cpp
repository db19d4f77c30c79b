#include <algorithm>
#include <utility>

#include "server/answer_text.h"
#include "server/generation.h"
#include "server/handlers.h"
#include "server/responses_request.h"
#include "server/sampling_fields.h"
#include "server/structured.h"

namespace ttt::server {
namespace {

// Makes a response, or its events. The output is a list of items, in the order in which they were generated.
class ResponseWriter final : public AnswerWriter {
 public:
  ResponseWriter(std::shared_ptr<Call> call, const ChatPrompt& prompt, bool stream, bool keep_special, Json echoed)
      : call_(std::move(call)),
        stream_(stream),
        text_(prompt, *call_->service().model().tokenizer, keep_special),
        id_(call_->exchange().id()),
        created_(unix_seconds()),
        echoed_(std::move(echoed)) {}

  void take(std::int64_t, EngineEvent& event) override {
    begin();
    add(text_.push(event));
    if (!event.finish) return;
    add(text_.finish());
    close_item();
    if (text_.called()) call_->finish = "tool_calls";
    cut_ = finish_name(*event.finish) == "length";
  }

  void finish(const EngineUsage& usage) override {
    begin();
    const Json whole = response(cut_ ? "incomplete" : "completed", &usage);
    if (!stream_) return call_->json(whole);
    Json last{Json::Object{}};
    last.set("response", whole);
    send(cut_ ? "response.incomplete" : "response.completed", std::move(last));
    call_->end_stream();
  }

 private:
  Json response(std::string_view status, const EngineUsage* usage) const {
    Json r{Json::Object{}};
    r.set("id", "resp_" + id_);
    r.set("object", "response");
    r.set("created_at", created_);
    r.set("status", status);
    r.set("error", Json());
    r.set("incomplete_details",
          status == "incomplete" ? Json(Json::Object{{"reason", Json("max_output_tokens")}}) : Json());
    r.set("model", call_->service().model().names.front());
    r.set("output", output_);
    for (const auto& [name, value] : echoed_.as_object({})) r.set(name, value);
    r.set("previous_response_id", Json());
    r.set("store", false);
    r.set("truncation", "disabled");
    r.set("usage", usage == nullptr ? Json() : usage_json(*usage));
    return r;
  }

  Json usage_json(const EngineUsage& u) const {
    Json usage{Json::Object{}};
    usage.set("input_tokens", u.prompt);
    usage.set("input_tokens_details", Json::Object{{"cached_tokens", Json(u.cached)}});
    usage.set("output_tokens", u.generated);
    usage.set("output_tokens_details", Json::Object{{"reasoning_tokens", Json(text_.reasoning_tokens())}});
    usage.set("total_tokens", u.prompt + u.generated);
    return usage;
  }

  void send(std::string_view type, Json data) {
    if (!stream_) return;
    Json event{Json::Object{}};
    event.set("type", type);
    event.set("sequence_number", sequence_++);
    for (const auto& [name, value] : data.as_object({})) event.set(name, value);
    call_->raw_event(text("event: ", type, "\ndata: ", event.dump(), "\n\n"));
  }

  void begin() {
    if (begun_) return;
    begun_ = true;
    if (!stream_) return;
    call_->begin_stream();
    for (const char* type : {"response.created", "response.in_progress"}) {
      send(type, Json::Object{{"response", response("in_progress", nullptr)}});
    }
  }

  // ---- items --------------------------------------------------------------------------------------------------------
  Json place() const {  // of the part of the open item
    Json p{Json::Object{}};
    p.set("item_id", item_id_);
    p.set("output_index", std::ssize(output_));
    p.set("content_index", 0);
    return p;
  }

  Json part_json() const {
    Json part{Json::Object{}};
    part.set("type", open_ == AnswerPart::Kind::kReasoning ? "reasoning_text" : "output_text");
    part.set("text", item_text_);
    if (open_ == AnswerPart::Kind::kContent) {
      part.set("annotations", Json::Array{});
      part.set("logprobs", Json::Array{});
    }
    return part;
  }

  Json item_json(std::string_view status) const {
    Json item{Json::Object{}};
    const bool reasoning = open_ == AnswerPart::Kind::kReasoning;
    item.set("id", item_id_);
    item.set("type", reasoning ? "reasoning" : "message");
    if (reasoning) item.set("summary", Json::Array{});
    item.set("status", status);
    if (!reasoning) item.set("role", "assistant");
    item.set("content", status == "in_progress" ? Json(Json::Array{}) : Json(Json::Array{part_json()}));
    return item;
  }

  void open_item(AnswerPart::Kind kind) {
    close_item();
    open_ = kind;
    item_text_.clear();
    item_id_ = (kind == AnswerPart::Kind::kReasoning ? "rs_" : "msg_") + make_request_id();
    Json added{Json::Object{}};
    added.set("output_index", std::ssize(output_));
    added.set("item", item_json("in_progress"));
    send("response.output_item.added", std::move(added));
    Json part = place();
    part.set("part", part_json());
    send("response.content_part.added", std::move(part));
  }

  void close_item() {
    if (!open_) return;
    const std::string name =
        open_ == AnswerPart::Kind::kReasoning ? "response.reasoning_text.done" : "response.output_text.done";
    Json done = place();
    done.set("text", item_text_);
    if (open_ == AnswerPart::Kind::kContent) done.set("logprobs", Json::Array{});
    send(name, std::move(done));
    Json part = place();
    part.set("part", part_json());
    send("response.content_part.done", std::move(part));
    Json item{Json::Object{}};
    item.set("output_index", std::ssize(output_));
    item.set("item", item_json("completed"));
    send("response.output_item.done", std::move(item));
    output_.push_back(item_json("completed"));
    open_.reset();
  }

  void add_text(const AnswerPart& part) {
    if (open_ != part.kind) open_item(part.kind);
    item_text_ += part.text;
    Json delta = place();
    delta.set("delta", part.text);
    if (part.kind == AnswerPart::Kind::kReasoning) return send("response.reasoning_text.delta", std::move(delta));
    delta.set("logprobs", Json::Array{});
    send("response.output_text.delta", std::move(delta));
  }

  void add_call(const ToolCall& call) {
    close_item();
    const std::string id = "fc_" + make_request_id(), call_id = "call_" + make_request_id();
    const auto item = [&](std::string_view status, const std::string& arguments) {
      Json json{Json::Object{}};
      json.set("id", id);
      json.set("type", "function_call");
      json.set("status", status);
      json.set("call_id", call_id);
      json.set("name", call.name);
      json.set("arguments", arguments);
      return json;
    };
    const std::int64_t index = std::ssize(output_);
    const auto event = [&](std::string_view type, std::string_view field, Json value, bool with_id) {
      Json json{Json::Object{}};
      if (with_id) json.set("item_id", id);
      json.set("output_index", index);
      json.set(field, std::move(value));
      send(type, std::move(json));
    };
    event("response.output_item.added", "item", item("in_progress", ""), false);
    event("response.function_call_arguments.delta", "delta", call.arguments, true);
    event("response.function_call_arguments.done", "arguments", call.arguments, true);
    event("response.output_item.done", "item", item("completed", call.arguments), false);
    output_.push_back(item("completed", call.arguments));
  }

  void add(const std::vector<AnswerPart>& parts) {
    for (const AnswerPart& part : parts) {
      if (part.kind == AnswerPart::Kind::kCall) {
        add_call(part.call);
      } else if (open_ || part.text.find_first_not_of(" \t\r\n") != std::string::npos) {
        add_text(part);
      }
    }
  }

  std::shared_ptr<Call> call_;
  bool stream_;
  AnswerText text_;
  std::string id_;
  std::int64_t created_;
  Json echoed_;
  Json::Array output_;
  std::optional<AnswerPart::Kind> open_;  // the kind of the item that is being written
  std::string item_id_, item_text_;
  std::int64_t sequence_ = 0;
  bool begun_ = false, cut_ = false;
};

// Fields of the request that a response repeats.
Json echoed(Fields& fields, const EngineRequest& request, std::optional<std::int64_t> wanted) {
  Json e{Json::Object{}};
  const auto copy = [&](const char* name, Json absent) {
    const Json* v = fields.value(name);
    e.set(name, v == nullptr ? std::move(absent) : *v);
  };
  copy("instructions", {});
  e.set("max_output_tokens", wanted ? Json(*wanted) : Json());
  copy("metadata", Json::Object{});
  copy("parallel_tool_calls", true);
  copy("reasoning", Json::Object{{"effort", Json()}, {"summary", Json()}});
  e.set("temperature", request.sampling.temperature);
  e.set("top_p", request.sampling.top_p);
  copy("text", Json::Object{{"format", Json(Json::Object{{"type", Json("text")}})}});
  copy("tool_choice", "auto");
  copy("tools", Json::Array{});
  copy("user", {});
  return e;
}

void respond(const std::shared_ptr<Call>& call, const Json& body) {
  const Service& service = call->service();
  const ServedModel& model = service.model();
  const ServiceOptions& options = service.options();
  Fields fields(body);
  read_generating_model(fields, model);
  const bool stream = fields.boolean("stream").value_or(false);
  fields.unsupported("n", "a response is one", 1);
  fields.unsupported("top_logprobs", "responses have no log-probabilities", 0);
  EngineRequest request = read_sampling(fields, options, model, model.chat_end_ids);
  const auto wanted = fields.integer("max_output_tokens", 1);
  const Json chat = chat_of_responses(fields);
  Fields chat_fields(chat);
  try {
    const bool keep_special = !request.skip_special;
    ChatPrompt prompt = read_chat_prompt(chat_fields, model);
    constrain(request, prompt, fields, model);
    if (AnswerText::needs_special(prompt)) request.skip_special = false;
    set_prompt(request, std::move(prompt.ids), fields, model, wanted, "messages");
    Json repeated = echoed(fields, request, wanted);
    finish_fields(fields, options);
    if (call->key) request.cache_key = text("key ", *call->key, " ", request.cache_key);
    auto writer = std::make_unique<ResponseWriter>(call, prompt, stream, keep_special, std::move(repeated));
    Generation::start(std::make_shared<Generation>(call, std::vector{std::move(request)}, std::move(writer)));
  } catch (const ApiException& e) {
    throw ApiException(in_terms_of_responses(e.error()));
  }
}

}  // namespace

void post_responses(const std::shared_ptr<Call>& call) { call->service().read_body(call, respond); }

}  // namespace ttt::server
