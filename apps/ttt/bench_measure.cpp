#include "apps/ttt/bench_measure.h"

#include <algorithm>

#include "base/error.h"
#include "bench/machine_peak/machine_peak.h"
#include "runtime/work.h"

namespace ttt::app {
namespace {

constexpr auto kNothing = [] {};

// A neighbour may have had the machine at one moment; the limit is what it could do at best.
bench::MachinePeak best_of(const bench::MachinePeak& a, const bench::MachinePeak& b) {
  return {.f32 = std::max(a.f32, b.f32),
          .bf16 = std::max(a.bf16, b.bf16),
          .int8 = std::max(a.int8, b.int8),
          .read_bandwidth = std::max(a.read_bandwidth, b.read_bandwidth)};
}

}  // namespace

BenchMeasurement::BenchMeasurement(const BenchQuestion& question) : question_(question) {
  const BenchLists& lists = question.lists;
  const std::size_t prompts = lists.contexts.empty() ? 0 : lists.prompts.size();
  const std::size_t decodes = lists.batches.size() * lists.decode_contexts().size();
  all_ = static_cast<std::int64_t>(lists.formats.size() * (1 + prompts + decodes));
}

BenchResults BenchMeasurement::run() {
  progress_.emplace();
  results_ = {.model = question_.config.empty() ? question_.model.model : question_.config,
              .generate = question_.generate,
              .repeat = question_.repeat};
  for (const std::string& format : question_.lists.formats) measure(format);
  measure_peak();
  progress_.reset();
  return results_;
}

// `chunk`: unless an option says another.
RunnerConfig BenchMeasurement::runner_config(std::int64_t sequences, std::int64_t rows, std::int64_t chunk) const {
  const ModelOptions& model = question_.model;
  return {.sequences = sequences,
          .context = std::max(rows + question_.generate, model.context),
          .chunk = model.chunk > 0 ? model.chunk : chunk,
          .wanted = sequences};
}

RunnerConfig BenchMeasurement::prompt_config(std::int64_t sequences, std::int64_t prompt) const {
  return runner_config(sequences, prompt, prompt);
}

RunnerConfig BenchMeasurement::context_config(std::int64_t sequences, std::int64_t context) const {
  return runner_config(sequences, context, RunnerConfig{}.chunk);
}

RunnerConfig BenchMeasurement::largest() const {
  const BenchLists& lists = question_.lists;
  const std::int64_t prompt = std::ranges::max(lists.prompts);
  const std::int64_t rows = std::max(prompt, std::ranges::max(lists.decode_contexts()));
  return runner_config(std::ranges::max(lists.batches), rows, prompt);
}

void BenchMeasurement::measure(const std::string& format) {
  const BenchLists& lists = question_.lists;
  subject_.reset();
  if (!results_.formats.empty()) memory_.restart();
  begin(text(format, ", loading"));
  FormatResult r{.name = format};
  r.load_seconds = seconds_of([&] { subject_.emplace(question_.model, question_.config, format, largest()); });
  r.peak_bytes = memory_.bytes();
  r.parameters = tree().parameters();
  r.weight_bytes = subject_->weight_bytes();
  r.form = subject_->form();
  results_.isa = name_of(subject_->load().traits.isa());
  results_.threads = subject_->pool().size();
  if (results_.formats.empty()) measure_peak();
  memory_.restart();
  if (lists.contexts.empty()) {
    for (const std::int64_t prompt : lists.prompts) after_the_prompt(r, prompt);
  } else {
    for (const std::int64_t prompt : lists.prompts) prefill(r, prompt);
  }
  const std::size_t measured = lists.contexts.empty() ? 1 : 0;  // batches
  for (std::size_t b = measured; b < lists.batches.size(); ++b) {
    for (const std::int64_t context : lists.decode_contexts()) decode(r, lists.batches[b], context);
  }
  results_.formats.push_back(std::move(r));
}

// Before the first format and after the last. What it needs itself is no part of the memory that is reported.
void BenchMeasurement::measure_peak() {
  progress_->show(text("bench ", done_, " of ", all_, ": the limits of the machine"));
  results_.peak = best_of(results_.peak, bench::measure_machine_peak(subject_->pool(), subject_->load().traits));
}

// The first batch without --context: each run is a prompt for every sequence, and what is generated after it.
void BenchMeasurement::after_the_prompt(FormatResult& r, std::int64_t prompt) {
  const std::int64_t batch = question_.lists.batches.front();
  begin(text(r.name, ", prefill ", prompt, " and decode, batch ", batch));
  PrefillResult p{.prompt = prompt, .sequences = batch};
  DecodeResult d{.batch = batch, .context = prompt, .steps = question_.generate};
  {
    Runner runner(subject_->built(), subject_->pool(), subject_->communicator, subject_->observer,
                  prompt_config(batch, prompt));
    count_prefill(p, runner.config());
    count_decode(d, runner.config());
    BenchBatch sequences(runner, batch);
    for (std::int64_t run = 0; run <= question_.repeat; ++run) {
      begin_run(run);
      const double prefill = seconds_of([&] { sequences.prefill(prompt, kNothing); });
      const double decode = seconds_of([&] { sequences.decode(question_.generate, kNothing); });
      if (run == 0) continue;  // pages in, caches and clocks warm
      p.runs.seconds.push_back(prefill);
      d.runs.seconds.push_back(decode);
    }
    p.runs.peak_bytes = d.runs.peak_bytes = memory_.bytes();
  }
  memory_.restart();
  r.prefills.push_back(std::move(p));
  r.decodes.push_back(std::move(d));
}

void BenchMeasurement::prefill(FormatResult& r, std::int64_t prompt) {
  const std::int64_t batch = question_.lists.batches.front();
  begin(text(r.name, ", prefill ", prompt));
  PrefillResult p{.prompt = prompt, .sequences = batch};
  {
    Runner runner(subject_->built(), subject_->pool(), subject_->communicator, subject_->observer,
                  prompt_config(batch, prompt));
    count_prefill(p, runner.config());
    BenchBatch sequences(runner, batch);
    for (std::int64_t run = 0; run <= question_.repeat; ++run) {
      begin_run(run);
      const double seconds = seconds_of([&] { sequences.prefill(prompt, kNothing); });
      if (run > 0) p.runs.seconds.push_back(seconds);
    }
    p.runs.peak_bytes = memory_.bytes();
  }
  memory_.restart();
  r.prefills.push_back(std::move(p));
}

void BenchMeasurement::decode(FormatResult& r, std::int64_t batch, std::int64_t context) {
  begin(text(r.name, ", decode, batch ", batch, ", context ", context));
  DecodeResult d{.batch = batch, .context = context, .steps = question_.generate};
  {
    Runner runner(subject_->built(), subject_->pool(), subject_->communicator, subject_->observer,
                  context_config(batch, context));
    count_decode(d, runner.config());
    BenchBatch sequences(runner, batch);
    sequences.fill(context);
    d.runs.peak_bytes = memory_.bytes();
    const bool copied = sequences.keep();
    for (std::int64_t run = 0; run <= question_.repeat; ++run) {
      begin_run(run);
      if (run > 0) sequences.rewind();
      const double seconds = seconds_of([&] { sequences.decode(question_.generate, kNothing); });
      if (run > 0) d.runs.seconds.push_back(seconds);
    }
    if (!copied) d.runs.peak_bytes = memory_.bytes();
  }
  memory_.restart();
  r.decodes.push_back(std::move(d));
}

BenchMeasurement::ByBlock BenchMeasurement::run_by_block() {
  const BenchLists& lists = question_.lists;
  const std::int64_t prompt = lists.prompts.back(), batch = lists.batches.back();
  TimeObserver times(static_cast<std::int64_t>(tree().places.size()));
  const auto begin = [&times] { times.begin(); };
  ByBlock found;
  {
    Runner runner(subject_->built(), subject_->pool(), subject_->communicator, times, prompt_config(batch, prompt));
    BenchBatch sequences(runner, batch);
    sequences.prefill(prompt, begin);
    found.prefill = times.counters();
    times.clear();
    if (lists.contexts.empty()) {
      sequences.decode(question_.generate, begin);
      found.decode = times.counters();
      return found;
    }
  }
  const std::int64_t context = lists.contexts.back();
  Runner runner(subject_->built(), subject_->pool(), subject_->communicator, times, context_config(batch, context));
  BenchBatch sequences(runner, batch);
  sequences.fill(context);
  times.clear();
  sequences.decode(question_.generate, begin);
  found.decode = times.counters();
  return found;
}

// A prompt is taken in chunks, each of which sees those before it.
void BenchMeasurement::count_prefill(PrefillResult& p, const RunnerConfig& config) {
  const double sequences = static_cast<double>(p.sequences);
  for (std::int64_t past = 0; past < p.prompt; past += config.chunk) {
    const std::int64_t rows = std::min(config.chunk, p.prompt - past);
    const PlannedStep::Entry entry{.rows = rows, .past = past};
    const StepPlan step =
        plan_step(subject_->built(), subject_->pool(), subject_->communicator, config, {&entry, 1}, 1);
    p.runs.operations += sequences * step.operations;
    p.runs.bytes += sequences * step_bytes(tree(), rows, 1, past + rows);
  }
  p.runs.memory = plan_runner(subject_->built(), subject_->pool(), subject_->communicator, config);
}

// As many times a step in the middle of the decode.
void BenchMeasurement::count_decode(DecodeResult& d, const RunnerConfig& config) {
  const std::int64_t past = d.context + d.steps / 2;
  const std::vector<PlannedStep::Entry> entries(static_cast<std::size_t>(d.batch), {.rows = 1, .past = past});
  const StepPlan step =
      plan_step(subject_->built(), subject_->pool(), subject_->communicator, config, entries, d.batch);
  d.runs.operations = static_cast<double>(d.steps) * step.operations;
  d.runs.bytes = static_cast<double>(d.steps) * decode_bytes(tree(), d.batch, past);
  d.runs.memory = plan_runner(subject_->built(), subject_->pool(), subject_->communicator, config);
}

void BenchMeasurement::begin(const std::string& what) {
  ++done_;
  what_ = text("bench ", done_, " of ", all_, ": ", what);
  progress_->show(what_);
}

void BenchMeasurement::begin_run(std::int64_t run) {
  progress_->show(run == 0 ? what_ + ", warming up" : text(what_, ", run ", run, " of ", question_.repeat));
}

}  // namespace ttt::app
