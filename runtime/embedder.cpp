#include "runtime/embedder.h"

#include <algorithm>
#include <numeric>

#include "kernels/rows/add_rows.h"
#include "model/blocks.h"

namespace ttt {

Embedder::Embedder(Runner& runner, ThreadPool& threads, const EmbeddingModules& modules)
    : runner_(runner),
      hidden_(runner.output_size()),
      width_(hidden_),
      scratch_(Scratch::planned()),
      exec_(threads, scratch_, self_communicator(), observer_) {
  require(runner.model().output() == OutputKind::kHiddenStates, ErrorKind::kUnsupported,
          "embeddings wanted a model whose output is hidden states, got ", name_of(runner.model().output()));
  Overrides none;
  // One row for each text: rounding would save no time.
  const BuildOptions options{.traits = query_device_traits(), .strategy = Strategy::kAccuracy};
  for (const EmbeddingModules::DenseModule& m : modules.dense) {
    require(m.spec.input_dim == width_, ErrorKind::kBadData, m.directory.string(), ": in_features wanted ", width_,
            ", got ", m.spec.input_dim);
    Layer& layer = layers_.emplace_back();
    layer.checkpoint = open_checkpoint(m.directory, {});
    layer.weights = std::make_unique<WeightStore>(*layer.checkpoint);
    layer.dense.push_back(make<Dense>(Scope(*layer.weights, tree_, none, options) / "linear", m.spec));
    width_ = m.spec.output_dim;
  }
  class : public WeightSource {
   public:
    ConstTensorView fetch(const WeightRequest&) override { return {}; }
    bool has(const std::string&) const override { return false; }
  } nothing;  // poolings have no weights
  const Scope scope(nothing, tree_, none, options);
  const bool at_once = modules.normalize && modules.dense.empty();
  pooling_.push_back(
      make<Pooling>(scope / "pooling", {.hidden_dim = hidden_, .kind = modules.pooling, .normalize = at_once}));
  if (modules.normalize && !at_once) {
    normalize_.push_back(
        make<Pooling>(scope / "normalize", {.hidden_dim = width_, .kind = PoolingKind::kCls, .normalize = true}));
  }
  plan(threads);
}

void Embedder::finish(Exec& exec, const BatchView& batch, ConstTensorView states, TensorView result) const {
  Scratch::Frame frame(exec.scratch);
  TensorView x = frame.take({batch.seqs(), hidden_});
  pooling_[0].forward(exec, states, batch, x);
  for (const Layer& layer : layers_) {
    const TensorView y = frame.take({batch.seqs(), layer.dense[0].output_dim()});
    layer.dense[0].forward(exec, x, y);
    x = y;
  }
  std::vector<std::int64_t> begins(static_cast<std::size_t>(batch.seqs()) + 1);
  std::iota(begins.begin(), begins.end(), 0);
  BatchView each = batch;
  each.row_begin = begins;
  const TensorView* last = &x;
  for (const Pooling& normalize : normalize_) {
    normalize.forward(exec, x, each, result);
    last = &result;
  }
  if (last == &x) exec.launch(kernels::add_rows_store, {.x = x, .y = result});
}

void Embedder::plan(ThreadPool& threads) {
  const std::int64_t sequences = runner_.config().sequences;
  Scratch planned = Scratch::planned();
  for (std::int64_t n = 1;; n = std::min(2 * n, sequences)) {
    std::vector<std::int64_t> begins(static_cast<std::size_t>(n) + 1), past(static_cast<std::size_t>(n));
    std::iota(begins.begin(), begins.end(), 0);
    const BatchView batch{.row_begin = begins, .past = past, .positions = {}, .many = {}, .one = {}};
    Exec exec(threads, planned, self_communicator(), observer_, Exec::Mode::kPlan);
    finish(exec, batch, view_of(static_cast<const float*>(nullptr), {n, hidden_}),
           view_of(static_cast<float*>(nullptr), {n, width_}));
    if (n == sequences) break;
  }
  scratch_ = Scratch(planned.peak());
}

void Embedder::embed_step(std::span<const Encoding> texts, std::span<const std::size_t> which,
                          std::vector<float>& all) {
  const TextBatch step(runner_, texts, which);
  std::vector<std::int64_t> wanted(step.ids.size());
  std::iota(wanted.begin(), wanted.end(), 0);
  const std::span<const float> states = runner_.step(step.entries, step.ids, wanted);
  const std::vector<std::int64_t> past(which.size());
  const BatchView batch{.row_begin = step.begins, .past = past, .positions = {}, .many = {}, .one = {}};
  const auto count = static_cast<std::int64_t>(which.size());
  std::vector<float> result(static_cast<std::size_t>(count * width_));
  finish(exec_, batch, view_of(states.data(), {step.begins.back(), hidden_}), view_of(result.data(), {count, width_}));
  for (std::size_t k = 0; k < which.size(); ++k) {
    std::copy_n(result.begin() + static_cast<std::ptrdiff_t>(k) * width_, width_,
                all.begin() + static_cast<std::ptrdiff_t>(which[k]) * width_);
  }
}

std::vector<float> Embedder::embed(std::span<const Encoding> texts) {
  std::vector<float> all(texts.size() * static_cast<std::size_t>(width_));
  for (const auto& which : batches_by_length(texts, runner_.config())) embed_step(texts, which, all);
  return all;
}

}  // namespace ttt
