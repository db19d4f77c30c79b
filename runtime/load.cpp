#include "runtime/load.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "base/checked.h"
#include "checkpoint/gguf_translate.h"
#include "collectives/self.h"
#include "runtime/longest_context.h"
#include "runtime/plan_step.h"
#include "runtime/rope_config.h"

namespace ttt {
namespace {

// Edits that turn a into b (Levenshtein).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

std::string gigabytes(std::int64_t bytes) {
  const std::int64_t tenths = (bytes + 50'000'000) / 100'000'000;
  return text(tenths / 10, ".", tenths % 10, " GB");
}

void require_memory(const PlannedModel& plan, const LoadOptions& options, const std::string& where) {
  const std::int64_t available = options.traits.available_bytes;
  if (available <= 0) return;
  std::optional<ThreadPool> one;
  ThreadPool& threads = options.threads != nullptr ? *options.threads : one.emplace(1);
  RunnerConfig run = options.run;
  run.context = plan.built.context;
  const std::int64_t weights = plan.source->bytes().owned;
  const std::int64_t needed =
      checked_add(weights, plan_runner(plan.built, threads, self_communicator(), run).total(), "memory");
  if (needed <= available) return;
  const BuiltModel* const built[] = {&plan.built};
  const std::int64_t fits = longest_context(built, threads, run, run.context, available - weights);
  const std::string hint = fits > 0              ? text("; --ctx ", fits, " fits")
                           : weights > available ? std::string("; the weights alone do not fit")
                                                 : std::string("; no context fits");
  fail(ErrorKind::kResources, text(where, ": weights and a run with context ", run.context, " need ", gigabytes(needed),
                                   ", ", gigabytes(available), " available", hint));
}

// A GGUF file is read as a configuration, but its author knows the file's keys.
std::string gguf_key_of(const ErrorParts& error, const GgufSpelling& gguf, const std::string& where) {
  if (error.where == where) {
    for (const GgufKey& k : gguf.keys) {
      if (!k.config.empty() && error.field == k.config) return text("key ", gguf.architecture, ".", k.key);
    }
  }
  const bool scaling = error.where == text(where, ": rope_scaling") || error.field == "rope_scaling";
  return scaling ? text("keys ", gguf.architecture, ".rope.scaling.*") : std::string();
}

}  // namespace

std::vector<GgufSpelling> gguf_spellings(std::span<const Family> families) {
  std::vector<GgufSpelling> all;
  for (const Family& f : families) all.insert(all.end(), f.gguf.begin(), f.gguf.end());
  return all;
}

const Family& family_of(std::span<const Family> families, const Json& config, const std::string& where) {
  const std::string& type = config.at("model_type", where).as_string(text(where, ": model_type"));
  std::string known;
  std::string_view nearest;
  std::size_t best = type.size();
  for (const Family& f : families) {
    for (const std::string_view t : f.model_types) {
      if (t == type) return f;
      known += text(known.empty() ? "" : ", ", t);
      if (const std::size_t d = distance(type, t); d < best) {
        best = d;
        nearest = t;
      }
    }
  }
  const std::string hint = best <= 2 && !nearest.empty() ? text("; did you mean \"", nearest, "\"?") : std::string();
  fail(ErrorKind::kUnsupported, text(where, ": model_type \"", type, "\" is not supported; supported: ", known, hint));
}

std::int64_t max_positions(const Json& config, const std::string& where) {
  ConfigReader reader(text_part(config), where);
  const std::optional<std::int64_t> rows = reader.positions("max_position_embeddings");
  return rows ? *rows : reader.positions("n_positions").value_or(0);
}

BuiltModel build_model(const Family& family, const Json& config, const std::string& where, WeightSource& source,
                       const LoadOptions& options) {
  constexpr std::int64_t kNoLimit = 4096;  // rows, for configurations that name none
  const std::int64_t limit = max_positions(config, where);
  BuiltModel built{.tree = std::make_unique<ModelTree>(),
                   .model = nullptr,
                   .context = options.context > 0
                                  ? options.context
                                  : rows_before_longrope(text_part(config), limit > 0 ? limit : kNoLimit),
                   .ignored = {},
                   .unknown = {},
                   .report = {.strict = options.strict, .allow_unknown_keys = options.allow_unknown_keys}};
  Overrides overrides;
  if (!options.impl.is_null()) overrides = Overrides(options.impl, options.impl_where);
  const BuildOptions build{.traits = options.traits,
                           .strategy = options.strategy,
                           .rank = options.rank,
                           .ranks = options.ranks,
                           .weight_format = options.weight_format,
                           .state_format = options.state_format,
                           .context = built.context,
                           .source_rows = options.source_rows,
                           .output = options.output};
  ConfigReader reader(config, where, &built.report);
  const ConfigReader::Part part(reader, text("family ", family.model_types.front()));
  try {
    built.model = family.make(Scope(source, *built.tree, overrides, build), reader);
    if (const std::int64_t most = built.model->max_rows(); most > 0) built.context = std::min(built.context, most);
    built.ignored = reader.ignored();
    built.unknown = reader.unknown();
  } catch (const Error& e) {
    // Blocks name their path and field, not the file that made them so.
    ErrorParts parts = e.parts();
    if (!parts.block || !parts.where.empty()) throw;
    parts.where = where;
    // With no option that could be at fault it is the file that asks for what cannot be.
    const bool asked = !options.impl.is_null() || options.weight_format || options.state_format || options.ranks > 1;
    fail(e.kind() == ErrorKind::kUsage && !asked ? ErrorKind::kBadData : e.kind(), std::move(parts));
  }
  overrides.require_all_used();
  return built;
}

PlannedModel plan_model(const Checkpoint& checkpoint, std::span<const Family> families, const LoadOptions& options) {
  PlannedModel plan{.source = std::make_unique<HeaderSource>(checkpoint), .built = {}};
  const std::string where = checkpoint.config_where();
  const Family& family = family_of(families, checkpoint.config(), where);
  try {
    plan.built = build_model(family, checkpoint.config(), where, *plan.source, options);
  } catch (const Error& e) {
    if (checkpoint.gguf() == nullptr || family.gguf.empty()) throw;
    ErrorParts parts = e.parts();
    const std::string key = gguf_key_of(parts, spelling_of(*checkpoint.gguf(), family.gguf), where);
    if (key.empty()) throw;
    parts.note += text(parts.note.empty() ? "" : "; ", key);
    fail(e.kind(), std::move(parts));
  }
  return plan;
}

namespace {

// What is made in less time than a file is worth.
constexpr std::int64_t kLeastCached = std::int64_t{4} << 20;

// Failing to write is no reason not to run.
void keep(const LoadOptions& options, const std::string& key, LoadedModel& loaded) {
  const std::vector<CachedPart> parts = loaded.weights->made();
  try {
    if (!write_cached(options.cache, key, loaded.checkpoint->path().string(), parts)) {
      loaded.notes.push_back(text("cache: the weights are not kept: beyond the limit of the cache, or of the disk"));
    }
  } catch (const Error& e) {
    loaded.notes.push_back(text("cache: ", e.what()));
  }
}

}  // namespace

LoadedModel load_model(std::shared_ptr<const Checkpoint> checkpoint, std::span<const Family> families,
                       const LoadOptions& options) {
  LoadedModel loaded;
  loaded.notes = checkpoint->notes();
  std::string key;  // in the cache; empty: it is not used
  {
    const PlannedModel plan = plan_model(*checkpoint, families, options);
    plan.source->require_complete();
    require_memory(plan, options, checkpoint->path().string());
    if (options.check) options.check(*plan.built.model);
    const std::vector<std::string> unused = plan.source->unused();
    if (!unused.empty()) {
      const std::string what =
          text(unused.size(), " tensors are not used by this model, the first is ", unused.front());
      require(!options.strict, ErrorKind::kBadData, checkpoint->path().string(), ": ", what);
      loaded.notes.push_back(what);
    }
    if (!options.cache.directory.empty() && plan.source->bytes().owned >= kLeastCached) {
      key = cache_key(*checkpoint, plan.source->made());
    }
  }
  loaded.checkpoint = std::move(checkpoint);
  if (!key.empty()) loaded.cached = CachedWeights::open(options.cache.directory, key);
  loaded.weights = std::make_unique<WeightStore>(*loaded.checkpoint, options.parallel_for, loaded.cached);
  const std::string where = loaded.checkpoint->config_where();
  const Family& family = family_of(families, loaded.checkpoint->config(), where);
  loaded.built = build_model(family, loaded.checkpoint->config(), where, *loaded.weights, options);
  if (loaded.cached != nullptr) loaded.notes.push_back(text("cache: weights from ", loaded.cached->path()));
  if (!key.empty() && loaded.cached == nullptr) keep(options, key, loaded);
  const ConfigReport& report = loaded.built.report;
  loaded.notes.insert(loaded.notes.end(), report.notes.begin(), report.notes.end());
  loaded.warnings = report.warnings;
  for (const ConfigReport::SameTensors& same : report.same_tensors) {
    if (loaded.checkpoint->same_values(same.first, same.second)) continue;
    require(!options.strict, ErrorKind::kBadData, same.message);
    loaded.warnings.push_back(same.message);
  }
  return loaded;
}

}  // namespace ttt
