#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "apps/ttt/options.h"
#include "runtime/embedder.h"
#include "runtime/engine/engine.h"
#include "server/served_model.h"

namespace ttt::app {

struct ServeModelOptions {
  ModelOptions model = {};
  std::optional<std::string> served_names = {};  // with commas between them
  std::optional<std::string> template_file = {}, template_name = {};
  bool ignore_generation_config = false;
  EngineOptions engine = {};
};

// A model with what answers requests for it.
class ServeModel {
 public:
  explicit ServeModel(const ServeModelOptions& options);
  ServeModel(const ServeModel&) = delete;
  ServeModel& operator=(const ServeModel&) = delete;

  const server::ServedModel& served() const { return served_; }
  Engine* engine() { return engine_.get(); }  // null: an encoder

 private:
  void load_decoder(const ServeModelOptions& options);
  void load_vocabularies();
  void load_templates(const ServeModelOptions& options);
  void load_embedder(const ServeModelOptions& options);
  void load_scores(const ServeModelOptions& options);

  std::shared_ptr<const Checkpoint> checkpoint_;
  std::optional<Tokenizer> tokenizer_;
  std::optional<Workbench> bench_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<server::Backend> backend_;
  std::unique_ptr<Runner> runner_;
  std::optional<Embedder> embedder_;
  std::mutex encoder_;  // one call at a time
  server::ServedModel served_;
};

}  // namespace ttt::app
