#include <map>
#include <string>
#include <utility>

#include "server/handlers.h"

namespace ttt::server {
namespace {

// What requests that say nothing are sampled with, as far as the checkpoint says it.
Json sampling_json(const GenerationDefaults& d) {
  Json json{Json::Object{}};
  if (d.temperature) json.set("temperature", *d.temperature);
  if (d.top_p) json.set("top_p", *d.top_p);
  if (d.top_k) json.set("top_k", *d.top_k);
  if (d.min_p) json.set("min_p", *d.min_p);
  if (d.repetition_penalty) json.set("repetition_penalty", *d.repetition_penalty);
  return json;
}

Json model_json(const ServedModel& model, const std::string& name) {
  Json json{Json::Object{}};
  json.set("id", name);
  json.set("object", "model");
  json.set("created", model.created);
  json.set("owned_by", "ttt");
  json.set("root", model.names.front());
  json.set("max_model_len", model.context);
  json.set("default_sampling_params", sampling_json(model.defaults));
  return json;
}

std::string engine_metrics(const ServedModel& model, const std::string& labels) {
  std::string out;
  const EngineStats s = model.backend->stats();
  const auto gauge = [&](std::string_view name, std::string_view help, double value) {
    write_metric(out, name, "gauge", help, value, labels);
  };
  const auto counter = [&](std::string_view name, std::string_view help, std::int64_t value) {
    write_metric(out, name, "counter", help, static_cast<double>(value), labels);
  };
  const double pages = static_cast<double>(std::max<std::int64_t>(1, s.pages));
  const auto used = static_cast<double>(s.used_pages - s.cached_pages);  // cached ones are given to who needs them
  gauge("ttt_num_requests_running", "Sequences that run now.", static_cast<double>(s.running));
  gauge("ttt_num_requests_waiting", "Requests in the queue.", static_cast<double>(s.waiting));
  gauge("ttt_kv_cache_usage_perc", "Share of the state's pages that sequences use, 0 to 1.", used / pages);
  gauge("ttt_kv_cache_pages", "Pages of the state.", static_cast<double>(s.pages));
  gauge("ttt_kv_cache_used_pages", "Pages that sequences use.", used);
  gauge("ttt_kv_cache_cached_pages", "Pages that hold prefixes for later requests.",
        static_cast<double>(s.cached_pages));
  counter("ttt_prompt_tokens_total", "Tokens of prompts that were read.", s.prompt_tokens);
  counter("ttt_generation_tokens_total", "Tokens that were generated.", s.generated_tokens);
  counter("ttt_prefix_cache_queries_total", "Tokens that were looked for in the prefix cache.", s.prefix_queries);
  counter("ttt_prefix_cache_hits_total", "Tokens that were found in the prefix cache.", s.prefix_hits);
  counter("ttt_num_preemptions_total", "Sequences that were set back to make room.", s.preemptions);
  counter("ttt_engine_steps_total", "Steps of the model.", s.steps);
  write_histogram(out, "ttt_engine_step_time_seconds", "A step of the model, with the choice of its tokens.",
                  {StepTimes::kBounds, s.step_times.counts, s.step_times.seconds}, labels);
  std::map<std::string, double> by_rank;
  for (std::size_t r = 0; r < s.exchange_seconds.size(); ++r) by_rank[label("rank", text(r))] = s.exchange_seconds[r];
  write_counters(out, "ttt_rank_exchange_seconds_total",
                 "Time of a rank in exchanges with others, mostly the wait for the slowest.", by_rank, labels);
  counter("ttt_spec_decode_num_draft_tokens_total", "Tokens that were guessed.", s.guessed);
  counter("ttt_spec_decode_num_accepted_tokens_total", "Guessed tokens that were right.", s.guessed_right);
  return out;
}

}  // namespace

void get_health(const std::shared_ptr<Call>& call) {
  call->service().require_ready();
  call->json(Json::Object{{"status", Json("ok")}});
}

void get_models(const std::shared_ptr<Call>& call) {
  const ServedModel& model = call->service().model();
  Json list{Json::Array{}};
  for (const std::string& name : model.names) list.push(model_json(model, name));
  call->json(Json::Object{{"object", Json("list")}, {"data", std::move(list)}});
}

void get_model(const std::shared_ptr<Call>& call) {
  constexpr std::string_view kPrefix = "/v1/models/";
  const ServedModel& model = call->service().model();
  const std::string name = call->request().path.substr(kPrefix.size());
  if (!model.known(name)) {
    throw ApiException({.status = 404,
                        .message = text("the model ", Json(name).dump(), " does not exist"),
                        .param = "model",
                        .code = "model_not_found"});
  }
  call->json(model_json(model, name));
}

void get_version(const std::shared_ptr<Call>& call) {
  const ServiceOptions& o = call->service().options();
  call->json(Json::Object{{"version", Json(o.version)}, {"build", Json(o.build)}});
}

void get_metrics(const std::shared_ptr<Call>& call) {
  Service& service = call->service();
  const ServedModel* model = service.model_or_null();
  const std::string labels = model == nullptr ? std::string() : label("model_name", model->names.front());
  std::string out;
  if (model != nullptr && model->backend != nullptr) out += engine_metrics(*model, labels);
  out += service.metrics().text_format(labels);
  const ListenerStats s = service.listener().stats();
  const auto number = [](std::int64_t v) { return static_cast<double>(v); };
  write_metric(out, "ttt_http_connections", "gauge", "Open connections.", number(s.connections));
  write_metric(out, "ttt_http_connections_accepted_total", "counter", "Connections since the start.",
               number(s.accepted));
  write_metric(out, "ttt_http_connections_refused_total", "counter", "Connections beyond the limit.",
               number(s.refused));
  write_metric(out, "ttt_http_slow_readers_total", "counter", "Answers that clients did not read in time.",
               number(s.slow_readers));
  write_metric(out, "ttt_http_bad_requests_total", "counter", "Requests that were not HTTP or beyond a limit.",
               number(s.bad_requests));
  write_metric(out, "ttt_log_lines_lost_total", "counter", "Lines that the log did not take.",
               number(service.log().lost()));
  write_metric(out, "ttt_build_info", "gauge", "1, with the version as a label.", 1,
               label("version", service.options().version));
  out += process_metrics();
  call->respond({.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = std::move(out)});
}

void get_openapi(const std::shared_ptr<Call>& call) { call->json(openapi_document(call->service())); }

}  // namespace ttt::server
