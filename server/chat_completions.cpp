#include <algorithm>
#include <utility>

#include "server/answer_text.h"
#include "server/chat_prompt.h"
#include "server/generation.h"
#include "server/handlers.h"
#include "server/log_probs.h"
#include "server/sampling_fields.h"
#include "server/structured.h"

namespace ttt::server {
namespace {

struct ChatManner {
  StreamFields stream = {};
  std::int64_t choices = 1;
  std::optional<std::int64_t> top_log_probs = {};  // absent: no log-probabilities
  bool keep_special = false;
};

// Makes chat.completion, or chat.completion.chunk event by event.
class ChatWriter final : public AnswerWriter {
 public:
  ChatWriter(std::shared_ptr<Call> call, const ChatPrompt& prompt, const ChatManner& manner)
      : call_(std::move(call)),
        model_(call_->service().model()),
        manner_(manner),
        mistral_(prompt.tool_format == ToolFormat::kMistral),
        id_("chatcmpl-" + call_->exchange().id()),
        created_(unix_seconds()) {
    for (std::int64_t i = 0; i < manner.choices; ++i) {
      choices_.emplace_back(AnswerText(prompt, *model_.tokenizer, manner.keep_special));
    }
  }

  void take(std::int64_t index, EngineEvent& event) override {
    Choice& choice = choices_.at(static_cast<std::size_t>(index));
    if (manner_.top_log_probs) {
      for (const SampleResult& token : event.tokens) {
        choice.log_probs.push_back(chat_log_prob(*model_.tokenizer, token, *manner_.top_log_probs));
      }
    }
    std::vector<AnswerPart> parts = choice.text.push(event);
    if (event.finish) {
      for (AnswerPart& part : choice.text.finish()) parts.push_back(std::move(part));
      choice.finish = choice.text.called() ? "tool_calls" : finish_name(*event.finish);
      if (choice.text.called()) call_->finish = "tool_calls";
    }
    if (!manner_.stream.stream) return keep(choice, parts);
    send(index, choice, parts);
  }

  void finish(const EngineUsage& usage) override {
    if (manner_.stream.stream) {
      if (manner_.stream.include_usage) {
        Json last = chunk();
        last.set("choices", Json::Array{});
        last.set("usage", usage_json(usage));
        call_->event(last);
      }
      call_->raw_event("data: [DONE]\n\n");
      return call_->end_stream();
    }
    Json answer = envelope("chat.completion");
    Json list{Json::Array{}};
    for (std::size_t i = 0; i < choices_.size(); ++i) list.push(choice_json(i));
    answer.set("choices", std::move(list));
    answer.set("usage", usage_json(usage));
    call_->json(answer);
  }

 private:
  struct Choice {
    explicit Choice(AnswerText answer) : text(std::move(answer)) {}
    AnswerText text;
    std::string content = {}, reasoning = {};
    Json::Array calls = {}, log_probs = {};
    std::int64_t called = 0;
    std::string finish = {};
    bool begun = false;
  };

  Json usage_json(const EngineUsage& u) const {
    std::int64_t reasoning = 0;
    for (const Choice& choice : choices_) reasoning += choice.text.reasoning_tokens();
    Json usage{Json::Object{}};
    usage.set("prompt_tokens", u.prompt);
    usage.set("completion_tokens", u.generated);
    usage.set("total_tokens", u.prompt + u.generated);
    usage.set("prompt_tokens_details", Json::Object{{"cached_tokens", Json(u.cached)}});
    usage.set("completion_tokens_details", Json::Object{{"reasoning_tokens", Json(reasoning)}});
    return usage;
  }

  Json envelope(const char* object) const {
    Json json{Json::Object{}};
    json.set("id", id_);
    json.set("object", object);
    json.set("created", created_);
    json.set("model", model_.names.front());
    json.set("system_fingerprint", "ttt-" + call_->service().options().version);
    return json;
  }

  Json chunk() const { return envelope("chat.completion.chunk"); }

  // Mistral's templates want ids of nine letters and digits.
  std::string call_id() const {
    const std::string id = make_request_id();
    return mistral_ ? id.substr(0, 9) : "call_" + id;
  }

  Json call_json(const ToolCall& call) const {
    Json function{Json::Object{}};
    function.set("name", call.name);
    function.set("arguments", call.arguments);
    return Json::Object{{"id", Json(call_id())}, {"type", Json("function")}, {"function", std::move(function)}};
  }

  void keep(Choice& choice, std::vector<AnswerPart>& parts) const {
    for (AnswerPart& part : parts) {
      if (part.kind == AnswerPart::Kind::kReasoning) choice.reasoning += part.text;
      if (part.kind == AnswerPart::Kind::kContent) choice.content += part.text;
      if (part.kind == AnswerPart::Kind::kCall) choice.calls.push_back(call_json(part.call));
    }
  }

  Json log_probs_json(Choice& choice) const {
    if (!manner_.top_log_probs) return {};
    return Json::Object{{"content", Json(std::exchange(choice.log_probs, {}))}, {"refusal", Json()}};
  }

  Json choice_json(std::size_t i) {
    Choice& c = choices_[i];
    Json message{Json::Object{}};
    message.set("role", "assistant");
    message.set("content", c.content.empty() && !c.calls.empty() ? Json() : Json(c.content));
    message.set("refusal", Json());
    if (!c.reasoning.empty()) message.set("reasoning_content", c.reasoning);
    if (!c.calls.empty()) message.set("tool_calls", std::move(c.calls));
    Json choice{Json::Object{}};
    choice.set("index", static_cast<std::int64_t>(i));
    choice.set("message", std::move(message));
    choice.set("logprobs", log_probs_json(c));
    choice.set("finish_reason", c.finish);
    return choice;
  }

  void send_delta(std::int64_t index, Choice& choice, Json delta, Json finish = {}) {
    Json one{Json::Object{}};
    one.set("index", index);
    one.set("delta", std::move(delta));
    one.set("logprobs", choice.log_probs.empty() ? Json() : log_probs_json(choice));
    one.set("finish_reason", std::move(finish));
    Json json = chunk();
    json.set("choices", Json::Array{std::move(one)});
    if (manner_.stream.include_usage) json.set("usage", Json());
    call_->event(json);
  }

  void send(std::int64_t index, Choice& choice, const std::vector<AnswerPart>& parts) {
    call_->begin_stream();
    if (!choice.begun) {
      choice.begun = true;
      Json::Array held = std::exchange(choice.log_probs, {});  // they belong to text
      send_delta(index, choice, Json::Object{{"role", Json("assistant")}, {"content", Json("")}});
      choice.log_probs = std::move(held);
    }
    for (const AnswerPart& part : parts) {
      if (part.kind == AnswerPart::Kind::kReasoning) {
        send_delta(index, choice, Json::Object{{"reasoning_content", Json(part.text)}});
      } else if (part.kind == AnswerPart::Kind::kContent) {
        send_delta(index, choice, Json::Object{{"content", Json(part.text)}});
      } else {
        send_call(index, choice, part.call);
      }
    }
    if (!choice.finish.empty()) {
      if (!choice.log_probs.empty()) send_delta(index, choice, Json::Object{{"content", Json("")}});
      send_delta(index, choice, Json::Object{}, choice.finish);
    }
  }

  // The name first, then the arguments, as clients join them.
  void send_call(std::int64_t index, Choice& choice, const ToolCall& call) {
    Json begin = call_json({.name = call.name});
    begin.set("index", choice.called);
    send_delta(index, choice, Json::Object{{"tool_calls", Json(Json::Array{std::move(begin)})}});
    Json rest{Json::Object{}};
    rest.set("index", choice.called);
    rest.set("function", Json::Object{{"arguments", Json(call.arguments)}});
    send_delta(index, choice, Json::Object{{"tool_calls", Json(Json::Array{std::move(rest)})}});
    ++choice.called;
  }

  std::shared_ptr<Call> call_;
  const ServedModel& model_;
  ChatManner manner_;
  bool mistral_;
  std::string id_;
  std::int64_t created_;
  std::vector<Choice> choices_;
};

void chat(const std::shared_ptr<Call>& call, const Json& body) {
  const Service& service = call->service();
  const ServedModel& model = service.model();
  const ServiceOptions& options = service.options();
  Fields fields(body);
  read_generating_model(fields, model);
  ChatManner manner{.stream = read_stream_fields(fields)};
  EngineRequest request = read_sampling(fields, options, model, model.chat_end_ids);
  manner.choices = request.n;
  manner.keep_special = !request.skip_special;
  const bool log_probs = fields.boolean("logprobs").value_or(false);
  const auto top = fields.integer("top_logprobs", 0, options.most_log_probs);
  if (top && !log_probs) refuse("top_logprobs", "top_logprobs wanted logprobs to be true");
  if (log_probs) manner.top_log_probs = request.sampling.log_probs = top.value_or(0);
  auto wanted = fields.integer("max_completion_tokens", 1);
  if (const auto old = fields.integer("max_tokens", 1); old && !wanted) wanted = old;
  ChatPrompt prompt = read_chat_prompt(fields, model);
  constrain(request, prompt, fields, model);
  if (AnswerText::needs_special(prompt)) request.skip_special = false;
  set_prompt(request, std::move(prompt.ids), fields, model, wanted, "messages");
  finish_fields(fields, options);
  if (call->key) request.cache_key = text("key ", *call->key, " ", request.cache_key);
  auto writer = std::make_unique<ChatWriter>(call, prompt, manner);
  Generation::start(std::make_shared<Generation>(call, std::vector{std::move(request)}, std::move(writer)));
}

}  // namespace

void post_chat_completions(const std::shared_ptr<Call>& call) { call->service().read_body(call, chat); }

}  // namespace ttt::server
