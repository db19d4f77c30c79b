#include "attention/latent_attention.h"

#include <cmath>
#include <utility>

#include "base/error.h"
#include "linear/default_config.h"

namespace ttt {
namespace {

using Spec = MultiHeadLatentAttentionSpec;
using Impl = MultiHeadLatentAttentionImplConfig;
using Weights = MultiHeadLatentAttentionWeights;

kernels::HeadSlice heads_of_rank(const Spec& s, std::int64_t rank, std::int64_t ranks) {
  return head_slice(s.num_heads, s.num_heads, rank, ranks);
}

ProjectionSplit output_split(const Spec& s, const Impl& impl, const Context& c) {
  std::vector<std::int64_t> inputs;
  for (std::int64_t r = 0; r < c.ranks; ++r) inputs.push_back(heads_of_rank(s, r, c.ranks).heads * s.v_head_dim);
  return projection_split(std::move(inputs), s.hidden_dim, impl.linear);
}

float scale_of(const Spec& s) {
  double scale = 1 / std::sqrt(static_cast<double>(s.qk_nope_head_dim + s.qk_rope_head_dim));
  const YaRNScaling* yarn = std::get_if<YaRNScaling>(&s.rope.scaling);
  if (yarn != nullptr && yarn->mscale_all_dim != 0 && yarn->factor > 1) {
    const double magnitude = 0.1 * yarn->mscale_all_dim * std::log(yarn->factor) + 1;
    scale *= magnitude * magnitude;
  }
  return s.scale.value_or(static_cast<float>(scale));
}

// Absorbed: all heads read the one latent, whose parts are the stored keys and values. Naive: heads have their own.
kernels::AttendArgs fixed_args(const Spec& s, const AbsorbedLatents&, const ScorePlan& scores, std::int64_t heads) {
  return {.slice = {.heads = heads, .kv_heads = 1, .group = heads},
          .key_dim = s.qk_rope_head_dim,
          .value_dim = s.kv_lora_rank,
          .scale = scale_of(s),
          .query_block = scores.blocks.query_block,
          .key_block = scores.blocks.key_block};
}
kernels::AttendArgs fixed_args(const Spec& s, const NaiveLatents&, const ScorePlan& scores, std::int64_t heads) {
  return {.slice = {.heads = heads, .kv_heads = heads},
          .key_dim = s.qk_rope_head_dim + s.qk_nope_head_dim,
          .value_dim = s.v_head_dim,
          .scale = scale_of(s),
          .query_block = scores.blocks.query_block,
          .key_block = scores.blocks.key_block};
}

std::vector<LinearWeight> inputs_of(const Spec& s, const Weights& w) {
  std::vector<LinearWeight> all{{w.latent, w.latent_bias}, {w.k_rope, w.k_rope_bias}};
  if (s.q_lora_rank > 0) all.push_back({w.q_a, w.q_a_bias});
  return all;
}

RMSNorm latent_norm(const Spec& s, std::int64_t dim, const ConstTensorView& weight, const Impl& impl,
                    const Context& c) {
  return {{.dim = dim, .eps = s.norm_eps}, {weight}, {.reference = impl.linear.reference}, c};
}

std::vector<RMSNorm> query_norms(const Spec& s, const Weights& w, const Impl& impl, const Context& c) {
  std::vector<RMSNorm> norms;
  if (s.q_lora_rank > 0) norms.push_back(latent_norm(s, s.q_lora_rank, w.q_a_norm, impl, c.at("q_a_layernorm")));
  return norms;
}

const Spec& checked(const Spec& spec, const Weights& weights, const Impl& impl, const Context& context) {
  validate(spec, context);
  Weights copy = weights;
  WeightChecker checker;
  bind_weights(copy, spec, impl, {}, context, checker);
  return spec;
}

}  // namespace

void validate(const Spec& s, const Context& context) {
  const std::string_view who = context.name_or("MultiHeadLatentAttention");
  require(s.hidden_dim > 0 && s.num_heads > 0 && s.q_lora_rank >= 0, ErrorKind::kUsage, "[", who,
          "] hidden_dim and num_heads wanted positive numbers and q_lora_rank at least 0, got ", s.hidden_dim, ", ",
          s.num_heads, " and ", s.q_lora_rank);
  require(s.kv_lora_rank > 0 && s.qk_nope_head_dim > 0 && s.qk_rope_head_dim > 0 && s.v_head_dim > 0, ErrorKind::kUsage,
          "[", who, "] kv_lora_rank, qk_nope_head_dim, qk_rope_head_dim and v_head_dim wanted positive numbers, got ",
          s.kv_lora_rank, ", ", s.qk_nope_head_dim, ", ", s.qk_rope_head_dim, " and ", s.v_head_dim);
  require(context.ranks >= 1 && context.ranks <= s.num_heads, ErrorKind::kUsage, "[", who,
          "] wanted at most as many ranks as heads ", s.num_heads, ", got ", context.ranks);
  validate(s.rope, text("[", who, "] rope"));
  require(s.rope.rotary_dim == s.qk_rope_head_dim, ErrorKind::kUsage, "[", who,
          "] rope.rotary_dim wanted qk_rope_head_dim ", s.qk_rope_head_dim, ", got ", s.rope.rotary_dim);
  require(!s.scale || std::isfinite(*s.scale), ErrorKind::kUsage, "[", who, "] scale wanted a number, got ",
          s.scale.value_or(0.0f));
}

Impl default_impl_config(const Spec&, const DeviceTraits& traits, Strategy strategy) {
  const AttentionImplConfig core = default_impl_config(AttentionSpec{}, traits, strategy);
  return {.many = core.many, .one = core.one, .linear = core.linear, .state = core.state};
}

void bind_weights(Weights& w, const Spec& s, const Impl& impl, const MultiHeadLatentAttentionNames& names,
                  const Context& context, WeightBinder& binder) {
  const kernels::HeadSlice slice = heads_of_rank(s, context.rank, context.ranks);
  const std::int64_t nope = s.qk_nope_head_dim, rope = s.qk_rope_head_dim, value = s.v_head_dim, n = s.num_heads;
  const auto heads = [&](std::int64_t dim) { return Cut{0, slice.first_head * dim, slice.heads * dim}; };
  const auto bind = [&](ConstTensorView& field, const TensorName& name, Shape shape, Cut cut, WeightUse use,
                        std::optional<Format> format = {}) {
    const std::string path(context.place.path);
    binder.bind(field, {.path = path, .name = name, .shape = shape, .cut = cut, .use = use, .format = format});
  };
  const bool low_rank = s.q_lora_rank > 0;
  const TensorName& q = low_rank ? names.q_b : names.q;
  const std::int64_t q_in = low_rank ? s.q_lora_rank : s.hidden_dim;
  if (low_rank) {
    bind(w.q_a, names.q_a, {s.q_lora_rank, s.hidden_dim}, {}, WeightUse::kMatrix, impl.qkv);
    bind(w.q_a_norm, names.q_a_norm, {s.q_lora_rank}, {}, WeightUse::kVector);
    if (s.bias) bind(w.q_a_bias, names.q_a_bias, {s.q_lora_rank}, {}, WeightUse::kVector);
  }
  bind(w.q_nope, every(q, 0, nope, nope + rope, n), {n * nope, q_in}, heads(nope), WeightUse::kMatrix, impl.qkv);
  bind(w.q_rope, every(q, nope, rope, nope + rope, n), {n * rope, q_in}, heads(rope), WeightUse::kMatrix, impl.qkv);
  bind(w.latent, rows(names.kv_a, 0, s.kv_lora_rank), {s.kv_lora_rank, s.hidden_dim}, {}, WeightUse::kMatrix, impl.qkv);
  bind(w.k_rope, rows(names.kv_a, s.kv_lora_rank, rope), {rope, s.hidden_dim}, {}, WeightUse::kMatrix, impl.qkv);
  if (s.bias) {
    bind(w.latent_bias, rows(names.kv_a_bias, 0, s.kv_lora_rank), {s.kv_lora_rank}, {}, WeightUse::kVector);
    bind(w.k_rope_bias, rows(names.kv_a_bias, s.kv_lora_rank, rope), {rope}, {}, WeightUse::kVector);
    bind(w.o_bias, names.o_bias, {s.hidden_dim}, {}, WeightUse::kVector);
  }
  bind(w.kv_a_norm, names.kv_a_norm, {s.kv_lora_rank}, {}, WeightUse::kVector);
  bind(w.kv_b, names.kv_b, {n * (nope + value), s.kv_lora_rank}, heads(nope + value), WeightUse::kMatrix, impl.kv_b);
  bind(w.o, names.o, {s.hidden_dim, n * value}, output_split(s, impl, context).cut(context.rank), WeightUse::kMatrix,
       impl.output);
}

StateSpec state_spec(const Spec& s, const Impl& impl, const Context&) {
  return {.heads = 1,
          .key_dim = s.qk_rope_head_dim,
          .value_dim = s.kv_lora_rank,
          .format = impl.state,
          .position_axes = rope_position_axes(s.rope)};
}

void set_weight_format(Impl& impl, Format format) { impl.qkv = impl.kv_b = impl.output = format; }
void set_state_format(Impl& impl, Format format) { impl.state = format; }

MultiHeadLatentAttention::MultiHeadLatentAttention(const Spec& s, const Weights& w, const Impl& impl,
                                                   const Context& context)
    : plan_{
          .place = context.place,
          .hidden_dim = checked(s, w, impl, context).hidden_dim,
          .heads = heads_of_rank(s, context.rank, context.ranks).heads,
          .nope = s.qk_nope_head_dim,
          .rope = s.qk_rope_head_dim,
          .value = s.v_head_dim,
          .rank = s.kv_lora_rank,
          .q_rank = s.q_lora_rank,
          .state_slot = context.state_slot,
          .axes = rope_axes(s.rope),
          .position_axes = rope_position_axes(s.rope),
          .block_pairs = rope_block_pairs(s.rope),
          .table_format = kernels::rotary_table_format(impl.linear.reference),
          .kv_b = w.kv_b,
          .inputs = Linear(inputs_of(s, w), impl.linear, context),
          .query = Linear({{w.q_nope, {}}, {w.q_rope, {}}}, impl.linear, context),
          .query_norm = query_norms(s, w, impl, context),
          .latent_norm = latent_norm(s, s.kv_lora_rank, w.kv_a_norm, impl, context.at("kv_a_layernorm")),
          .output = ReducedLinear({w.o, w.o_bias}, output_split(s, impl, context), impl.linear, context.at("o_proj"))} {
  const std::string_view who = context.name_or("MultiHeadLatentAttention");
  const ScorePlan many = score_plan(impl.many, who), one = score_plan(impl.one, who);
  const bool naive = std::holds_alternative<NaiveLatents>(impl.form);
  std::visit(
      [&](const auto& form) {
        plan_.many = fixed_args(s, form, many, plan_.heads);
        plan_.one = fixed_args(s, form, one, plan_.heads);
      },
      impl.form);
  RotaryFrequencies rotary = rope_frequencies(s.rope, s.rope.context);
  plan_.inv_freq = std::move(rotary.inv_freq);
  plan_.attention_factor = rotary.attention_factor;
  const bool interleaved = s.rope.layout == RotaryLayout::kInterleaved, reference = impl.linear.reference;
  plan_.kv_b_row = kernels::select_latent_row(w.kv_b.format, w.kv_b.layout);
  plan_.rotary_table = kernels::select_rotary_table(context.traits, reference);
  plan_.store_rows = kernels::select_store_rows(context.traits, impl.state, interleaved, reference);
  plan_.absorb = kernels::select_absorb_queries(context.traits, reference);
  plan_.expand_mix = kernels::select_expand_mixes(context.traits, reference);
  plan_.expand = kernels::select_expand_latents(context.traits, reference);
  const Format read = naive ? Format::kF32 : impl.state;  // of the rows that scores are taken of
  plan_.attend_many = kernels::select_attend_many(context.traits, many.algorithm, read);
  plan_.attend_one = kernels::select_attend_one(context.traits, one.algorithm, read);
  plan_.attend = naive ? &MultiHeadLatentAttention::attend_naive : &MultiHeadLatentAttention::attend_absorbed;
}

}  // namespace ttt
