#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "attention/attention.h"
#include "base/error.h"
#include "collectives/self.h"
#include "state/step_builder.h"
#include "support/attention_case.h"

// One attention block with whole weights, random or given under their checkpoint names, run on any rank.
namespace ttt::support {

struct Feed {
  static constexpr float kResidual = 2.5f;
  std::vector<float> x = {};     // [rows, hidden_dim] of one sequence
  std::int64_t chunk = 1 << 20;  // rows of a step, at most
  std::int64_t page_rows = 0;
  std::int64_t threads = 1;
  std::vector<float> mask = {};              // [rows, rows]
  std::vector<ConstTensorView> masks = {};   // of every step as they are, where there is no `mask`
  std::vector<std::int64_t> positions = {};  // [axes, rows]; empty: indices
  bool add = false;                          // to an output that holds kResidual

  // Rows [at, at + n) of the positions.
  std::vector<std::int64_t> positions_of(std::int64_t at, std::int64_t n, std::int64_t rows) const {
    std::vector<std::int64_t> part;
    for (std::int64_t a = at; a < static_cast<std::int64_t>(positions.size()); a += rows) {
      part.insert(part.end(), positions.begin() + a, positions.begin() + a + n);
    }
    return part;
  }
};

class AttentionLayer {
 public:
  explicit AttentionLayer(const AttentionSpec& spec, std::map<std::string, std::vector<float>> tensors = {},
                          AttentionNames names = {})
      : spec_(spec), names_(std::move(names)), tensors_(std::move(tensors)) {
    AttentionWeights unused;
    Cutter fill(*this);
    bind_weights(unused, spec_, {}, names_, {.traits = query_device_traits()}, fill);
  }

  std::vector<float> inputs(std::int64_t rows) const { return random_values(rows * spec_.hidden_dim, 99); }

  // A rank's cuts; valid as long as this object.
  AttentionWeights weights(std::int64_t rank, std::int64_t ranks, const AttentionImplConfig& impl = {}) const {
    const std::lock_guard lock(mutex_);  // ranks are threads
    AttentionWeights w;
    Cutter cutter(*this);
    bind_weights(w, spec_, impl, names_, {.traits = query_device_traits(), .rank = rank, .ranks = ranks}, cutter);
    return w;
  }

  std::vector<float> run(const AttentionImplConfig& impl, const Feed& feed, std::int64_t rank = 0,
                         std::int64_t ranks = 1, Communicator& communicator = self_communicator()) const {
    const Context context{.traits = query_device_traits(), .rank = rank, .ranks = ranks};
    const Attention attention(spec_, weights(rank, ranks, impl), impl, context);
    const std::int64_t hidden = spec_.hidden_dim, rows = static_cast<std::int64_t>(feed.x.size()) / hidden;
    const std::int64_t chunk = std::max<std::int64_t>(std::min(feed.chunk, rows), 1);
    StatePool pool({state_spec(spec_, impl, context)},
                   {.context = std::max<std::int64_t>(rows, 1), .page_rows = feed.page_rows, .chunk = chunk});
    StepBuilder builder(pool, std::max<std::int64_t>(rows, 1), 1);
    Sequence sequence = pool.create();
    Runner runner(feed.threads, communicator);
    std::vector<float> x = feed.x, y(x.size(), Feed::kResidual);
    do {
      const std::int64_t at = sequence.length(), n = std::min(chunk, rows - at);
      const std::vector<std::int64_t> positions = feed.positions_of(at, n, rows);
      const StepEntry entry{&sequence, n, positions};
      const std::vector<std::int32_t> ids(static_cast<std::size_t>(n));
      Step step = builder.prepare({&entry, 1}, ids);
      ConstTensorView mask;
      step.masks = feed.masks;
      if (!feed.mask.empty()) {
        mask = view_of(feed.mask.data() + at * rows, {n, at + n});
        mask.row_bytes = rows * static_cast<std::int64_t>(sizeof(float));
        step.masks = {&mask, 1};
      }
      const TensorView in = view_of(x.data() + at * hidden, {n, hidden}),
                       out = view_of(y.data() + at * hidden, {n, hidden});
      feed.add ? attention.forward_add(runner.exec, in, step, out) : attention.forward(runner.exec, in, step, out);
      builder.commit();
    } while (sequence.length() < rows);
    return y;
  }

 private:
  // Cuts whole tensors, and makes up those that are missing.
  class Cutter final : public WeightBinder {
   public:
    explicit Cutter(const AttentionLayer& layer) : layer_(layer) {}
    void bind(ConstTensorView& field, const WeightRequest& request) override {
      const TensorName& name = request.name;
      std::vector<float>& stored = layer_.tensors_[name.name];
      if (stored.empty()) stored = random_values(request.shape.elements(), seed(name.name), 0.3f);
      const std::int64_t columns = request.shape.rank() == 2 ? request.shape[1] : 1, rows = request.shape[0];
      const std::vector<float> whole = name.run == 0 ? stored : picked(stored, name, columns);
      require(static_cast<std::int64_t>(whole.size()) == request.shape.elements(), ErrorKind::kInternal, name.name,
              " wanted ", request.shape.to_string(), ", got ", whole.size(), " values");
      const Cut& cut = request.cut;
      std::vector<float>& part =
          layer_.cuts_[name.name + text(" ", name.begin, " ", cut.axis, " ", cut.begin, " ", cut.count)];
      const bool filled = !part.empty();
      for (std::int64_t r = 0; r < rows && !filled; ++r) {
        for (std::int64_t c = 0; c < columns; ++c) {
          const std::int64_t i = cut.axis == 0 ? r : c;
          const bool mine = cut.axis < 0 || (i >= cut.begin && i < cut.begin + cut.count);
          if (mine) part.push_back(whole[static_cast<std::size_t>(r * columns + c)]);
        }
      }
      field = view_of(static_cast<const float*>(part.data()), request.cut_shape());
    }

   private:
    // The rows that the name means.
    static std::vector<float> picked(const std::vector<float>& stored, const TensorName& name, std::int64_t columns) {
      std::vector<float> rows;
      for (std::int64_t i = 0; i < name.count; ++i) {
        const auto begin = stored.begin() + (name.begin + i * name.stride) * columns;
        rows.insert(rows.end(), begin, begin + name.run * columns);
      }
      return rows;
    }
    static std::uint32_t seed(const std::string& name) {
      std::uint32_t h = 17;
      for (const char c : name) h = h * 31 + static_cast<unsigned char>(c);
      return h;
    }
    const AttentionLayer& layer_;
  };

  AttentionSpec spec_;
  AttentionNames names_;
  mutable std::map<std::string, std::vector<float>> tensors_, cuts_;
  mutable std::mutex mutex_;
};

}  // namespace ttt::support
