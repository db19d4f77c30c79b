#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "server/api_error.h"
#include "server/backend.h"
#include "server/keys.h"
#include "server/listener.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/page.h"
#include "server/served_model.h"
#include "server/workers.h"

namespace ttt::server {

class Service;
class Generation;

enum class LogFormat : std::uint8_t { kText, kJson };

struct ServiceOptions {
  std::string version = {};  // "0.1.0"
  std::string build = {};    // what `ttt --version` prints
  LogFormat log_format = LogFormat::kText;
  bool log_requests = true;
  bool strict_requests = false;  // unknown fields are refused
  std::int64_t most_choices = 128, most_stops = 16, most_biases = 1024, most_log_probs = 20, most_texts = 2048;
  std::int64_t workers = 2;                       // threads that read requests
  std::vector<std::string> allowed_origins = {};  // of pages of other servers; "*": all
  std::span<const PageFile> page = {};
};

// One request from its arrival to the line in the log. Used by one thread at a time.
class Call {
 public:
  Call(Service& service, std::shared_ptr<Exchange> exchange);

  const HttpRequest& request() const { return exchange_->request(); }
  Service& service() { return service_; }
  Exchange& exchange() { return *exchange_; }
  double seconds() const;  // since the arrival

  void respond(HttpResponse response);
  void json(const Json& body, int status = 200);
  void fail(const ApiError& error);
  // A stream: its head, then frames, then its end.
  void begin_stream();
  void event(const Json& data);
  void raw_event(std::string frame) { exchange_->write(std::move(frame)); }
  void end_stream(bool close = false);
  bool streaming() const { return streaming_; }
  // The client went away: nothing more is sent.
  void gone();

  // For the log and the metrics.
  std::string handler = "other";
  std::string finish = {};
  std::optional<std::size_t> key = {};  // its number
  EngineUsage usage = {};
  double first_token_seconds = -1;

 private:
  void ended(int status, std::string_view error);
  void add_headers(HttpResponse& response) const;

  Service& service_;
  std::shared_ptr<Exchange> exchange_;
  double begin_;
  bool streaming_ = false, over_ = false;
};

// Routes requests to what answers them: what all of them share. It is made before the model, and answers "loading"
// until it has one.
class Service {
 public:
  Service(ServiceOptions options, Listener& listener, Log& log);
  ~Service() { stop(); }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  void handle(std::shared_ptr<Exchange> exchange);  // on the listener's thread
  Handler handler() {
    return [this](std::shared_ptr<Exchange> e) { handle(std::move(e)); };
  }

  // From now on requests are answered. The model must outlive the service.
  void serve(const ServedModel& model);
  // No further requests are taken, and /health says so.
  void drain();
  std::size_t active() const { return active_count_; }  // requests that are being answered
  // The engine cannot go on: another rank was lost.
  void lose() { lost_ = true; }
  bool lost() const { return lost_; }
  // Ends the generations that run with an error for the client.
  void cancel_all();
  // Forgets the model and what runs on it. The listener has been stopped.
  void stop();

  const ServiceOptions& options() const { return options_; }
  const ServedModel& model() const { return *model_; }
  const ServedModel* model_or_null() const { return model_; }
  void require_ready() const;  // else an error 503
  Metrics& metrics() { return metrics_; }
  Keys& keys() { return keys_; }
  bool keys_required() const { return keys_.required(); }
  Log& log() { return log_; }
  Listener& listener() { return listener_; }
  Workers& workers() { return *workers_; }
  // One line on what happened since the last one; empty: nothing did.
  std::string summary();

  // On the listener's thread.
  void add(const std::shared_ptr<Generation>& generation);
  void remove(const std::shared_ptr<Generation>& generation);
  void call_begins() { ++active_count_; }
  void call_ends() { --active_count_; }

  // Reads the body and calls `work` with it on a thread of the workers; what it throws becomes the answer.
  void read_body(std::shared_ptr<Call> call, std::function<void(std::shared_ptr<Call>, const Json&)> work);

 private:
  struct Route {
    std::string method, path;
    std::function<void(std::shared_ptr<Call>)> handle;
    bool open = false;   // needs no key
    bool early = false;  // answers while the model is loaded
  };
  void add_routes();
  void add_route(std::string method, std::string path, std::function<void(std::shared_ptr<Call>)> handle,
                 bool open = false, bool early = false);
  const Route& route_of(Call& call) const;
  void route(const std::shared_ptr<Call>& call);
  static void preflight(const std::shared_ptr<Call>& call);

  ServiceOptions options_;
  Listener& listener_;
  Log& log_;
  Metrics metrics_;
  Keys keys_;
  std::unique_ptr<Workers> workers_;
  std::vector<Route> routes_;
  std::atomic<const ServedModel*> model_ = nullptr;
  std::atomic<bool> draining_ = false, lost_ = false;
  std::atomic<std::size_t> active_count_ = 0;
  std::set<std::shared_ptr<Generation>> active_;
  EngineStats last_ = {};
  double last_time_ = 0;
};

double monotonic_seconds();
std::int64_t unix_seconds();

}  // namespace ttt::server
