#include <array>
#include <chrono>
#include <cmath>
#include <ctime>

#include "server/service.h"

namespace ttt::server {
namespace {

std::string utc_time() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 64> s{};
  std::snprintf(s.data(), s.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900, utc.tm_mon + 1,
                utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, static_cast<int>(ms));
  return s.data();
}

// With three decimals.
double rounded(double seconds) { return std::round(seconds * 1000) / 1000; }

// Paths come from clients: one line, and not a long one.
std::string shown_path(const std::string& target) {
  constexpr std::size_t kLongest = 200;
  std::string s = target.substr(0, std::min(target.find('?'), kLongest));
  for (char& c : s) {
    if (c <= ' ' || c > '~') c = '?';
  }
  return s;
}

}  // namespace

double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Call::Call(Service& service, std::shared_ptr<Exchange> exchange)
    : service_(service), exchange_(std::move(exchange)), begin_(monotonic_seconds()) {}

double Call::seconds() const { return monotonic_seconds() - begin_; }

void Call::add_headers(HttpResponse& response) const {
  const std::string_view origin = request().header("Origin");
  if (origin.empty()) return;
  for (const std::string& allowed : service_.options().allowed_origins) {
    if (allowed != "*" && allowed != origin) continue;
    response.headers.emplace_back("Access-Control-Allow-Origin", allowed == "*" ? "*" : std::string(origin));
    response.headers.emplace_back("Access-Control-Expose-Headers", "X-Request-Id, Retry-After");
    if (allowed != "*") response.headers.emplace_back("Vary", "Origin");
    return;
  }
}

void Call::respond(HttpResponse response) {
  if (over_) return;
  const int status = response.status;
  add_headers(response);
  exchange_->respond(std::move(response));
  ended(status, {});
}

void Call::json(const Json& body, int status) { respond({.status = status, .body = body.dump()}); }

void Call::fail(const ApiError& error) {
  if (over_) return;
  service_.metrics().rejected(error.code);
  if (streaming_) {
    event(error.json());
    exchange_->end(true);
    return ended(error.status, error.message);
  }
  HttpResponse response = error.response();
  add_headers(response);
  exchange_->respond(std::move(response));
  ended(error.status, error.message);
}

void Call::begin_stream() {
  if (over_ || streaming_) return;
  streaming_ = true;
  HttpResponse head{.content_type = "text/event-stream; charset=utf-8",
                    .headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}}};
  add_headers(head);
  exchange_->begin(std::move(head));
}

void Call::event(const Json& data) { exchange_->write("data: " + data.dump() + "\n\n"); }

void Call::end_stream(bool close) {
  if (over_) return;
  exchange_->end(close);
  ended(200, {});
}

void Call::gone() {
  if (over_) return;
  service_.metrics().cancelled();
  finish = "cancelled";
  // What nginx logs for a client that closed its request.
  constexpr int kClientClosed = 499;
  ended(kClientClosed, "the client closed the connection");
}

void Call::ended(int status, std::string_view error) {
  over_ = true;
  service_.call_ends();
  service_.metrics().http_request(handler, request().method, status);
  if (!service_.options().log_requests) return;
  const bool generated = usage.prompt > 0;
  if (service_.options().log_format == LogFormat::kJson) {
    Json line{Json::Object{}};
    line.set("time", utc_time());
    line.set("level", status >= 500 ? "error" : "info");
    line.set("request_id", exchange_->id());
    line.set("peer", request().peer);
    if (key) line.set("key", static_cast<std::int64_t>(*key));
    line.set("method", request().method);
    line.set("path", shown_path(request().target));
    line.set("status", status);
    line.set("seconds", rounded(seconds()));
    if (generated) {
      line.set("prompt_tokens", usage.prompt);
      line.set("cached_tokens", usage.cached);
      line.set("generated_tokens", usage.generated);
      line.set("queue_seconds", rounded(usage.queue_seconds));
    }
    if (first_token_seconds >= 0) line.set("first_token_seconds", rounded(first_token_seconds));
    if (!finish.empty()) line.set("finish_reason", finish);
    if (!error.empty()) line.set("error", error);
    return service_.log().line(line.dump());
  }
  std::string line = text(utc_time(), " ", request().peer, " ", request().method, " ", shown_path(request().target),
                          " ", status, " ", rounded(seconds()), "s id=", exchange_->id());
  if (key) line += text(" key=", *key);
  if (generated) line += text(" prompt=", usage.prompt, " cached=", usage.cached, " generated=", usage.generated);
  if (first_token_seconds >= 0) line += text(" first_token=", rounded(first_token_seconds), "s");
  if (!finish.empty()) line += " finish=" + finish;
  if (!error.empty()) line += " error=" + Json(error).dump();
  service_.log().line(std::move(line));
}

}  // namespace ttt::server
