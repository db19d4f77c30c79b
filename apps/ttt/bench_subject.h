#pragma once

#include <memory>
#include <optional>
#include <string>

#include "apps/ttt/options.h"
#include "apps/ttt/ranks.h"
#include "runtime/random_source.h"

namespace ttt::app {

// The options for weights in one format, a name of --format. Random weights (`random`) can also have the grouped
// formats that no values are rounded to. Errors are Error{kUsage}.
LoadOptions bench_options(const ModelOptions& options, const std::string& format, bool random);

// A model to measure: a checkpoint's, or random weights of a configuration's shape.
class BenchSubject {
 public:
  // `config`: a config.json, or empty for the checkpoint of the options. `most`: the largest run.
  BenchSubject(const ModelOptions& options, const std::string& config, const std::string& format,
               const RunnerConfig& most);

  ThreadPool& pool() { return bench_ ? *bench_->threads : *threads_; }
  const BuiltModel& built() const { return bench_ ? bench_->model.built : made_; }
  const LoadOptions& load() const { return load_; }
  std::int64_t weight_bytes() const;
  // The arithmetic that most of its parameters are multiplied in.
  kernels::ActivationForm form() const;

  Communicator& communicator = app::communicator();
  NoObserver observer;

 private:
  void build_random(const ModelOptions& options, const std::string& config, const RunnerConfig& most);

  LoadOptions load_;
  std::unique_ptr<ThreadPool> threads_;
  std::optional<Workbench> bench_;
  std::unique_ptr<RandomSource> random_;
  BuiltModel made_;
};

}  // namespace ttt::app
