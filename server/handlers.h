#pragma once

#include <memory>
#include <string>

#include "server/service.h"

namespace ttt::server {

// What answers each path. Those with a body read it themselves (Service::read_body).
void get_health(const std::shared_ptr<Call>& call);
void get_models(const std::shared_ptr<Call>& call);
void get_model(const std::shared_ptr<Call>& call);
void get_metrics(const std::shared_ptr<Call>& call);
void get_version(const std::shared_ptr<Call>& call);
void get_openapi(const std::shared_ptr<Call>& call);
void post_chat_completions(const std::shared_ptr<Call>& call);
void post_completions(const std::shared_ptr<Call>& call);
void post_responses(const std::shared_ptr<Call>& call);
void post_embeddings(const std::shared_ptr<Call>& call);
void post_rerank(const std::shared_ptr<Call>& call);
void post_tokenize(const std::shared_ptr<Call>& call);
void post_detokenize(const std::shared_ptr<Call>& call);
void post_apply_template(const std::shared_ptr<Call>& call);

// The description of all of them, OpenAPI 3.1.
Json openapi_document(const Service& service);

}  // namespace ttt::server
