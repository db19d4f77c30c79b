#include "server/service.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "server/generation.h"
#include "server/handlers.h"

namespace ttt::server {
namespace {

constexpr std::string_view kModels = "/v1/models/";

bool is_json(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  type = type.substr(0, type.find_last_not_of(" \t") + 1);
  return same_ignoring_case(type, "application/json") ||
         (type.size() > 5 && same_ignoring_case(type.substr(type.size() - 5), "+json"));
}

std::string one_decimal(double v) {
  std::array<char, 32> s{};
  std::snprintf(s.data(), s.size(), "%.1f", v);
  return s.data();
}

}  // namespace

bool ServedModel::known(std::string_view name) const { return std::ranges::find(names, name) != names.end(); }

Service::Service(ServiceOptions options, Listener& listener, Log& log)
    : options_(std::move(options)),
      listener_(listener),
      log_(log),
      workers_(std::make_unique<Workers>(options_.workers)),
      last_time_(monotonic_seconds()) {
  add_routes();
}

void Service::stop() {
  workers_.reset();
  active_.clear();
  model_ = nullptr;
}

void Service::add_route(std::string method, std::string path, std::function<void(std::shared_ptr<Call>)> handle,
                        bool open, bool early) {
  routes_.push_back({.method = std::move(method),
                     .path = std::move(path),
                     .handle = std::move(handle),
                     .open = open,
                     .early = early});
}

void Service::add_routes() {
  add_route("GET", "/health", get_health, true, true);
  add_route("GET", "/v1/models", get_models);
  add_route("GET", std::string(kModels), get_model);
  add_route("GET", "/metrics", get_metrics, false, true);
  add_route("GET", "/version", get_version, false, true);
  add_route("GET", "/openapi.json", get_openapi, false, true);
  add_route("POST", "/v1/chat/completions", post_chat_completions);
  add_route("POST", "/v1/completions", post_completions);
  add_route("POST", "/v1/responses", post_responses);
  add_route("POST", "/v1/embeddings", post_embeddings);
  for (const char* path : {"/v1/rerank", "/rerank"}) add_route("POST", path, post_rerank);
  add_route("POST", "/tokenize", post_tokenize);
  add_route("POST", "/detokenize", post_detokenize);
  add_route("POST", "/apply-template", post_apply_template);
  // The files hold no secrets, and the page is where a person enters the key.
  for (const PageFile& file : options_.page) {
    const auto send = [&file](const std::shared_ptr<Call>& call) {
      HttpResponse response{.content_type = std::string(file.type)};
      response.body.assign(reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size());
      response.headers = {{"Content-Security-Policy", std::string(page_security_policy)},
                          {"Referrer-Policy", "no-referrer"},
                          {"Cross-Origin-Opener-Policy", "same-origin"},
                          {"Cache-Control", "no-cache"}};
      call->respond(std::move(response));
    };
    add_route("GET", std::string(file.path), send, true, true);
  }
}

void Service::handle(std::shared_ptr<Exchange> exchange) {
  call_begins();
  auto call = std::make_shared<Call>(*this, std::move(exchange));
  try {
    route(call);
  } catch (...) {
    call->fail(current_error());
  }
}

void Service::preflight(const std::shared_ptr<Call>& call) {
  HttpResponse response{.status = 204, .content_type = {}};
  response.headers = {{"Access-Control-Allow-Methods", "GET, POST"},
                      {"Access-Control-Allow-Headers", "Authorization, Content-Type, X-Request-Id"},
                      {"Access-Control-Max-Age", "600"}};
  call->respond(std::move(response));
}

// The route that the request names, with the checks of its method and its key.
const Service::Route& Service::route_of(Call& call) const {
  const HttpRequest& request = call.request();
  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  const Route* found = nullptr;
  std::string methods;
  for (const Route& r : routes_) {
    const bool by_prefix = r.path == kModels && request.path.starts_with(kModels) && request.path != kModels;
    if (r.path != request.path && !by_prefix) continue;
    if (r.path == kModels && !by_prefix) continue;
    methods += text(methods.empty() ? "" : ", ", r.method, r.method == "GET" ? ", HEAD" : "");
    call.handler = by_prefix ? "/v1/models/{model}" : r.path;
    if (r.method == method) found = &r;
  }
  if (found == nullptr || !found->open) {
    call.key = keys_.find(request.header("Authorization"));
    if (keys_.required() && !call.key) {
      throw ApiException({.status = 401,
                          .message = "the request wanted an Authorization header with a valid key: Bearer KEY",
                          .type = "authentication_error",
                          .code = "invalid_api_key"});
    }
  }
  if (found != nullptr) return *found;
  if (methods.empty()) {
    throw ApiException({.status = 404, .message = "there is no such path", .code = "not_found"});
  }
  throw ApiException({.status = 405,
                      .message = text("the path wanted ", methods, ", got ", request.method),
                      .code = "method_not_allowed",
                      .allow = methods});
}

void Service::require_ready() const {
  if (model_.load() != nullptr && !draining_) return;
  throw ApiException({.status = 503,
                      .message = draining_ ? "the server is shutting down" : "the model is being loaded",
                      .type = "server_error",
                      .code = draining_ ? "shutting_down" : "loading",
                      .retry_after = draining_ ? 5.0 : 1.0});
}

void Service::route(const std::shared_ptr<Call>& call) {
  if (call->request().method == "OPTIONS" && !options_.allowed_origins.empty()) return preflight(call);
  const Route& found = route_of(*call);
  if (!found.early) require_ready();
  found.handle(call);
}

void Service::read_body(std::shared_ptr<Call> call, std::function<void(std::shared_ptr<Call>, const Json&)> work) {
  const std::string_view type = call->request().header("Content-Type");
  if (!type.empty() && !is_json(type)) {
    throw ApiException(
        {.status = 415, .message = "Content-Type wanted application/json", .code = "unsupported_media_type"});
  }
  workers_->post([call = std::move(call), work = std::move(work)] {
    try {
      const std::string& body = call->request().body;
      const JsonLimits limits{.bytes = static_cast<std::int64_t>(body.size()) + 1};
      Json request;
      try {
        request = Json::parse(body, "the request", limits);
      } catch (const Error& e) {
        refuse({}, e.what(), "invalid_json");
      }
      work(call, request);
    } catch (...) {
      call->fail(current_error());
    }
  });
}

void Service::serve(const ServedModel& model) { model_ = &model; }

void Service::drain() { draining_ = true; }

void Service::add(const std::shared_ptr<Generation>& generation) { active_.insert(generation); }
void Service::remove(const std::shared_ptr<Generation>& generation) { active_.erase(generation); }

void Service::cancel_all() {
  listener_.post([this] {
    const auto all = active_;
    for (const auto& generation : all) {
      generation->fail(
          {.status = 503, .message = "the server is shutting down", .type = "server_error", .code = "shutting_down"});
    }
  });
}

std::string Service::summary() {
  const ServedModel* model = model_.load();
  if (model == nullptr || model->backend == nullptr) return {};
  const EngineStats now = model->backend->stats();
  const double time = monotonic_seconds(), passed = std::max(time - last_time_, 1e-3);
  const std::int64_t prompt = now.prompt_tokens - last_.prompt_tokens;
  const std::int64_t generated = now.generated_tokens - last_.generated_tokens;
  const std::int64_t queries = now.prefix_queries - last_.prefix_queries, hits = now.prefix_hits - last_.prefix_hits;
  last_ = now;
  last_time_ = time;
  if (prompt == 0 && generated == 0 && now.running == 0 && now.waiting == 0) return {};
  const auto percent = [](std::int64_t part, std::int64_t whole) {
    return whole > 0 ? one_decimal(100.0 * static_cast<double>(part) / static_cast<double>(whole)) : std::string("0.0");
  };
  return text("running ", now.running, ", waiting ", now.waiting, ", state ",
              percent(now.used_pages - now.cached_pages, now.pages), " %, prompt ",
              one_decimal(static_cast<double>(prompt) / passed), " tokens/s, generation ",
              one_decimal(static_cast<double>(generated) / passed), " tokens/s, prefix hits ", percent(hits, queries),
              " %");
}

}  // namespace ttt::server
