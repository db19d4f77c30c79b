#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>

#include "apps/ttt/commands.h"
#include "apps/ttt/ranks.h"
#include "apps/ttt/serve_model.h"
#include "apps/ttt/signals.h"
#include "apps/ttt/standard_files.h"
#include "apps/ttt/version.h"
#include "base/error.h"
#include "server/notify.h"
#include "server/service.h"

namespace ttt::app {
namespace {

struct ServeFlags {
  ServeModelOptions model;
  server::ListenerOptions listener;
  std::optional<std::int64_t> max_model_len;
  std::optional<std::string> key_file, allowed_origins;
  std::string log_format = "text";
  double drain = 30;
  bool no_request_log = false, strict_requests = false, no_prefix_caching = false;
};

std::vector<std::string> read_keys(const std::string& file) {
  constexpr std::int64_t kMost = 1 << 20;
  return server::Keys::parse(read_input(file, kMost, "the keys"), file);
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::string_view rest = list;
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    if (comma > 0) parts.emplace_back(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return parts;
}

void check(const ServeFlags& f) {
  const auto at_least = [](std::string_view flag, auto value, auto least) {
    require(value >= least, ErrorKind::kUsage, flag, " wanted at least ", least, ", got ", value);
  };
  at_least("--max-num-seqs", f.model.engine.sequences, 1);
  at_least("--max-num-batched-tokens", f.model.engine.step_rows, 1);
  at_least("--max-queue", f.model.engine.waiting, 1);
  at_least("--max-connections", f.listener.most_connections, 1);
  at_least("--max-body-bytes", f.listener.most_body_bytes, 1024);
  at_least("--head-timeout", f.listener.head_seconds, 0.1);
  at_least("--idle-timeout", f.listener.idle_seconds, 0.1);
  at_least("--write-timeout", f.listener.write_seconds, 0.1);
  at_least("--min-byte-rate", f.listener.least_bytes_per_second, 1.0);
  at_least("--drain", f.drain, 0.0);
  require(f.log_format == "text" || f.log_format == "json", ErrorKind::kUsage,
          "--log-format wanted text or json, got \"", f.log_format, "\"");
}

// A descriptor for each connection, and some for files.
void raise_file_limit(std::int64_t connections) {
  constexpr rlim_t kOthers = 64;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = static_cast<rlim_t>(connections) + kOthers;
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
}

// What a log shows must not stop what it tells of: a stderr that was closed is no reason to end.
void write_log(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

server::ServiceOptions service_options(const ServeFlags& f) {
  server::ServiceOptions o{.version = version_number(),
                           .build = version_text(),
                           .log_format = f.log_format == "json" ? server::LogFormat::kJson : server::LogFormat::kText,
                           .log_requests = !f.no_request_log,
                           .strict_requests = f.strict_requests,
                           .page = page_files()};
  if (f.allowed_origins) o.allowed_origins = split(*f.allowed_origins);
  return o;
}

class Server {
 public:
  explicit Server(const ServeFlags& flags)
      : flags_(flags),
        log_(write_log),
        listener_(flags.listener, [this](const std::string& line) { tell("warning", line); }),
        service_(service_options(flags), listener_, log_) {
    if (flags.key_file) service_.keys().set(read_keys(*flags.key_file));
  }
  ~Server() { stop(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void open() {
    if (listener_.is_public() && !flags_.key_file) {
      tell("warning", text("anyone who reaches ", listener_.address(),
                           " may use the server: --api-key-file names a file with keys, --host 127.0.0.1 keeps it to "
                           "this machine"));
    }
    listener_.start(service_.handler());
  }

  // Until it is told to stop, or cannot go on because a rank was lost.
  void run(const server::ServedModel& model, const SignalQueue& signals) {
    service_.serve(model);
    tell("info", text("serving ", model.names.front(), " on http://", listener_.address()));
    notify("READY=1");
    double next = server::monotonic_seconds() + kSummarySeconds;
    while (!service_.lost()) {
      const int signal = signals.next(kTick);
      if (signal == SIGHUP && flags_.key_file) {
        reload();
      } else if (signal != 0) {
        return;
      }
      if (server::monotonic_seconds() < next) continue;
      next += kSummarySeconds;
      if (const std::string line = service_.summary(); !line.empty()) tell("info", line);
    }
  }

  // Finishes what runs, for some time, and takes nothing new.
  void drain(const SignalQueue& signals) {
    notify("STOPPING=1");
    service_.drain();
    tell("info", text("stopping: ", service_.active(), " requests are finished first, for at most ", flags_.drain,
                      " s; a second signal ends at once"));
    wait_until_idle(flags_.drain, signals);
    service_.cancel_all();
    wait_until_idle(1, signals);
    stop();
    tell("info", "stopped");
  }

  // Afterwards nothing uses the model.
  void stop() {
    listener_.stop();
    service_.stop();
  }

 private:
  static constexpr double kSummarySeconds = 5, kTick = 0.05;

  void tell(std::string_view level, const std::string& message) {
    if (flags_.log_format == "text") {
      return log_.line(text("ttt: ", level == "info" ? "" : text(level, ": "), message));
    }
    log_.line(Json(Json::Object{{"level", Json(level)}, {"message", Json(message)}}).dump());
  }

  static void notify(std::string_view state) {
    const char* socket = std::getenv("NOTIFY_SOCKET");
    if (socket != nullptr) server::notify_manager(socket, state);
  }

  void reload() {
    try {
      service_.keys().set(read_keys(*flags_.key_file));
      tell("info", "the keys were read again");
    } catch (const Error& e) {
      tell("warning", text("the keys stay as they were: ", e.what()));
    }
  }

  void wait_until_idle(double seconds, const SignalQueue& signals) const {
    const double end = server::monotonic_seconds() + seconds;
    while (service_.active() > 0 && server::monotonic_seconds() < end && !service_.lost()) {
      if (const int signal = signals.next(kTick); signal == SIGINT || signal == SIGTERM) _exit(128 + signal);
    }
  }

  const ServeFlags& flags_;
  server::Log log_;
  server::Listener listener_;
  server::Service service_;
};

// What the other ranks do: the engine's part of the model, until that of the first rank ends.
int follow(const ServeFlags& f) {
  ServeModel model(f.model);
  const SignalQueue left_to_the_first;
  model.engine()->drain();
  return 0;
}

int serve(ServeFlags f) {
  require(!f.max_model_len || f.model.model.context == 0, ErrorKind::kUsage,
          "--max-model-len and --ctx are the same and exclude each other");
  if (f.max_model_len) f.model.model.context = *f.max_model_len;
  f.model.engine.prefix_cache = !f.no_prefix_caching;
  check(f);
  if (!leads()) return follow(f);
  raise_file_limit(f.listener.most_connections);
  std::signal(SIGPIPE, SIG_IGN);
  std::optional<SignalsHeld> held(std::in_place);  // threads that are made now never take the process's signals
  Server server(f);
  server.open();
  held.reset();
  // It goes before the server, whose listener its engine may still wake.
  std::optional<ServeModel> model;
  try {
    model.emplace(f.model);
    const SignalQueue signals;
    server.run(model->served(), signals);
    server.drain(signals);
    if (model->engine() != nullptr) model->engine()->drain();  // throws what has ended it
  } catch (...) {
    server.stop();
    throw;
  }
  return 0;
}

}  // namespace

void add_serve(Arguments& arguments, std::span<const Family> families) {
  auto f = std::make_shared<ServeFlags>();
  Command c = arguments.command("serve", "Answers HTTP requests as the OpenAI API does",
                                "Example: ttt serve -m model.gguf --port 8000\n"
                                "         curl http://127.0.0.1:8000/v1/chat/completions -H 'Content-Type: "
                                "application/json' \\\n"
                                "           -d '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'",
                                [f] { return serve(*f); });
  server::ListenerOptions& listener = f->listener;
  EngineOptions& engine = f->model.engine;
  add_model_options(c, f->model.model, families);
  c.option("--host", listener.host, "address to listen on", Option::kShowsDefault);
  c.option("--port", listener.port, "port to listen on; 0: one that is free", Option::kShowsDefault);
  c.option("--api-key-file", f->key_file, "file with keys, one a line; requests must have one; SIGHUP reads it again");
  c.option("--served-model-name", f->model.served_names, "names of the model, with commas between them");
  c.option("--max-model-len", f->max_model_len, "as --ctx (default: the model's, at most 8192)");
  c.option("--max-num-seqs", engine.sequences, "sequences that run at the same time", Option::kShowsDefault);
  c.option("--max-num-batched-tokens", engine.step_rows, "tokens of one step", Option::kShowsDefault);
  c.option("--max-queue", engine.waiting, "requests that wait, at most", Option::kShowsDefault);
  c.option("--kv-cache-bytes", engine.state_bytes, "memory for the state; 0: as much as is useful and there",
           Option::kShowsDefault);
  c.flag("--no-prefix-caching", f->no_prefix_caching, "do not keep prefixes for later requests");
  c.option("--speculate", engine.speculate, "tokens guessed from the context in one step", Option::kShowsDefault);
  c.option("--chat-template", f->model.template_file, "file with a template, instead of the model's");
  c.option("--template-name", f->model.template_name, "which of a model's templates (default: default)");
  c.flag("--ignore-generation-config", f->model.ignore_generation_config, "do not read generation_config.json");
  c.flag("--strict-requests", f->strict_requests, "refuse requests with unknown fields");
  c.option("--allowed-origins", f->allowed_origins, "origins of other pages that may use the server, or *");
  c.option("--drain", f->drain, "seconds to finish requests in after SIGTERM or SIGINT", Option::kShowsDefault);
  c.option("--log-format", f->log_format, "text or json", Option::kShowsDefault);
  c.flag("--no-request-log", f->no_request_log, "no line for each request");
  c.option("--max-connections", listener.most_connections, "open connections, at most", Option::kShowsDefault);
  c.option("--max-body-bytes", listener.most_body_bytes, "bytes of a request's body, at most", Option::kShowsDefault);
  c.option("--head-timeout", listener.head_seconds, "seconds for the headers of a request", Option::kShowsDefault);
  c.option("--idle-timeout", listener.idle_seconds, "seconds between requests of a connection", Option::kShowsDefault);
  c.option("--write-timeout", listener.write_seconds, "seconds until a client must have read what was sent",
           Option::kShowsDefault);
  c.option("--min-byte-rate", listener.least_bytes_per_second, "bytes a second that a body must come or be read with",
           Option::kShowsDefault);
  c.read_environment("TTT");
}

}  // namespace ttt::app
