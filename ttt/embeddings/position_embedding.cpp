#include "embeddings/position_embedding.h"

#include <cmath>

#include "base/enum_names.h"
#include "base/error.h"
#include "block/checked_weights.h"

namespace ttt {
namespace {

constexpr EnumNames<2> kLayoutNames{"interleaved", "half_split"};
// Sines have no last position; this one is exact in double precision.
constexpr std::int64_t kEndless = std::int64_t{1} << 40;

void check_kind(const LearnedPositions& kind, const PositionEmbeddingSpec& spec, std::string_view who) {
  require(kind.num_embeddings > spec.offset, ErrorKind::kBadData, "[", who, "] kind.num_embeddings wanted more than ",
          "offset ", spec.offset, ", got ", kind.num_embeddings);
}

void check_kind(const SinusoidalPositions& kind, const PositionEmbeddingSpec& spec, std::string_view who) {
  require(!name_of(kind.layout).empty(), ErrorKind::kUsage, "[", who,
          "] kind.layout wanted interleaved or half_split, got number ", static_cast<int>(kind.layout));
  // Half-split exponents divide by one less than half the width.
  const std::int64_t least = kind.layout == SinusoidLayout::kHalfSplit ? 4 : 2;
  require(spec.hidden_dim % 2 == 0 && spec.hidden_dim >= least, ErrorKind::kBadData, "[", who,
          "] hidden_dim wanted an even number of at least ", least, ", got ", spec.hidden_dim);
  require(kind.max_timescale > 1 && std::isfinite(kind.max_timescale), ErrorKind::kBadData, "[", who,
          "] kind.max_timescale wanted a number above 1, got ", kind.max_timescale);
}

}  // namespace

std::string_view name_of(SinusoidLayout layout) { return name_in(kLayoutNames, layout); }

void validate(const PositionEmbeddingSpec& spec, const Context& context) {
  const std::string_view who = context.name_or("PositionEmbedding");
  require(spec.hidden_dim > 0, ErrorKind::kBadData, "[", who, "] hidden_dim wanted a positive number, got ",
          spec.hidden_dim);
  require(spec.offset >= 0 && spec.offset < kEndless, ErrorKind::kBadData, "[", who,
          "] offset wanted a number of at least 0, got ", spec.offset);
  std::visit([&](const auto& kind) { check_kind(kind, spec, who); }, spec.kind);
}

PositionEmbeddingImplConfig default_impl_config(const PositionEmbeddingSpec&, const DeviceTraits&, Strategy) {
  return {};
}

void bind_weights(PositionEmbeddingWeights& weights, const PositionEmbeddingSpec& spec,
                  const PositionEmbeddingImplConfig& impl, const PositionEmbeddingNames& names, const Context& context,
                  WeightBinder& binder) {
  const auto* learned = std::get_if<LearnedPositions>(&spec.kind);
  if (learned == nullptr) return;
  binder.bind(weights.weight, {.path = std::string(context.place.path),
                               .name = names.weight,
                               .shape = {learned->num_embeddings, spec.hidden_dim},
                               .use = WeightUse::kTable,
                               .format = impl.table});
}

std::vector<double> sinusoid_frequencies(const SinusoidalPositions& kind, std::int64_t hidden_dim) {
  std::vector<double> f(static_cast<std::size_t>(hidden_dim / 2));
  const double width = static_cast<double>(hidden_dim), log_scale = std::log(kind.max_timescale);
  // Rounded step by step in f32, as those tables are made.
  const float step = static_cast<float>(-log_scale / (width / 2 - 1));
  for (std::size_t i = 0; i < f.size(); ++i) {
    f[i] = kind.layout == SinusoidLayout::kInterleaved
               ? std::pow(kind.max_timescale, -2 * static_cast<double>(i) / width)
               : static_cast<double>(static_cast<float>(std::exp(static_cast<double>(step * static_cast<float>(i)))));
  }
  return f;
}

PositionEmbedding::PositionEmbedding(const PositionEmbeddingSpec& spec, const PositionEmbeddingWeights& weights,
                                     const PositionEmbeddingImplConfig& impl, const Context& context)
    : plan_(make_plan(spec, checked_weights(spec, weights, impl, context), context)) {}

PositionEmbedding::Plan PositionEmbedding::make_plan(const PositionEmbeddingSpec& spec,
                                                     const PositionEmbeddingWeights& weights, const Context& context) {
  Plan plan{.place = context.place, .hidden_dim = spec.hidden_dim, .offset = spec.offset};
  if (const auto* table = std::get_if<LearnedPositions>(&spec.kind)) {
    plan.positions = table->num_embeddings - spec.offset;
    plan.weight = weights.weight;
    plan.store = learned<false>;
    plan.add = learned<true>;
    return plan;
  }
  const auto& sines = std::get<SinusoidalPositions>(spec.kind);
  const bool halves = sines.layout == SinusoidLayout::kHalfSplit;
  plan.positions = kEndless - spec.offset;
  plan.frequencies = sinusoid_frequencies(sines, spec.hidden_dim);
  plan.step = halves ? 1 : 2;
  plan.cosine = halves ? spec.hidden_dim / 2 : 1;
  plan.sines = kernels::select_sinusoid_rows(halves, false);
  plan.sines_add = kernels::select_sinusoid_rows(halves, true);
  plan.store = sinusoidal<false>;
  plan.add = sinusoidal<true>;
  return plan;
}

template <bool kAdd>
void PositionEmbedding::learned(const Plan& plan, Exec& exec, std::span<const std::int64_t> positions, TensorView y) {
  exec.launch(kAdd ? kernels::learned_rows_add : kernels::learned_rows,
              {.positions = positions, .offset = plan.offset, .table = plan.weight, .y = y});
}

template <bool kAdd>
void PositionEmbedding::sinusoidal(const Plan& plan, Exec& exec, std::span<const std::int64_t> positions,
                                   TensorView y) {
  exec.launch(kAdd ? plan.sines_add : plan.sines, {.positions = positions,
                                                   .offset = plan.offset,
                                                   .frequencies = plan.frequencies,
                                                   .step = plan.step,
                                                   .cosine = plan.cosine,
                                                   .y = y});
}

void PositionEmbedding::check(std::span<const std::int64_t> positions, TensorView y) const {
  const std::string_view who = plan_.place.path;
  const Shape wanted{static_cast<std::int64_t>(positions.size()), plan_.hidden_dim};
  require(y.shape == wanted, ErrorKind::kInternal, "[", who, "] y wanted ", wanted.to_string(), ", got ",
          y.shape.to_string());
  for (const std::int64_t p : positions) {
    require(p >= 0 && p < plan_.positions, ErrorKind::kBadData, "[", who, "] position wanted 0 to ",
            plan_.positions - 1, ", got ", p);
  }
}

void PositionEmbedding::compute(Exec& exec, std::span<const std::int64_t> positions, const BlockOutput& out) const {
  out.choose(plan_.store, plan_.add)(plan_, exec, positions, out.y);
}

}  // namespace ttt
