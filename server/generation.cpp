#include "server/generation.h"

#include <algorithm>
#include <utility>

#include "base/numerical_error.h"

namespace ttt::server {
namespace {

// An error that the engine ended a request with. What it says of the request was checked before; what is left is the
// server's.
ApiError error_of_event(const EngineEvent& event) {
  if (!event.error) {
    return {.status = 500, .message = "the generation failed", .type = "server_error", .code = "internal_error"};
  }
  ApiError error = error_of(*event.error);
  const bool numerical = is_numerical_error(*event.error);
  if (numerical || error.status == 400) {
    error.status = 500;
    error.type = "server_error";
    error.code = numerical ? "numerical_error" : "generation_failed";
  }
  return error;
}

}  // namespace

std::string_view finish_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kEnd:
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
    case FinishReason::kContext:
      return "length";
    case FinishReason::kCancelled:
      return "cancelled";
    default:
      return "error";
  }
}

Generation::Generation(std::shared_ptr<Call> call, std::vector<EngineRequest> requests,
                       std::unique_ptr<AnswerWriter> writer)
    : call_(std::move(call)), requests_(std::move(requests)), writer_(std::move(writer)) {
  choices_each_ = requests_.front().n;
  last_token_.assign(requests_.size() * static_cast<std::size_t>(choices_each_), -1);
}

void Generation::start(const std::shared_ptr<Generation>& generation) {
  generation->call_->exchange().post([generation] { generation->submit(); });
}

void Generation::submit() {
  Service& service = call_->service();
  service.add(shared_from_this());
  call_->exchange().on_gone([self = shared_from_this()] { self->gone(); });
  if (over_) return;
  try {
    Listener& listener = service.listener();
    const auto wake = [weak = weak_from_this(), &listener] {
      listener.post([weak] {
        if (const auto self = weak.lock()) self->pump();
      });
    };
    for (EngineRequest& request : requests_)
      streams_.push_back(service.model().backend->submit(std::move(request), wake));
    requests_.clear();
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::kPeerLost) service.lose();
    return fail(error_of(e));
  } catch (...) {
    return fail(current_error());
  }
  pump();
}

void Generation::observe(std::int64_t choice, const EngineEvent& event) {
  Metrics& metrics = call_->service().metrics();
  if (event.finish) {
    const std::string_view name = finish_name(*event.finish);
    if (call_->finish.empty()) call_->finish = name;
    if (*event.finish != FinishReason::kError && *event.finish != FinishReason::kCancelled) metrics.finished(name);
  }
  if (event.ids.empty()) return;
  const double now = call_->seconds();
  if (call_->first_token_seconds < 0) call_->first_token_seconds = now;
  double& last = last_token_.at(static_cast<std::size_t>(choice));
  if (last >= 0) metrics.token_gap((now - last) / static_cast<double>(event.ids.size()));
  last = now;
}

void Generation::pump() {
  if (over_) return;
  try {
    bool all_done = true;
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      while (std::optional<EngineEvent> event = streams_[i]->poll()) {
        const std::int64_t choice = static_cast<std::int64_t>(i) * choices_each_ + event->index;
        if (event->finish == FinishReason::kError || event->finish == FinishReason::kCancelled) {
          if (event->error && event->error->kind() == ErrorKind::kPeerLost) call_->service().lose();
          return fail(error_of_event(*event));
        }
        observe(choice, *event);
        writer_->take(choice, *event);
        if (over_) return;
      }
      all_done = all_done && streams_[i]->done();
    }
    if (!all_done) return;
    call_->usage = usage();
    call_->service().metrics().request({.prompt_tokens = call_->usage.prompt,
                                        .generation_tokens = call_->usage.generated,
                                        .seconds = call_->seconds(),
                                        .queue_seconds = call_->usage.queue_seconds,
                                        .prefill_seconds = call_->usage.prefill_seconds,
                                        .decode_seconds = call_->usage.decode_seconds,
                                        .first_token_seconds = call_->first_token_seconds});
    writer_->finish(call_->usage);
    over();
  } catch (...) {
    fail(current_error());
  }
}

EngineUsage Generation::usage() const {
  EngineUsage all;
  for (const auto& stream : streams_) {
    const EngineUsage one = stream->usage();
    all.prompt += one.prompt;
    all.cached += one.cached;
    all.generated += one.generated;
    all.queue_seconds = std::max(all.queue_seconds, one.queue_seconds);
    all.prefill_seconds = std::max(all.prefill_seconds, one.prefill_seconds);
    all.decode_seconds = std::max(all.decode_seconds, one.decode_seconds);
  }
  return all;
}

void Generation::fail(const ApiError& error) {
  if (over_) return;
  if (!streams_.empty()) call_->usage = usage();
  call_->finish = "error";
  call_->fail(error);
  over();
}

void Generation::gone() {
  if (over_) return;
  if (!streams_.empty()) call_->usage = usage();
  call_->gone();
  over();
}

void Generation::over() {
  over_ = true;
  streams_.clear();  // cancels what runs
  call_->service().remove(shared_from_this());
}

namespace {

class EngineBackendStream final : public BackendStream {
 public:
  explicit EngineBackendStream(EngineStream stream) : stream_(std::move(stream)) {}
  std::optional<EngineEvent> poll() override { return stream_.poll(); }
  bool done() const override { return stream_.done(); }
  EngineUsage usage() const override { return stream_.usage(); }

 private:
  EngineStream stream_;
};

class EngineBackend final : public Backend {
 public:
  explicit EngineBackend(Engine& engine) : engine_(engine) {}
  std::unique_ptr<BackendStream> submit(EngineRequest request, std::function<void()> wake) override {
    return std::make_unique<EngineBackendStream>(engine_.submit(std::move(request), std::move(wake)));
  }
  EngineStats stats() const override { return engine_.stats(); }
  std::int64_t context() const override { return engine_.context(); }

 private:
  Engine& engine_;
};

}  // namespace

std::unique_ptr<Backend> make_engine_backend(Engine& engine) { return std::make_unique<EngineBackend>(engine); }

}  // namespace ttt::server
