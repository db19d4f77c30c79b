#include "attention/attention.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "linear/default_config.h"

namespace ttt {
namespace {

using kernels::HeadSlice;
using kernels::ScoreAlgorithm;

std::int64_t value_dim_of(const AttentionSpec& s) { return s.value_dim > 0 ? s.value_dim : s.head_dim; }

HeadSlice slice_of(const AttentionSpec& s, const Context& c) {
  return head_slice(s.num_heads, s.num_kv_heads, c.rank, c.ranks);
}

// How the scores of one work list are computed: numbers and the name of the algorithm.
struct Scores {
  ScoreAlgorithm algorithm = ScoreAlgorithm::kFlash;
  FlashScores blocks = {};
};

Scores scores_of(const FlashScores& f, std::string_view who) {
  require(f.query_block >= 1 && f.query_block <= kernels::kMaxQueryBlock && f.key_block >= 1 &&
              f.key_block <= kernels::kMaxKeyBlock,
          ErrorKind::kUsage, "[", who, "] query_block and key_block wanted 1 to ", kernels::kMaxQueryBlock,
          " and 1 to ", kernels::kMaxKeyBlock, ", got ", f.query_block, " and ", f.key_block);
  return {ScoreAlgorithm::kFlash, f};
}
Scores scores_of(const FullScores&, std::string_view) { return {ScoreAlgorithm::kFull, {}}; }
Scores scores_of(const ReferenceScores&, std::string_view) { return {ScoreAlgorithm::kReference, {}}; }

Scores scores_of(const ScoresChoice& choice, std::string_view who) {
  return std::visit([&](const auto& alternative) { return scores_of(alternative, who); }, choice);
}

// What position means for this rank's heads.
struct Positions {
  RotaryFrequencies rotary = {};
  bool interleaved = false;
  std::vector<float> slopes = {};
};

Positions positions_of(const NoPosition&, const AttentionSpec&, const HeadSlice&) { return {}; }
Positions positions_of(const RoPESpec& rope, const AttentionSpec&, const HeadSlice&) {
  return {.rotary = rope_frequencies(rope, rope.context), .interleaved = rope.layout == RotaryLayout::kInterleaved};
}
Positions positions_of(const ALiBiSpec& alibi, const AttentionSpec& s, const HeadSlice& slice) {
  const std::vector<float> all = alibi_slopes(alibi, s.num_heads);
  const auto first = all.begin() + slice.first_head;
  return {.slopes = std::vector<float>(first, first + slice.heads)};
}

void check_position(const NoPosition&, const AttentionSpec&, std::string_view) {}
void check_position(const ALiBiSpec&, const AttentionSpec&, std::string_view) {}
void check_position(const RoPESpec& rope, const AttentionSpec& s, std::string_view who) {
  validate(rope, text("[", who, "] position"));
  require(rope.rotary_dim <= s.head_dim, ErrorKind::kUsage, "[", who, "] position.rotary_dim wanted at most head_dim ",
          s.head_dim, ", got ", rope.rotary_dim);
}

RMSNormSpec norm_spec(const AttentionSpec& s) {
  RMSNormSpec norm = *s.qk_norm;
  norm.dim = s.head_dim;
  return norm;
}

kernels::AttendArgs fixed_args(const AttentionSpec& s, const Scores& scores, const Context& c) {
  return {.slice = slice_of(s, c),
          .visible = s.visible,
          .key_dim = s.head_dim,
          .value_dim = value_dim_of(s),
          .scale = s.scale.value_or(static_cast<float>(1.0 / std::sqrt(static_cast<double>(s.head_dim)))),
          .soft_cap = s.soft_cap.value_or(0.0f),
          .query_block = scores.blocks.query_block,
          .key_block = scores.blocks.key_block};
}

std::vector<RMSNorm> qk_norms(const AttentionSpec& s, const AttentionWeights& w, const Context& c) {
  std::vector<RMSNorm> norms;
  if (!s.qk_norm) return norms;
  const RMSNormSpec spec = norm_spec(s);
  const RMSNormImplConfig impl = default_impl_config(spec, c.traits, Strategy::kDefault);
  norms.emplace_back(spec, RMSNormWeights{w.q_norm}, impl, c.at("q_norm"));
  norms.emplace_back(spec, RMSNormWeights{w.k_norm}, impl, c.at("k_norm"));
  return norms;
}

const AttentionSpec& checked(const AttentionSpec& spec, const AttentionWeights& weights,
                             const AttentionImplConfig& impl, const Context& context) {
  validate(spec, context);
  AttentionWeights copy = weights;
  WeightChecker checker;
  bind_weights(copy, spec, impl, {}, context, checker);
  return spec;
}

}  // namespace

HeadSlice head_slice(std::int64_t num_heads, std::int64_t num_kv_heads, std::int64_t rank, std::int64_t ranks) {
  const std::int64_t each = num_heads / ranks, more = num_heads % ranks, group = num_heads / num_kv_heads;
  HeadSlice s{.first_head = rank * each + std::min(rank, more), .heads = each + (rank < more ? 1 : 0), .group = group};
  s.first_kv = s.first_head / group;
  s.kv_heads = s.heads == 0 ? 0 : (s.first_head + s.heads - 1) / group + 1 - s.first_kv;
  return s;
}

void validate(const AttentionSpec& s, const Context& context) {
  const std::string_view who = context.name_or("Attention");
  require(s.hidden_dim > 0 && s.head_dim > 0 && s.value_dim >= 0, ErrorKind::kUsage, "[", who,
          "] hidden_dim, head_dim and value_dim wanted positive numbers, got ", s.hidden_dim, ", ", s.head_dim, " and ",
          s.value_dim);
  require(s.num_heads > 0 && s.num_kv_heads > 0 && s.num_heads % s.num_kv_heads == 0, ErrorKind::kUsage, "[", who,
          "] num_kv_heads wanted a divisor of num_heads ", s.num_heads, ", got ", s.num_kv_heads);
  require(context.ranks >= 1 && context.ranks <= s.num_heads, ErrorKind::kUsage, "[", who,
          "] wanted at most as many ranks as heads ", s.num_heads, ", got ", context.ranks);
  const Visible& v = s.visible;
  require(v.behind >= 0 && v.ahead >= 0 && v.pinned >= 0 && v.chunk > 0, ErrorKind::kUsage, "[", who,
          "] visible wanted numbers of at least 0 and a positive chunk, got behind ", v.behind, ", ahead ", v.ahead,
          ", pinned ", v.pinned, ", chunk ", v.chunk);
  require(!s.soft_cap || (*s.soft_cap > 0 && std::isfinite(*s.soft_cap)), ErrorKind::kUsage, "[", who,
          "] soft_cap wanted a positive number, got ", s.soft_cap.value_or(0.0f));
  require(!s.scale || std::isfinite(*s.scale), ErrorKind::kUsage, "[", who, "] scale wanted a number, got ",
          s.scale.value_or(0.0f));
  require(!s.qk_norm || s.qk_norm->dim == 0 || s.qk_norm->dim == s.head_dim, ErrorKind::kUsage, "[", who,
          "] qk_norm.dim wanted head_dim ", s.head_dim, ", got ", s.qk_norm ? s.qk_norm->dim : 0);
  std::visit([&](const auto& position) { check_position(position, s, who); }, s.position);
}

AttentionImplConfig default_impl_config(const AttentionSpec&, const DeviceTraits& traits, Strategy strategy) {
  AttentionImplConfig impl{.linear = default_linear_config(traits, strategy)};
  if (strategy == Strategy::kReference) impl.many = impl.one = ReferenceScores{};
  if (strategy == Strategy::kPerformance) impl.state = Format::kBF16;
  if (strategy == Strategy::kMemory) impl.state = Format::kInt8;
  return impl;
}

void bind_weights(AttentionWeights& w, const AttentionSpec& s, const AttentionImplConfig& impl,
                  const AttentionNames& names, const Context& context, WeightBinder& binder) {
  const HeadSlice slice = slice_of(s, context);
  const std::int64_t value_dim = value_dim_of(s);
  const std::string path(context.place.path);
  const auto heads = [&](std::int64_t dim) { return Cut{0, slice.first_head * dim, slice.heads * dim}; };
  const auto kv = [&](std::int64_t dim) { return Cut{0, slice.first_kv * dim, slice.kv_heads * dim}; };
  const auto bind = [&](ConstTensorView& field, const TensorName& name, Shape shape, Cut cut, WeightUse use,
                        std::optional<Format> format = {}) {
    binder.bind(field, {.path = path, .name = name, .shape = shape, .cut = cut, .use = use, .format = format});
  };
  const std::int64_t q_rows = s.num_heads * s.head_dim, k_rows = s.num_kv_heads * s.head_dim;
  const std::int64_t v_rows = s.num_kv_heads * value_dim, o_columns = s.num_heads * value_dim;
  bind(w.q, names.q, {q_rows, s.hidden_dim}, heads(s.head_dim), WeightUse::kMatrix, impl.qkv);
  bind(w.k, names.k, {k_rows, s.hidden_dim}, kv(s.head_dim), WeightUse::kMatrix, impl.qkv);
  bind(w.v, names.v, {v_rows, s.hidden_dim}, kv(value_dim), WeightUse::kMatrix, impl.qkv);
  bind(w.o, names.o, {s.hidden_dim, o_columns}, {1, slice.first_head * value_dim, slice.heads * value_dim},
       WeightUse::kMatrix, impl.output);
  if (s.q_bias) bind(w.q_bias, names.q_bias, {q_rows}, heads(s.head_dim), WeightUse::kVector);
  if (s.k_bias) bind(w.k_bias, names.k_bias, {k_rows}, kv(s.head_dim), WeightUse::kVector);
  if (s.v_bias) bind(w.v_bias, names.v_bias, {v_rows}, kv(value_dim), WeightUse::kVector);
  if (s.o_bias) bind(w.o_bias, names.o_bias, {s.hidden_dim}, {}, WeightUse::kVector);
  if (s.qk_norm && s.qk_norm->affine) {
    bind(w.q_norm, names.q_norm, {s.head_dim}, {}, WeightUse::kVector);
    bind(w.k_norm, names.k_norm, {s.head_dim}, {}, WeightUse::kVector);
  }
  if (s.sinks) bind(w.sinks, names.sinks, {s.num_heads}, heads(1), WeightUse::kVector);
}

StateSpec state_spec(const AttentionSpec& s, const AttentionImplConfig& impl, const Context& context) {
  return {.heads = slice_of(s, context).kv_heads,
          .key_dim = s.head_dim,
          .value_dim = value_dim_of(s),
          .format = impl.state,
          .visible = s.visible};
}

Attention::Attention(const AttentionSpec& s, const AttentionWeights& w, const AttentionImplConfig& impl,
                     const Context& context)
    : plan_{.place = context.place,
            .hidden_dim = checked(s, w, impl, context).hidden_dim,
            .head_dim = s.head_dim,
            .value_dim = value_dim_of(s),
            .state_slot = context.state_slot,
            .slice = slice_of(s, context),
            .qk_norm = qk_norms(s, w, context),
            .qkv = Linear({{w.q, w.q_bias}, {w.k, w.k_bias}, {w.v, w.v_bias}}, impl.linear, context),
            .output = ReducedLinear({w.o, w.o_bias}, impl.linear, context.at("o_proj"))} {
  const std::string_view who = context.name_or("Attention");
  const Scores many = scores_of(impl.many, who), one = scores_of(impl.one, who);
  Positions positions =
      std::visit([&](const auto& position) { return positions_of(position, s, plan_.slice); }, s.position);
  plan_.many = fixed_args(s, many, context);
  plan_.one = fixed_args(s, one, context);
  plan_.inv_freq = std::move(positions.rotary.inv_freq);
  plan_.attention_factor = positions.rotary.attention_factor;
  plan_.slopes = std::move(positions.slopes);
  plan_.sinks = w.sinks;
  plan_.rotary_table = kernels::select_rotary_table(context.traits);
  plan_.store_rows = kernels::select_store_rows(context.traits, impl.state, positions.interleaved);
  plan_.attend_many = kernels::select_attend_many(context.traits, many.algorithm, impl.state);
  plan_.attend_one = kernels::select_attend_one(context.traits, one.algorithm, impl.state);
}

}  // namespace ttt
