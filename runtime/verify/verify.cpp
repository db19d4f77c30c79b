#include "runtime/verify/verify.h"

#include <algorithm>

#include "linear/default_config.h"
#include "runtime/verify/verify_run.h"
#include "testing/metrics.h"

namespace ttt {
namespace {

// Rounding of one product in that form, as a share of its range; a few layers add up to less than an order of it.
double tolerance_of(kernels::ActivationForm form) {
  if (form == kernels::ActivationForm::kF32) return 1e-4;
  return form == kernels::ActivationForm::kBF16 ? 3e-2 : 6e-2;
}

double derived_tolerance(const ModelTree& tree, const LoadOptions& load, const std::string& dtype) {
  double tolerance = dtype == "float32" ? 1e-4 : dtype == "float16" ? 1e-2 : 3e-2;
  const LinearImplConfig linear = default_linear_config(load.traits, load.strategy);
  for (const BlockRecord& b : tree.blocks) {
    for (const BoundWeight& w : b.weights) {
      if (w.use != WeightUse::kMatrix) continue;
      const auto form = linear.activation.value_or(default_activation(load.traits, w.format));
      tolerance = std::max(tolerance, tolerance_of(form));
    }
  }
  return tolerance;
}

const BuiltBlock* block_around(const std::vector<BuiltBlock>& blocks, const std::string& path) {
  const BuiltBlock* nearest = nullptr;
  for (const BuiltBlock& b : blocks) {
    const bool holds = path == b.path || (path.starts_with(b.path) && path[b.path.size()] == '.');
    if (holds && (nearest == nullptr || b.path.size() > nearest->path.size())) nearest = &b;
  }
  return nearest;
}

// The factor that one block's product misses before it is added to the residual stream, when that would explain the
// recorded input of the block that follows.
std::string residual_hint(const std::vector<Written>& written, std::size_t at, const std::string& name,
                          const Trace& trace, double tolerance) {
  const std::optional<testing::Values> input = trace.values(name + ":in");
  if (!input) return {};
  for (std::size_t i = at; i-- > 0;) {
    const Written& w = written[i];
    if (w.product.empty() || w.product.size() != input->data.size()) continue;
    std::vector<float> added(input->data);
    for (std::size_t k = 0; k < added.size(); ++k) added[k] -= w.before[k];
    const auto factor = agreeing_factor(added, w.product, tolerance);
    return factor ? text("the output of ", w.path, " is added times ", *factor, " in the recording") : std::string();
  }
  return {};
}

std::string hint_for(const VerifyReport& report, const std::vector<Written>& written, std::size_t at,
                     const std::string& name, const Trace& trace) {
  if (!report.first_alone) return "its input was not recorded, or it is of a type that cannot be built alone";
  if (!report.causes.empty()) return {};
  if (!report.first_alone->agrees) {
    return report.tried > 0 ? "no other Spec that was tried agrees: a weight or a formula differs" : std::string();
  }
  const std::string residual = residual_hint(written, at, name, trace, report.tolerance);
  return residual.empty() ? "on its recorded input it agrees: what reaches it differs" : residual;
}

// What recordings call a place of the model.
std::string name_in_trace(const std::vector<BuiltBlock>& blocks, const std::string& path) {
  const BuiltBlock* block = block_around(blocks, path);
  return block == nullptr ? path : block->recorded + path.substr(block->path.size());
}

// Moves the places that differ for which `is_right` to those that were recorded as something else.
template <class IsRight>
void set_aside(VerifyReport& report, const IsRight& is_right) {
  const auto kept = std::stable_partition(report.places.begin(), report.places.end(),
                                          [&](const PlaceComparison& c) { return c.agrees || !is_right(c); });
  report.otherwise.insert(report.otherwise.end(), std::make_move_iterator(kept),
                          std::make_move_iterator(report.places.end()));
  report.places.erase(kept, report.places.end());
}

// A part of a block that differs while the block agrees was recorded as something else: a router's logits before or
// after its softmax, say.
void set_aside_parts(const std::vector<BuiltBlock>& blocks, VerifyReport& report) {
  const std::vector<PlaceComparison> all = report.places;
  set_aside(report, [&](const PlaceComparison& part) {
    const BuiltBlock* block = block_around(blocks, part.path);
    if (block == nullptr || block->path == part.path) return false;
    const auto whole = std::ranges::find(all, block->path, &PlaceComparison::path);
    return whole != all.end() && whole->agrees;
  });
}

// Where the model's output agrees, a block that differs on the way was recorded as something else, unless another Spec
// of it agrees better.
void set_aside_blocks(const std::vector<BuiltBlock>& blocks, const Bystander& bystander, const std::string& output,
                      VerifyReport& report) {
  if (report.places.empty() || report.places.back().path != output || !report.places.back().agrees) return;
  set_aside(report, [&](const PlaceComparison& c) {
    const BuiltBlock* block = block_around(blocks, c.path);
    if (block == nullptr) return true;
    VerifyReport tried{.tolerance = report.tolerance};
    bystander.find_causes(*block, tried);
    return std::ranges::none_of(tried.causes, [](const Cause& cause) { return cause.agrees && cause.of_spec; });
  });
}

void compare_run(const std::vector<BuiltBlock>& blocks, const std::vector<Written>& written, const Trace& trace,
                 const Bystander& bystander, VerifyReport& report) {
  for (const Written& w : written) {
    std::optional<PlaceComparison> c = compare_written(trace, name_in_trace(blocks, w.path), w, report.tolerance);
    if (!c) continue;
    if (const BuiltBlock* block = block_around(blocks, c->path)) {
      c->block = block->path == c->path ? block->block : "part of " + block->block;
    }
    report.places.push_back(std::move(*c));
  }
  set_aside_parts(blocks, report);
  if (!written.empty()) set_aside_blocks(blocks, bystander, written.back().path, report);
  const auto first = std::ranges::find(report.places, false, &PlaceComparison::agrees);
  if (first == report.places.end()) return;
  report.first = first - report.places.begin();
  const auto at = std::ranges::find(written, first->path, &Written::path);
  if (const BuiltBlock* block = block_around(blocks, first->path)) bystander.find_causes(*block, report);
  report.hint = hint_for(report, written, static_cast<std::size_t>(at - written.begin()),
                         name_in_trace(blocks, first->path), trace);
}

void compare_alone(const std::vector<BuiltBlock>& blocks, const Bystander& bystander, VerifyReport& report) {
  for (const BuiltBlock& b : blocks) {
    std::optional<PlaceComparison> c = bystander.run(b, b.spec);
    if (!c) continue;
    if (!c->agrees && !report.first) {
      report.first = static_cast<std::int64_t>(report.places.size());
      bystander.find_causes(b, report);
    }
    report.places.push_back(std::move(*c));
  }
}

}  // namespace

VerifyReport verify(const LoadedModel& model, std::span<const Family> families, const LoadOptions& load,
                    const Trace& trace, ThreadPool& threads, const VerifyOptions& options) {
  require(load.ranks == 1, ErrorKind::kUnsupported, "a recording is compared on one rank, got ", load.ranks);
  require(options.tolerance >= 0, ErrorKind::kUsage, "a tolerance wanted 0 or more, got ", options.tolerance);
  const std::string where = model.checkpoint->config_where();
  // Built once more over the same weights, to see what every block asks for.
  RequestLog log(*model.weights);
  const Json& config = model.checkpoint->config();
  const BuiltModel built = build_model(family_of(families, config, where), config, where, log, load);
  const std::vector<BuiltBlock> blocks = log.blocks(*built.tree);
  VerifyReport report{.trace = trace.path(),
                      .model_type = trace.metadata("model_type"),
                      .dtype = trace.metadata("dtype"),
                      .tokens = static_cast<std::int64_t>(trace.ids().size()),
                      .alone = options.alone};
  report.tolerance = options.tolerance > 0 ? options.tolerance : derived_tolerance(*built.tree, load, report.dtype);
  for (const std::int32_t id : trace.ids()) {
    require(id >= 0 && id < built.model->vocab_size(), ErrorKind::kBadData, trace.path(), ": token id wanted 0 to ",
            built.model->vocab_size() - 1, ", got ", id);
  }
  const Bystander bystander(trace, *model.weights, load.traits, options, report.tolerance, threads.size());
  if (options.alone) {
    compare_alone(blocks, bystander, report);
  } else {
    compare_run(blocks, run_observed(built, trace.ids(), threads), trace, bystander, report);
  }
  for (const BuiltBlock& b : blocks) {
    const auto compared = [&](const std::vector<PlaceComparison>& all) {
      return std::ranges::find(all, b.path, &PlaceComparison::path) != all.end();
    };
    if (!compared(report.places) && !compared(report.otherwise)) {
      report.not_compared.push_back(b.path);
    }
  }
  require(!report.places.empty(), ErrorKind::kBadData, trace.path(), ": no module of the recording is a block of ",
          model.checkpoint->path().string());
  return report;
}

}  // namespace ttt
