#include <algorithm>
#include <utility>

#include "server/generation.h"
#include "server/handlers.h"
#include "server/log_probs.h"
#include "server/sampling_fields.h"
#include "server/structured.h"

namespace ttt::server {
namespace {

struct CompletionManner {
  StreamFields stream = {};
  std::int64_t choices_each = 1;
  bool echo = false;
  std::optional<std::int64_t> top = {};   // log-probabilities of so many
  std::vector<std::string> prompts = {};  // what echo shows of each
};

class CompletionWriter final : public AnswerWriter {
 public:
  CompletionWriter(std::shared_ptr<Call> call, CompletionManner manner)
      : call_(std::move(call)),
        model_(call_->service().model()),
        manner_(std::move(manner)),
        id_("cmpl-" + call_->exchange().id()),
        created_(unix_seconds()) {
    const std::size_t count = manner_.prompts.size() * static_cast<std::size_t>(manner_.choices_each);
    for (std::size_t i = 0; i < count; ++i) {
      choices_.emplace_back(CompletionLogProbs(*model_.tokenizer, manner_.top.value_or(0)));
      if (manner_.echo) choices_.back().text = manner_.prompts[i / static_cast<std::size_t>(manner_.choices_each)];
    }
  }

  void take(std::int64_t index, EngineEvent& event) override {
    Choice& c = choices_.at(static_cast<std::size_t>(index));
    if (!event.prompt_tokens.empty()) add_prompt(index, event.prompt_tokens);
    if (manner_.top) {
      for (const SampleResult& token : event.tokens) c.log_probs.add(token);
    }
    c.text += event.text;
    if (event.finish) {
      c.finish = finish_name(*event.finish);
      if (!event.stopped_by.empty()) c.stop_reason = event.stopped_by;
    }
    if (!manner_.stream.stream || (c.text.empty() && c.log_probs.empty() && c.finish.empty())) return;
    call_->begin_stream();
    Json chunk = envelope();
    chunk.set("choices", Json::Array{choice_json(index, c, c.finish.empty() ? Json() : Json(c.finish))});
    if (manner_.stream.include_usage) chunk.set("usage", Json());
    call_->event(chunk);
    c.text.clear();
  }

  void finish(const EngineUsage& usage) override {
    Json answer = envelope();
    Json list{Json::Array{}};
    if (!manner_.stream.stream) {
      for (std::size_t i = 0; i < choices_.size(); ++i) {
        list.push(choice_json(static_cast<std::int64_t>(i), choices_[i], choices_[i].finish));
      }
    }
    answer.set("choices", std::move(list));
    Json counts{Json::Object{}};
    counts.set("prompt_tokens", usage.prompt);
    counts.set("completion_tokens", usage.generated);
    counts.set("total_tokens", usage.prompt + usage.generated);
    counts.set("prompt_tokens_details", Json::Object{{"cached_tokens", Json(usage.cached)}});
    answer.set("usage", std::move(counts));
    if (!manner_.stream.stream) return call_->json(answer);
    if (manner_.stream.include_usage) call_->event(answer);
    call_->raw_event("data: [DONE]\n\n");
    call_->end_stream();
  }

 private:
  struct Choice {
    explicit Choice(CompletionLogProbs l) : log_probs(std::move(l)) {}
    std::string text = {}, finish = {};
    std::optional<std::string> stop_reason = {};
    CompletionLogProbs log_probs;
  };

  // The tokens of a prompt come once, and are echoed in each of its choices.
  void add_prompt(std::int64_t index, const std::vector<SampleResult>& tokens) {
    const std::int64_t first = index - index % manner_.choices_each;
    for (std::int64_t i = first; i < first + manner_.choices_each; ++i) {
      CompletionLogProbs& log_probs = choices_.at(static_cast<std::size_t>(i)).log_probs;
      log_probs.add_unknown(tokens.front().id);
      for (const SampleResult& token : std::span(tokens).subspan(1)) log_probs.add(token);
    }
  }

  Json envelope() const {
    Json json{Json::Object{}};
    json.set("id", id_);
    json.set("object", "text_completion");
    json.set("created", created_);
    json.set("model", model_.names.front());
    json.set("system_fingerprint", "ttt-" + call_->service().options().version);
    return json;
  }

  Json choice_json(std::int64_t index, Choice& c, Json finish) const {
    Json json{Json::Object{}};
    json.set("index", index);
    json.set("text", c.text);
    json.set("logprobs", manner_.top ? c.log_probs.take() : Json());
    json.set("finish_reason", std::move(finish));
    if (!c.finish.empty()) json.set("stop_reason", c.stop_reason ? Json(*c.stop_reason) : Json());
    return json;
  }

  std::shared_ptr<Call> call_;
  const ServedModel& model_;
  CompletionManner manner_;
  std::string id_;
  std::int64_t created_;
  std::vector<Choice> choices_;
};

struct Prompt {
  std::vector<std::int32_t> ids = {};
  std::string text = {};
};

Prompt text_prompt(const std::string& s, const Tokenizer& tokenizer, bool add_special) {
  return {.ids = tokenizer.encode(s, {.add_special = add_special}), .text = s};
}

Prompt id_prompt(const Json::Array& list, const ServedModel& model) {
  Prompt prompt;
  for (const Json& id : list) prompt.ids.push_back(token_id(id, "prompt", model.vocab));
  for (const std::int32_t id : prompt.ids) {
    if (!model.tokenizer->is_token(id)) refuse("prompt", text("prompt holds id ", id, ", which is no token"));
  }
  prompt.text = model.tokenizer->decode(prompt.ids);
  return prompt;
}

// A text, ids, or a list of either.
std::vector<Prompt> read_prompts(Fields& fields, const ServedModel& model) {
  constexpr std::size_t kMostPrompts = 256;
  const bool add_special = fields.boolean("add_special_tokens").value_or(true);
  const Json* v = fields.value("prompt");
  if (v == nullptr) refuse("prompt", "prompt is missing", "missing_required_parameter");
  if (v->is_string()) return {text_prompt(v->as_string({}), *model.tokenizer, add_special)};
  if (!v->is_array()) fields.refuse_type("prompt", "a string, a list of token ids, or a list of either", *v);
  const Json::Array& list = v->as_array({});
  if (list.empty()) refuse("prompt", "prompt wanted at least one, got none");
  if (list.front().is_number()) return {id_prompt(list, model)};
  if (list.size() > kMostPrompts) refuse("prompt", text("prompt wanted at most ", kMostPrompts, ", got ", list.size()));
  std::vector<Prompt> prompts;
  for (const Json& one : list) {
    if (one.is_string()) {
      prompts.push_back(text_prompt(one.as_string({}), *model.tokenizer, add_special));
    } else if (one.is_array()) {
      prompts.push_back(id_prompt(one.as_array({}), model));
    } else {
      fields.refuse_type("prompt", "strings or lists of token ids", one);
    }
  }
  return prompts;
}

void complete(const std::shared_ptr<Call>& call, const Json& body) {
  const Service& service = call->service();
  const ServedModel& model = service.model();
  const ServiceOptions& options = service.options();
  Fields fields(body);
  read_generating_model(fields, model);
  CompletionManner manner{.stream = read_stream_fields(fields)};
  fields.unsupported("suffix", "the text is continued at its end only", "");
  EngineRequest request = read_sampling(fields, options, model, model.end_ids);
  request.constraint = read_structure(fields, model);
  manner.choices_each = request.n;
  manner.echo = fields.boolean("echo").value_or(false);
  manner.top = fields.integer("logprobs", 0, options.most_log_probs);
  if (manner.top) request.sampling.log_probs = *manner.top;
  request.prompt_log_probs = manner.echo && manner.top;
  constexpr std::int64_t kUsual = 16;  // as in the OpenAI API
  // 0: only the prompt, with its log-probabilities.
  const std::int64_t wanted = fields.integer("max_tokens", manner.echo ? 0 : 1).value_or(kUsual);
  std::vector<Prompt> prompts = read_prompts(fields, model);
  std::vector<EngineRequest> requests;
  for (Prompt& prompt : prompts) {
    EngineRequest one = request;
    // Without max_tokens a prompt that leaves less room is continued as far as it goes.
    std::int64_t most = wanted;
    if (!fields.has("max_tokens"))
      most = std::max<std::int64_t>(1, std::min(most, model.context - std::ssize(prompt.ids)));
    set_prompt(one, std::move(prompt.ids), fields, model, most, "prompt");
    if (call->key) one.cache_key = text("key ", *call->key, " ", one.cache_key);
    manner.prompts.push_back(std::move(prompt.text));
    requests.push_back(std::move(one));
  }
  finish_fields(fields, options);
  if (static_cast<std::int64_t>(requests.size()) * request.n > options.most_choices) {
    refuse("n", text("n wanted at most ", options.most_choices, " choices for all prompts together, got ",
                     static_cast<std::int64_t>(requests.size()) * request.n));
  }
  auto writer = std::make_unique<CompletionWriter>(call, std::move(manner));
  Generation::start(std::make_shared<Generation>(call, std::move(requests), std::move(writer)));
}

}  // namespace

void post_completions(const std::shared_ptr<Call>& call) { call->service().read_body(call, complete); }

}  // namespace ttt::server
