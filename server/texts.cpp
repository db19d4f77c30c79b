// Paths that turn texts into tokens and prompts, and back.
#include <algorithm>
#include <utility>

#include "server/chat_prompt.h"
#include "server/handlers.h"
#include "server/sampling_fields.h"

namespace ttt::server {
namespace {

Json ids_json(const std::vector<std::int32_t>& ids) {
  Json list{Json::Array{}};
  for (const std::int32_t id : ids) list.push(std::int64_t{id});
  return list;
}

void tokenize(const std::shared_ptr<Call>& call, const Json& body) {
  const ServedModel& model = call->service().model();
  Fields fields(body);
  read_model(fields, model);
  std::vector<std::int32_t> ids;
  const bool add_special = fields.boolean("add_special_tokens").value_or(true);
  const bool with_texts = fields.boolean("return_token_strs").value_or(false);
  if (fields.has("messages")) {
    ids = read_chat_prompt(fields, model).ids;
  } else {
    const bool has_content = !fields.has("prompt") && fields.has("content");  // as llama-server calls it
    const std::string prompt = fields.required_string(has_content ? "content" : "prompt");
    ids = model.tokenizer->encode(prompt, {.add_special = add_special});
  }
  finish_fields(fields, call->service().options());
  Json answer{Json::Object{}};
  answer.set("count", std::ssize(ids));
  answer.set("max_model_len", model.context);
  answer.set("tokens", ids_json(ids));
  if (with_texts) {
    Json texts{Json::Array{}};
    for (const std::int32_t id : ids) texts.push(model.tokenizer->token_text(id));
    answer.set("token_strs", std::move(texts));
  }
  call->json(answer);
}

void detokenize(const std::shared_ptr<Call>& call, const Json& body) {
  const ServedModel& model = call->service().model();
  Fields fields(body);
  read_model(fields, model);
  const bool skip = fields.boolean("skip_special_tokens").value_or(false);
  if (!fields.has("tokens")) refuse("tokens", "tokens is missing", "missing_required_parameter");
  constexpr std::size_t kMost = std::size_t{1} << 24;
  const std::vector<std::int32_t> ids = fields.ids("tokens", model.tokenizer->vocab_size(), kMost);
  for (const std::int32_t id : ids) {
    if (!model.tokenizer->is_token(id)) refuse("tokens", text("tokens holds id ", id, ", which is no token"));
  }
  finish_fields(fields, call->service().options());
  const std::string prompt = model.tokenizer->decode(ids, {.skip_special = skip});
  call->json(Json::Object{{"prompt", Json(prompt)}});
}

void apply_template(const std::shared_ptr<Call>& call, const Json& body) {
  const ServedModel& model = call->service().model();
  Fields fields(body);
  read_model(fields, model);
  const ChatPrompt prompt = read_chat_prompt(fields, model);
  finish_fields(fields, call->service().options());
  call->json(Json::Object{{"prompt", Json(prompt.text)}, {"count", Json(std::ssize(prompt.ids))}});
}

}  // namespace

void post_tokenize(const std::shared_ptr<Call>& call) { call->service().read_body(call, tokenize); }
void post_detokenize(const std::shared_ptr<Call>& call) { call->service().read_body(call, detokenize); }
void post_apply_template(const std::shared_ptr<Call>& call) { call->service().read_body(call, apply_template); }

}  // namespace ttt::server
