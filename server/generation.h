#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "server/service.h"

namespace ttt::server {

// Makes an answer of the events of a generation.
class AnswerWriter {
 public:
  virtual ~AnswerWriter() = default;
  // Of choice number `choice` of all prompts. On the listener's thread, as all of it.
  virtual void take(std::int64_t choice, EngineEvent& event) = 0;
  // Every choice has ended: sends what is left.
  virtual void finish(const EngineUsage& usage) = 0;
};

// The requests to the engine that one call makes: one for each prompt. Ends them all when one fails or the client goes.
class Generation : public std::enable_shared_from_this<Generation> {
 public:
  Generation(std::shared_ptr<Call> call, std::vector<EngineRequest> requests, std::unique_ptr<AnswerWriter> writer);

  // Starts `generation` on the listener's thread; may be called by any.
  static void start(const std::shared_ptr<Generation>& generation);

  void fail(const ApiError& error);

 private:
  void submit();
  void pump();
  void gone();
  void over();
  void observe(std::int64_t choice, const EngineEvent& event);
  EngineUsage usage() const;

  std::shared_ptr<Call> call_;
  std::vector<EngineRequest> requests_;
  std::unique_ptr<AnswerWriter> writer_;
  std::vector<std::unique_ptr<BackendStream>> streams_;
  std::vector<double> last_token_;  // of each choice
  std::int64_t choices_each_ = 1;
  bool over_ = false;
};

// The finish_reason of the API.
std::string_view finish_name(FinishReason reason);

}  // namespace ttt::server
