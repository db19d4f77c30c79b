#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/ttt/bench_batch.h"
#include "apps/ttt/bench_lists.h"
#include "apps/ttt/bench_results.h"
#include "apps/ttt/bench_subject.h"
#include "apps/ttt/options.h"
#include "apps/ttt/peak_memory.h"
#include "runtime/observers/time_observer.h"

namespace ttt::app {

struct BenchQuestion {
  ModelOptions model;
  std::string config;  // a config.json for random weights; empty: the model's checkpoint
  BenchLists lists;
  std::int64_t generate = 0, repeat = 0;
};

// Measures one format after the other, with its progress on a terminal.
class BenchMeasurement {
 public:
  explicit BenchMeasurement(const BenchQuestion& question);

  BenchResults run();

  // One more run of the last format's last combination, with an observer: what it costs to look shall not be in the
  // figures of run(), which comes first.
  struct ByBlock {
    std::vector<TimeObserver::Counters> prefill, decode;
  };
  ByBlock run_by_block();
  const ModelTree& tree() const { return *subject_->built().tree; }

 private:
  RunnerConfig runner_config(std::int64_t sequences, std::int64_t rows, std::int64_t chunk) const;
  RunnerConfig prompt_config(std::int64_t sequences, std::int64_t prompt) const;
  RunnerConfig context_config(std::int64_t sequences, std::int64_t context) const;
  RunnerConfig largest() const;

  void measure(const std::string& format);
  void measure_peak();
  void after_the_prompt(FormatResult& r, std::int64_t prompt);
  void prefill(FormatResult& r, std::int64_t prompt);
  void decode(FormatResult& r, std::int64_t batch, std::int64_t context);

  void count_prefill(PrefillResult& p, const RunnerConfig& config);
  void count_decode(DecodeResult& d, const RunnerConfig& config);
  void begin(const std::string& what);
  void begin_run(std::int64_t run);  // 0: the one that warms up

  const BenchQuestion& question_;
  BenchResults results_;
  std::optional<BenchSubject> subject_;
  std::optional<Progress> progress_;
  PeakMemory memory_;
  std::string what_;
  std::int64_t done_ = 0, all_ = 0;
};

}  // namespace ttt::app
