#include <cmath>

#include "attention/attention.h"
#include "base/error.h"

namespace ttt {
namespace {

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
  const std::int64_t value_dim = s.value_dim > 0 ? s.value_dim : s.head_dim;
  require(!s.qk_norm_whole || s.qk_norm, ErrorKind::kUsage, "[", who, "] qk_norm_whole wanted a qk_norm, got none");
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

namespace {

AttentionNames stems(const std::string& stem) {
  AttentionNames n;
  n.q = n.k = n.v = stem + ".weight";
  n.q_bias = n.k_bias = n.v_bias = stem + ".bias";
  return n;
}

}  // namespace

AttentionNames fused_names(const AttentionSpec& s, const std::string& stem) {
  const std::int64_t q = s.num_heads * s.head_dim, k = s.num_kv_heads * s.head_dim;
  const std::int64_t v = s.num_kv_heads * (s.value_dim > 0 ? s.value_dim : s.head_dim);
  AttentionNames n = stems(stem);
  for (TensorName* name : {&n.q, &n.q_bias}) *name = rows(*name, 0, q);
  for (TensorName* name : {&n.k, &n.k_bias}) *name = rows(*name, q, k);
  for (TensorName* name : {&n.v, &n.v_bias}) *name = rows(*name, q + k, v);
  return n;
}

AttentionNames interleaved_names(const AttentionSpec& s, const std::string& stem) {
  const std::int64_t q = s.num_heads / s.num_kv_heads * s.head_dim, k = s.head_dim;
  const std::int64_t v = s.value_dim > 0 ? s.value_dim : s.head_dim, all = q + k + v;
  AttentionNames n = stems(stem);
  for (TensorName* name : {&n.q, &n.q_bias}) *name = every(*name, 0, q, all, s.num_kv_heads);
  for (TensorName* name : {&n.k, &n.k_bias}) *name = every(*name, q, k, all, s.num_kv_heads);
  for (TensorName* name : {&n.v, &n.v_bias}) *name = every(*name, q + k, v, all, s.num_kv_heads);
  return n;
}

AttentionNames gated_query_names(const AttentionSpec& s, const std::string& stem) {
  const std::int64_t v = s.value_dim > 0 ? s.value_dim : s.head_dim, both = s.head_dim + v;
  AttentionNames n;
  n.q = every(stem + ".weight", 0, s.head_dim, both, s.num_heads);
  n.gate = every(stem + ".weight", s.head_dim, v, both, s.num_heads);
  n.q_bias = every(stem + ".bias", 0, s.head_dim, both, s.num_heads);
  n.gate_bias = every(stem + ".bias", s.head_dim, v, both, s.num_heads);
  return n;
}

}  // namespace ttt
