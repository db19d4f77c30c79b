#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "base/context.h"
#include "base/exec.h"
#include "base/weights.h"
#include "block/forward.h"
#include "kernels/rows/position_rows.h"

namespace ttt {

// y[r, :] = e(positions[r] + offset), one row for every position
//
// Learned: e(p) is row p of a table. Sinusoidal: sines and cosines of p * f_i, after Vaswani et al., "Attention Is All
// You Need", 2017. Every rank has the whole table.

struct LearnedPositions {
  static constexpr std::string_view kName = "learned";
  std::int64_t num_embeddings = 0;  // rows of the stored table, those before `offset` included
  bool operator==(const LearnedPositions&) const = default;
  static void visit_fields(auto& self, auto&& visit) { visit("num_embeddings", self.num_embeddings); }
};

enum class SinusoidLayout : std::uint8_t {
  kInterleaved,  // sin(p f_0), cos(p f_0), sin(p f_1), ..; f_i = max_timescale^(-2i / hidden_dim), in double precision
  kHalfSplit,    // all sines, then all cosines; f_i = max_timescale^(-i / (hidden_dim / 2 - 1)), angles rounded to f32
};
std::string_view name_of(SinusoidLayout layout);  // "interleaved", "half_split"

struct SinusoidalPositions {
  static constexpr std::string_view kName = "sinusoidal";
  SinusoidLayout layout = SinusoidLayout::kInterleaved;
  double max_timescale = 10000;
  bool operator==(const SinusoidalPositions&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("layout", self.layout);
    visit("max_timescale", self.max_timescale);
  }
};

struct PositionEmbeddingSpec {
  std::int64_t hidden_dim = 0;
  // Added to every position. 2 where a checkpoint kept two rows for padding; padding_idx + 1 where positions start
  // after the padding id.
  std::int64_t offset = 0;
  std::variant<LearnedPositions, SinusoidalPositions> kind = LearnedPositions{};

  bool operator==(const PositionEmbeddingSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("hidden_dim", self.hidden_dim);
    visit("offset", self.offset);
    visit("kind", self.kind);
  }
};

struct PositionEmbeddingImplConfig {
  std::optional<Format> table = {};  // absent: as stored; rows are decoded when they are looked up

  bool operator==(const PositionEmbeddingImplConfig&) const = default;
  static void visit_fields(auto& self, auto&& visit) { visit("table", self.table); }
};

struct PositionEmbeddingWeights {
  ConstTensorView weight = {};  // [num_embeddings, hidden_dim], row-major, any format; absent when sinusoidal
};

struct PositionEmbeddingNames {
  TensorName weight = "weight";
};

void validate(const PositionEmbeddingSpec& spec, const Context& context);
// The same whatever the strategy: rows are looked up, or computed in double precision.
PositionEmbeddingImplConfig default_impl_config(const PositionEmbeddingSpec& spec, const DeviceTraits& traits,
                                                Strategy strategy);
void bind_weights(PositionEmbeddingWeights& weights, const PositionEmbeddingSpec& spec,
                  const PositionEmbeddingImplConfig& impl, const PositionEmbeddingNames& names, const Context& context,
                  WeightBinder& binder);
// f_i of the formula, [hidden_dim / 2].
std::vector<double> sinusoid_frequencies(const SinusoidalPositions& kind, std::int64_t hidden_dim);

// forward, forward_add and forward_add_scaled are BlockForward's. y: [positions.size(), hidden_dim], f32. A negative
// position, or one beyond the table, is Error{kBadData} that names it.
class PositionEmbedding : public BlockForward<PositionEmbedding, std::span<const std::int64_t>> {
 public:
  using Spec = PositionEmbeddingSpec;
  using ImplConfig = PositionEmbeddingImplConfig;
  using Weights = PositionEmbeddingWeights;
  using Names = PositionEmbeddingNames;

  PositionEmbedding(const PositionEmbeddingSpec& spec, const PositionEmbeddingWeights& weights,
                    const PositionEmbeddingImplConfig& impl, const Context& context);

 private:
  friend BlockForward;
  struct Plan {
    using RowsFn = void (*)(const Plan&, Exec&, std::span<const std::int64_t> positions, TensorView y);
    Place place = {};
    std::int64_t hidden_dim = 0, offset = 0, positions = 0;  // positions: number of them
    ConstTensorView weight = {};
    std::vector<double> frequencies = {};
    std::int64_t step = 0, cosine = 0;
    kernels::SinusoidRowsFn sines = nullptr, sines_add = nullptr;
    RowsFn store = nullptr, add = nullptr;
  } plan_;

  static Plan make_plan(const PositionEmbeddingSpec& spec, const PositionEmbeddingWeights& weights,
                        const Context& context);
  void check(std::span<const std::int64_t> positions, TensorView y) const;
  void compute(Exec& exec, std::span<const std::int64_t> positions, const BlockOutput& out) const;
  template <bool kAdd>
  static void learned(const Plan& plan, Exec& exec, std::span<const std::int64_t> positions, TensorView y);
  template <bool kAdd>
  static void sinusoidal(const Plan& plan, Exec& exec, std::span<const std::int64_t> positions, TensorView y);
};

}  // namespace ttt
