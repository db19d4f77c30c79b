#include "apps/ttt/bench_subject.h"

#include "base/checked.h"
#include "base/error.h"
#include "checkpoint/printable.h"
#include "runtime/plan_step.h"
#include "runtime/work.h"

namespace ttt::app {
namespace {

// The format that a configuration's checkpoint would have its matrices in.
Format stored_format(const Json& config) {
  for (const char* key : {"dtype", "torch_dtype"}) {
    const Json* v = config.find(key);
    if (v != nullptr && v->is_string() && v->as_string(key) == "float32") return Format::kF32;
  }
  return Format::kBF16;
}

std::string random_formats() {
  std::string names = "auto";
  for (int i = 0; i <= static_cast<int>(Format::kOther); ++i) {
    const Format f = static_cast<Format>(i);
    if (is_dense(f) || is_grouped(f)) names += text(" ", name_of(f));
  }
  return names;
}

}  // namespace

LoadOptions bench_options(const ModelOptions& options, const std::string& format, bool random) {
  ModelOptions one = options;
  one.format = random ? "auto" : format;
  LoadOptions load = load_options(one);
  if (!random || format == "auto") return load;
  load.weight_format = format_named(format);
  require(load.weight_format && (is_dense(*load.weight_format) || is_grouped(*load.weight_format)), ErrorKind::kUsage,
          "--format wanted one of: ", random_formats(), "; got \"", format, "\"");
  return load;
}

BenchSubject::BenchSubject(const ModelOptions& options, const std::string& config, const std::string& format,
                           const RunnerConfig& most)
    : load_(bench_options(options, format, !config.empty())) {
  if (!config.empty()) {
    build_random(options, config, most);
    return;
  }
  ModelOptions one = options;
  one.format = format;
  bench_.emplace(one, open_model(one), most);
}

void BenchSubject::build_random(const ModelOptions& options, const std::string& file, const RunnerConfig& most) {
  threads_ = make_threads(options, load_.traits);
  load_.context = most.context;
  const Json config = Json::parse(read_small_file(file, JsonLimits{}.bytes, "config.json"), file);
  const Family& family = family_of(options.families, config, file);
  {
    // As for a checkpoint: no weight is made before all are known to fit.
    RandomSource counted(stored_format(config), *threads_, RandomSource::Mode::kPlan);
    const BuiltModel planned = build_model(family, config, file, counted, load_);
    const std::int64_t needed =
        checked_add(counted.bytes(), plan_runner(planned, *threads_, communicator, most).total(), "memory");
    const std::int64_t available = load_.traits.available_bytes;
    require(available <= 0 || needed <= available, ErrorKind::kResources, file, ": weights and a run with context ",
            most.context, " need ", human_bytes(needed), ", ", human_bytes(available), " available");
  }
  random_ = std::make_unique<RandomSource>(stored_format(config), *threads_);
  made_ = build_model(family, config, file, *random_, load_);
}

std::int64_t BenchSubject::weight_bytes() const {
  if (!bench_) return random_->bytes();
  const WeightBytes bytes = bench_->model.weights->bytes();
  return bytes.mapped + bytes.owned;
}

kernels::ActivationForm BenchSubject::form() const {
  return matrix_work(*built().tree, load_.traits, load_.strategy).main();
}

}  // namespace ttt::app
