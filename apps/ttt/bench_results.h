#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/ttt/roofline.h"
#include "base/json.h"
#include "bench/machine_peak/machine_peak.h"
#include "kernels/matmul/matmul.h"
#include "runtime/plan_step.h"

namespace ttt::app {

// Some runs of the same work.
struct BenchRuns {
  std::vector<double> seconds = {};
  double operations = 0, bytes = 0;  // of one run: what the model's shape demands
  RunnerMemory memory = {};          // planned
  std::int64_t peak_bytes = 0;       // resident, with the weights
};

struct PrefillResult {
  std::int64_t prompt = 0, sequences = 0;
  BenchRuns runs = {};
};

struct DecodeResult {
  std::int64_t batch = 0, context = 0, steps = 0;
  BenchRuns runs = {};
};

struct FormatResult {
  std::string name = {};
  double load_seconds = 0;
  std::int64_t parameters = 0, weight_bytes = 0;
  std::int64_t peak_bytes = 0;  // resident while it was loaded
  kernels::ActivationForm form = kernels::ActivationForm::kF32;
  std::vector<PrefillResult> prefills = {};
  std::vector<DecodeResult> decodes = {};
};

struct BenchResults {
  std::string model = {}, isa = {};
  std::int64_t threads = 0, generate = 0, repeat = 0;
  bench::MachinePeak peak = {};
  std::vector<FormatResult> formats = {};
};

double peak_of(const bench::MachinePeak& peak, kernels::ActivationForm form);

// The figures of the first format, prompt, batch and context.
Json first_json(const BenchResults& results);
// The same with what it took of memory, and an array `rows` with every combination. after_the_prompt: each prompt has
// its own context, that behind it.
Json bench_json(const BenchResults& results, bool after_the_prompt);
void print_first(const BenchResults& results);
void print_tables(const BenchResults& results);
Roofline roofline_of(const BenchResults& results);

}  // namespace ttt::app
