#include <algorithm>
#include <chrono>
#include <cstdio>

#include "apps/ttt/by_block.h"
#include "apps/ttt/commands.h"
#include "apps/ttt/options.h"
#include "apps/ttt/ranks.h"
#include "base/error.h"
#include "bench/machine_peak/machine_peak.h"
#include "runtime/random_source.h"
#include "runtime/work.h"

namespace ttt::app {
namespace {

struct BenchFlags {
  ModelOptions model;
  std::string config;
  std::int64_t prompt = 512, generate = 64, batch = 1, repeat = 3;
  bool json = false, by_block = false;
};

// A model to measure: a checkpoint's, or random weights of a configuration's shape.
struct Subject {
  std::unique_ptr<ThreadPool> threads;
  Communicator& communicator = app::communicator();
  NoObserver observer;
  LoadOptions load;
  std::optional<Workbench> bench;
  std::unique_ptr<RandomSource> random;
  BuiltModel made;
  double load_seconds = 0;

  ThreadPool& pool() { return bench ? *bench->threads : *threads; }
  const BuiltModel& built() const { return bench ? bench->model.built : made; }
};

double seconds_of(const auto& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double median(std::vector<double> v) {
  std::ranges::sort(v);
  return v[v.size() / 2];
}

// The format that a configuration's checkpoint would have its matrices in.
Format stored_format(const Json& config) {
  for (const char* key : {"dtype", "torch_dtype"}) {
    const Json* v = config.find(key);
    if (v != nullptr && v->is_string() && v->as_string(key) == "float32") return Format::kF32;
  }
  return Format::kBF16;
}

void build_random(Subject& s, const BenchFlags& f, std::int64_t context) {
  s.load = load_options(f.model);
  s.threads = make_threads(f.model, s.load.traits);
  s.load.context = context;
  const Json config = Json::parse(read_small_file(f.config, JsonLimits{}.bytes, "config.json"), f.config);
  s.random = std::make_unique<RandomSource>(stored_format(config), *s.threads);
  s.made = build_model(family_of(f.model.families, config, f.config), config, f.config, *s.random, s.load);
}

std::vector<std::int32_t> prompt_ids(const Runner& runner, const BenchFlags& f) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(f.prompt));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ids[i] = static_cast<std::int32_t>((i * 7919 + 13) % static_cast<std::size_t>(runner.vocab()));
  }
  return ids;
}

// The sequences that are measured: each takes the prompt, then all grow by a token a step.
class Batch {
 public:
  Batch(Runner& runner, const BenchFlags& f)
      : runner_(runner), prompt_(prompt_ids(runner, f)), next_(static_cast<std::size_t>(f.batch), 1) {
    for (std::int64_t b = 0; b < f.batch; ++b) sequences_.push_back(runner.create());
    for (Sequence& s : sequences_) {
      wanted_.push_back(static_cast<std::int64_t>(entries_.size()));
      entries_.push_back({.sequence = &s, .rows = 1});
    }
  }

  void prefill(auto before_each) {
    for (Sequence& s : sequences_) {
      before_each();
      runner_.extend(s, prompt_);
    }
  }
  void decode(std::int64_t steps, auto before_each) {
    for (std::int64_t i = 0; i < steps; ++i) {
      before_each();
      runner_.step(entries_, next_, wanted_);
    }
  }

 private:
  Runner& runner_;
  std::vector<std::int32_t> prompt_, next_;
  std::vector<Sequence> sequences_;
  std::vector<StepEntry> entries_;
  std::vector<std::int64_t> wanted_;
};

struct Timing {
  double prefill_seconds = 0, decode_seconds = 0;
};

Timing run_once(Runner& runner, const BenchFlags& f) {
  const auto nothing = [] {};
  Batch batch(runner, f);
  Timing t;
  t.prefill_seconds = seconds_of([&] { batch.prefill(nothing); });
  t.decode_seconds = seconds_of([&] { batch.decode(f.generate, nothing); });
  return t;
}

double peak_of(const bench::MachinePeak& peak, kernels::ActivationForm form) {
  if (form == kernels::ActivationForm::kInt8) return peak.int8;
  return form == kernels::ActivationForm::kBF16 ? peak.bf16 : peak.f32;
}

bench::MachinePeak best_of(const bench::MachinePeak& a, const bench::MachinePeak& b) {
  return {.f32 = std::max(a.f32, b.f32),
          .bf16 = std::max(a.bf16, b.bf16),
          .int8 = std::max(a.int8, b.int8),
          .read_bandwidth = std::max(a.read_bandwidth, b.read_bandwidth)};
}

Json machine_json(const bench::MachinePeak& peak, const DeviceTraits& traits, std::int64_t threads) {
  return Json(Json::Object{{"isa", name_of(traits.isa())},
                           {"threads", threads},
                           {"f32_ops_per_s", peak.f32},
                           {"bf16_ops_per_s", peak.bf16},
                           {"int8_ops_per_s", peak.int8},
                           {"read_bytes_per_s", peak.read_bandwidth}});
}

void print_text(const Json& out) {
  for (const auto& [key, value] : out.as_object("bench")) {
    std::printf("%-28s %s\n", key.c_str(), value.is_string() ? value.as_string(key).c_str() : value.dump().c_str());
  }
}

Json figures(Subject& s, const BenchFlags& f, const RunnerConfig& config, const bench::MachinePeak& peak,
             double prefill_s, double decode_s) {
  const ModelTree& tree = *s.built().tree;
  const auto form = matrix_work(tree, s.load.traits, s.load.strategy).main();
  const double batch = static_cast<double>(f.batch);
  const std::int64_t rows = std::min(f.prompt, config.chunk);
  const double operations = batch * plan_step(s.built(), s.pool(), s.communicator, config, rows, 1).operations *
                            static_cast<double>(f.prompt) / static_cast<double>(rows);
  const double steps = static_cast<double>(f.generate);
  const double bytes = decode_bytes(tree, f.batch, f.prompt + f.generate / 2);
  return Json(Json::Object{{"model", f.config.empty() ? f.model.model : f.config},
                           {"parameters", tree.parameters()},
                           {"prompt", f.prompt},
                           {"generate", f.generate},
                           {"batch", f.batch},
                           {"repeat", f.repeat},
                           {"load_s", s.load_seconds},
                           {"prefill_tokens_per_s", batch * static_cast<double>(f.prompt) / prefill_s},
                           {"decode_tokens_per_s", batch * steps / decode_s},
                           {"prefill_share_of_peak", operations / prefill_s / peak_of(peak, form)},
                           {"prefill_peak", name_of(form)},
                           {"prefill_share_by_peak", Json(Json::Object{{"f32", operations / prefill_s / peak.f32},
                                                                       {"bf16", operations / prefill_s / peak.bf16},
                                                                       {"int8", operations / prefill_s / peak.int8}})},
                           {"prefill_operations", operations},
                           {"decode_share_of_bandwidth", bytes * steps / decode_s / peak.read_bandwidth},
                           {"decode_bytes_per_step", bytes},
                           {"machine", machine_json(peak, s.load.traits, s.pool().size())}});
}

struct ByBlock {
  std::vector<TimeObserver::Counters> prefill, decode;
};

// One more run, with an observer: what it costs to look shall not be in the figures above.
ByBlock run_by_block(Subject& s, const RunnerConfig& config, const BenchFlags& f) {
  TimeObserver times(s.built().tree->places.size());
  Runner runner(s.built(), s.pool(), s.communicator, times, config);
  const auto begin = [&times] { times.begin(); };
  Batch batch(runner, f);
  batch.prefill(begin);
  ByBlock found{.prefill = times.counters(), .decode = {}};
  times.clear();
  batch.decode(f.generate, begin);
  found.decode = times.counters();
  return found;
}

int bench(const BenchFlags& f) {
  require(f.model.model.empty() != f.config.empty(), ErrorKind::kUsage, "one of -m and --config is wanted");
  require(f.prompt >= 1 && f.generate >= 1 && f.batch >= 1 && f.repeat >= 1, ErrorKind::kUsage,
          "--prompt, --generate, --batch and --repeat wanted positive numbers");
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  require(std::max({f.prompt, f.generate, f.batch, f.repeat}) <= kMost, ErrorKind::kUsage,
          "--prompt, --generate, --batch and --repeat wanted at most ", kMost);
  const std::int64_t rows = f.prompt + f.generate;
  const std::int64_t context = std::max(rows, f.model.context);
  const RunnerConfig run{.sequences = f.batch,
                         .context = context,
                         .chunk = f.model.chunk > 0 ? f.model.chunk : f.prompt,
                         .wanted = f.batch};
  Subject s;
  s.load_seconds = seconds_of([&] {
    if (f.config.empty()) {
      s.bench.emplace(f.model, open_model(f.model), run);
      s.load = s.bench->load;
    } else {
      build_random(s, f, context);
    }
  });
  Runner runner(s.built(), s.pool(), s.communicator, s.observer, run);
  const bench::MachinePeak before = bench::measure_machine_peak(s.pool(), s.load.traits);

  run_once(runner, f);  // pages in, caches and clocks warm
  std::vector<double> prefill, decode;
  for (std::int64_t i = 0; i < f.repeat; ++i) {
    const Timing t = run_once(runner, f);
    prefill.push_back(t.prefill_seconds);
    decode.push_back(t.decode_seconds);
  }
  // A neighbour may have had the machine at either moment; the limit is what it could do at best.
  const bench::MachinePeak peak = best_of(before, bench::measure_machine_peak(s.pool(), s.load.traits));

  const double prefill_s = median(prefill), decode_s = median(decode);
  Json out = figures(s, f, runner.config(), peak, prefill_s, decode_s);
  const ModelTree& tree = *s.built().tree;
  if (!f.by_block) {
    f.json ? void(std::printf("%s\n", out.dump(2).c_str())) : print_text(out);
    return 0;
  }
  const ByBlock blocks = run_by_block(s, runner.config(), f);
  const MachineLimit limit{peak_of(peak, matrix_work(tree, s.load.traits, s.load.strategy).main()),
                           peak.read_bandwidth};
  if (f.json) {
    out.set("prefill_by_block", by_block_json(tree, blocks.prefill, limit));
    out.set("decode_by_block", by_block_json(tree, blocks.decode, limit));
    std::printf("%s\n", out.dump(2).c_str());
    return 0;
  }
  print_text(out);
  const std::string of_sequences = f.batch == 1 ? "" : text(" for each of ", f.batch, " sequences");
  print_by_block(text("\nprefill of ", f.prompt, " tokens", of_sequences), tree, blocks.prefill, limit);
  print_by_block(text("\ndecode of ", f.generate, " tokens", of_sequences), tree, blocks.decode, limit);
  return 0;
}

}  // namespace

void add_bench(Arguments& arguments, std::span<const Family> families) {
  auto f = std::make_shared<BenchFlags>();
  Command c =
      arguments.command("bench", "Speed of prefill and decode, with the share of the machine's measured limit",
                        "Example: ttt bench -m model.gguf --prompt 512 --generate 64\n"
                        "         ttt bench --config config.json --format bf16 --json   (random weights of that shape)",
                        [f] { return bench(*f); });
  add_model_options(c, f->model, families);
  c.make_optional("--model");
  c.option("--config", f->config, "config.json of the shape to measure with random weights");
  c.option("--prompt", f->prompt, "tokens of a prompt", Option::kShowsDefault);
  c.option("--generate", f->generate, "tokens to generate", Option::kShowsDefault);
  c.option("--batch", f->batch, "sequences at once", Option::kShowsDefault);
  c.option("--repeat", f->repeat, "repetitions; medians are printed", Option::kShowsDefault);
  c.flag("--by-block", f->by_block, "also time, bytes, operations and share of the limit of every block");
  c.flag("--json", f->json, "print JSON");
}

}  // namespace ttt::app
