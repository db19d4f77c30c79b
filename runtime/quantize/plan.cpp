#include "runtime/quantize/plan.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "checkpoint/weight_form.h"

namespace ttt {
namespace {

constexpr std::int64_t kGroup = 32;

// What blocks ask of one stored tensor.
struct Uses {
  std::optional<Format> matrix = {}, table = {};
  std::string matrix_path = {}, table_path = {};  // of the blocks that asked first
  bool transposed = false, sliced = false;
  std::optional<Shape> whole = {};  // the extents of a matrix that is asked for whole
};

// Answers as a plan does, and notes which formats are asked of which tensors.
class UseRecorder final : public WeightSource {
 public:
  explicit UseRecorder(const Checkpoint& checkpoint)
      : checkpoint_(checkpoint), headers_(std::make_unique<HeaderSource>(checkpoint)) {}

  ConstTensorView fetch(const WeightRequest& request) override {
    const ConstTensorView view = headers_->fetch(request);
    const StoredTensor* tensor = checkpoint_.find(request.full_name());
    // A request that failed is a problem of the plan, and told by it.
    if (tensor != nullptr) note(*tensor, request, view.format);
    return view;
  }
  bool has(const std::string& full_name) const override { return headers_->has(full_name); }

  const std::map<const StoredTensor*, Uses>& uses() const { return uses_; }
  std::unique_ptr<HeaderSource> take_headers() { return std::move(headers_); }

 private:
  void note(const StoredTensor& tensor, const WeightRequest& request, Format format) {
    Uses& uses = uses_[&tensor];
    if (request.use == WeightUse::kVector) return;
    const bool matrix = request.use == WeightUse::kMatrix;
    std::optional<Format>& wanted = matrix ? uses.matrix : uses.table;
    std::string& path = matrix ? uses.matrix_path : uses.table_path;
    if (wanted && *wanted != format) {
      fail(ErrorKind::kUnsupported,
           text(tensor.file, ": tensor ", tensor.name, " is one tensor, which ", path, " wants in ", name_of(*wanted),
                " and ", request.path, " in ", name_of(format), "; give both the same format"));
    }
    wanted = format;
    if (path.empty()) path = request.path;
    if (!matrix) return;
    uses.transposed = request.name.transposed;
    uses.sliced = request.name.outer >= 0;
    if (request.name.run == 0 && !uses.sliced) uses.whole = request.shape;
  }

  const Checkpoint& checkpoint_;
  std::unique_ptr<HeaderSource> headers_;
  std::map<const StoredTensor*, Uses> uses_;
};

void require_groups(const PlannedTensor& t, const std::string& block) {
  if (t.kept() || !is_grouped(t.format)) return;
  const int last = t.shape.rank() - 1;
  const std::int64_t in = t.shape[t.transposed ? last - 1 : last];
  require(in % kGroup == 0, ErrorKind::kUnsupported, t.source->file, ": tensor ", t.name, " has rows of ", in,
          " values, which are no groups of ", kGroup, " for ", name_of(t.format),
          "; leave it as stored: --impl with {\"", block, "\": ...}");
}

PlannedTensor as_matrix(const StoredTensor& source, const Uses& uses, Format format) {
  PlannedTensor t{.name = source.name, .source = &source, .format = format, .shape = source.shape, .used = true};
  if (t.kept() || !is_grouped(format)) return t;
  t.transposed = uses.transposed;
  // A convolution is written as the matrix that it is used as.
  if (!uses.sliced && source.shape.rank() > 2) {
    require(uses.whole.has_value() && !uses.transposed, ErrorKind::kUnsupported, source.file, ": tensor ", source.name,
            " of ", source.shape.to_string(), " cannot be written in ", name_of(format));
    t.shape = *uses.whole;
  }
  require_groups(t, uses.matrix_path);
  return t;
}

// Blocks of int4 are those of Q4_1, as which GGUF files hold them.
bool same_values(Format a, Format b) {
  const auto plain = [](Format f) { return f == Format::kInt4 ? Format::kQ4_1 : f; };
  return plain(a) == plain(b);
}

std::string module_of(const std::string& block) { return block.empty() ? "weight" : block + ".weight"; }

}  // namespace

QuantizePlan plan_quantize(const Checkpoint& checkpoint, std::span<const Family> families, const LoadOptions& options) {
  QuantizePlan plan;
  const std::string where = checkpoint.config_where();
  UseRecorder recorder(checkpoint);
  plan.model.built =
      build_model(family_of(families, checkpoint.config(), where), checkpoint.config(), where, recorder, options);
  plan.model.source = recorder.take_headers();
  plan.model.source->require_complete();
  for (const StoredTensor& source : checkpoint.tensors()) {
    const auto known = recorder.uses().find(&source);
    if (known == recorder.uses().end()) {
      plan.tensors.push_back({.name = source.name, .source = &source, .format = source.format, .shape = source.shape});
      continue;
    }
    const Uses& uses = known->second;
    const Format as_stored = source.format;
    const Format matrix = uses.matrix.value_or(as_stored), table = uses.table.value_or(as_stored);
    if (!uses.matrix || !uses.table || matrix == table) {
      plan.tensors.push_back(as_matrix(source, uses, uses.matrix ? matrix : table));
      continue;
    }
    PlannedTensor looked_up{
        .name = source.name, .source = &source, .format = table, .shape = source.shape, .used = true};
    require_groups(looked_up, uses.table_path);
    plan.tensors.push_back(std::move(looked_up));
    PlannedTensor head = as_matrix(source, uses, matrix);
    head.name = module_of(uses.matrix_path);
    require(checkpoint.find(head.name) == nullptr, ErrorKind::kUnsupported, source.file, ": tensor ", source.name,
            " is used as a table and as a matrix in another format, and ", head.name, " exists");
    plan.untied.push_back(head.name);
    plan.tensors.push_back(std::move(head));
  }
  std::ranges::sort(plan.tensors, {}, &PlannedTensor::name);
  return plan;
}

void require_same_model(const QuantizePlan& plan, const PlannedModel& written) {
  const auto& wanted = plan.model.built.tree->blocks;
  const auto& got = written.built.tree->blocks;
  require(wanted.size() == got.size(), ErrorKind::kInternal, "what was written has ", got.size(), " blocks, wanted ",
          wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const BlockRecord &a = wanted[i], &b = got[i];
    const std::string_view path = a.place.path;
    Json spec = a.spec;
    // Of a head whose table is written as a second tensor.
    const Json* tied = b.spec.find("tie_word_embeddings");
    if (tied != nullptr && !plan.untied.empty()) spec.set("tie_word_embeddings", *tied);
    require(a.block == b.block && path == b.place.path && spec == b.spec && a.weights.size() == b.weights.size(),
            ErrorKind::kUnsupported, "[", path, "] would be another ", a.block,
            " when loaded from the new checkpoint: wanted ", spec.dump(), ", got ", b.spec.dump());
    for (std::size_t w = 0; w < a.weights.size(); ++w) {
      const BoundWeight &x = a.weights[w], &y = b.weights[w];
      require(x.shape == y.shape && same_values(x.format, y.format), ErrorKind::kInternal, "[", path, "] ", x.name,
              " wanted ", name_of(x.format), " ", x.shape.to_string(), " from the new checkpoint, got ",
              name_of(y.format), " ", y.shape.to_string());
    }
  }
}

}  // namespace ttt
