#include "attention/attention_spec.h"

#include <cmath>

#include "base/error.h"

namespace ttt {
namespace {

std::int64_t head_width(const auto& spec, std::string_view who) {
  require(spec.num_heads > 0, ErrorKind::kUsage, who, ".num_heads wanted a positive number, got ", spec.num_heads);
  require(spec.head_dim > 0 || spec.hidden_dim % spec.num_heads == 0, ErrorKind::kUsage, who,
          ".head_dim wanted a number where hidden_dim does not divide by num_heads, got ", spec.hidden_dim, " and ",
          spec.num_heads);
  return spec.head_dim > 0 ? spec.head_dim : spec.hidden_dim / spec.num_heads;
}

void check_position(const NoPosition&, const AttentionSpec&, std::string_view) {}
void check_position(const ALiBiSpec&, const AttentionSpec&, std::string_view) {}
void check_position(const RoPESpec& rope, const AttentionSpec& s, std::string_view who) {
  validate(rope, text("[", who, "] position"));
  require(rope.rotary_dim <= s.head_dim, ErrorKind::kUsage, "[", who, "] position.rotary_dim wanted at most head_dim ",
          s.head_dim, ", got ", rope.rotary_dim);
}
void check_position(const RelativeBiasSpec& bias, const AttentionSpec&, std::string_view who) {
  validate(bias, text("[", who, "] position"));
}

// What only some models have.
void check_parts(const AttentionSpec& s, std::string_view who) {
  const std::int64_t value_dim = value_width(s);
  require(!s.qk_norm_whole || s.qk_norm, ErrorKind::kUsage, "[", who, "] qk_norm_whole wanted a qk_norm, got none");
  require(!s.qk_layer_norm || (!s.qk_norm && !s.shares_rows), ErrorKind::kUsage, "[", who,
          "] qk_layer_norm wanted neither a qk_norm nor shares_rows, got one of them");
  require(!s.qk_layer_norm_shared || s.qk_layer_norm, ErrorKind::kUsage, "[", who,
          "] qk_layer_norm_shared wanted a qk_layer_norm, got none");
  const LayerNormSpec norm = s.qk_layer_norm.value_or(LayerNormSpec{.bias = false});
  require(norm.weight && (!norm.bias || s.qk_layer_norm_shared) && (norm.dim == 0 || norm.dim == s.head_dim),
          ErrorKind::kUsage, "[", who, "] qk_layer_norm wanted a weight, a bias only where it is shared, and a dim of ",
          "head_dim ", s.head_dim, ", got dim ", norm.dim, norm.weight ? "" : ", no weight",
          norm.bias ? ", a bias" : "");
  require(!s.qkv_clip || (*s.qkv_clip > 0 && std::isfinite(*s.qkv_clip)), ErrorKind::kUsage, "[", who,
          "] qkv_clip wanted a positive number, got ", s.qkv_clip.value_or(0.0f));
  require(!s.v_norm || s.v_norm->dim == 0 || s.v_norm->dim == value_dim, ErrorKind::kUsage, "[", who,
          "] v_norm.dim wanted value_dim ", value_dim, ", got ", s.v_norm ? s.v_norm->dim : 0);
  require(!s.shares_rows || (!s.k_bias && !s.v_bias && !s.v_norm && !s.qk_norm_whole), ErrorKind::kUsage, "[", who,
          "] shares_rows wanted no k_bias, v_bias, v_norm and qk_norm_whole, got some");
  require(!s.gate_bias || s.gate, ErrorKind::kUsage, "[", who, "] gate_bias wanted a gate, got none");
  const TemperatureSpec t = s.temperature.value_or(TemperatureSpec{});
  require(std::isfinite(t.scale) && t.floor_scale > 0 && t.offset >= 0, ErrorKind::kUsage, "[", who,
          "] temperature wanted a finite scale, a positive floor_scale and an offset of at least 0, got ", t.scale,
          ", ", t.floor_scale, " and ", t.offset);
}

}  // namespace

std::int64_t value_width(const AttentionSpec& s) { return s.value_dim > 0 ? s.value_dim : s.head_dim; }

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
  check_parts(s, who);
  std::visit([&](const auto& position) { check_position(position, s, who); }, s.position);
}

MultiHeadAttentionSpec::operator AttentionSpec() const {
  return {.hidden_dim = hidden_dim,
          .num_heads = num_heads,
          .num_kv_heads = num_heads,
          .head_dim = head_width(*this, "MultiHeadAttentionSpec"),
          .visible = {.ahead = causal ? 0 : Visible::kAll},
          .position = position};
}

GroupedQueryAttentionSpec::operator AttentionSpec() const {
  require(num_kv_heads > 0 && num_kv_heads < num_heads && num_heads % num_kv_heads == 0, ErrorKind::kUsage,
          "GroupedQueryAttentionSpec.num_kv_heads wanted a divisor of num_heads below it, got ", num_kv_heads, " of ",
          num_heads);
  return {.hidden_dim = hidden_dim,
          .num_heads = num_heads,
          .num_kv_heads = num_kv_heads,
          .head_dim = head_width(*this, "GroupedQueryAttentionSpec"),
          .position = position};
}

SlidingWindowAttentionSpec::operator AttentionSpec() const {
  require(window > 0, ErrorKind::kUsage, "SlidingWindowAttentionSpec.window wanted a positive number, got ", window);
  require(global_tokens >= 0, ErrorKind::kUsage,
          "SlidingWindowAttentionSpec.global_tokens wanted a number of at least 0, got ", global_tokens);
  return {.hidden_dim = hidden_dim,
          .num_heads = num_heads,
          .num_kv_heads = num_kv_heads,
          .head_dim = head_width(*this, "SlidingWindowAttentionSpec"),
          .visible = {.behind = window - 1, .pinned = global_tokens},
          .position = position};
}

}  // namespace ttt
