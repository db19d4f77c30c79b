#include "runtime/rope_config.h"

#include <optional>

namespace ttt {
namespace {

std::optional<double> optional_number(const Json& rope, std::string_view key) {
  const Json* v = rope.find(key);
  if (v == nullptr || v->is_null()) return std::nullopt;
  return v->as_number(key);
}

std::int64_t original_context(const Json& rope, std::int64_t max_positions) {
  const auto n = optional_number(rope, "original_max_position_embeddings");
  return n ? static_cast<std::int64_t>(*n) : max_positions;
}

std::vector<float> numbers(const Json& rope, std::string_view key) {
  std::vector<float> list;
  for (const Json& v : rope.at(key, "rope_parameters").as_array(key))
    list.push_back(static_cast<float>(v.as_number(key)));
  return list;
}

void set_scaling(RoPESpec& spec, const Json& rope, std::int64_t max_positions) {
  const std::string type = rope.at("rope_type", "rope_parameters").as_string("rope_type");
  const double factor = optional_number(rope, "factor").value_or(1.0);
  const std::int64_t original = original_context(rope, max_positions);
  if (type == "linear") spec.scaling = LinearScaling{factor};
  if (type == "dynamic") spec.scaling = DynamicNTKScaling{factor, original};
  if (type == "llama3") {
    spec.scaling = Llama3Scaling{.factor = factor,
                                 .low_freq_factor = optional_number(rope, "low_freq_factor").value_or(1.0),
                                 .high_freq_factor = optional_number(rope, "high_freq_factor").value_or(4.0),
                                 .original_max_position_embeddings = original};
  }
  if (type == "yarn") {
    const Json* truncate = rope.find("truncate");
    spec.scaling = YaRNScaling{.factor = factor,
                               .original_max_position_embeddings = original,
                               .beta_fast = optional_number(rope, "beta_fast").value_or(32.0),
                               .beta_slow = optional_number(rope, "beta_slow").value_or(1.0),
                               .attention_factor = optional_number(rope, "attention_factor"),
                               .mscale = optional_number(rope, "mscale").value_or(0.0),
                               .mscale_all_dim = optional_number(rope, "mscale_all_dim").value_or(0.0),
                               .truncate = truncate == nullptr || truncate->as_bool("truncate")};
  }
  if (type == "longrope") {
    spec.scaling = LongRoPEScaling{.short_factor = numbers(rope, "short_factor"),
                                   .long_factor = numbers(rope, "long_factor"),
                                   .factor = factor,
                                   .original_max_position_embeddings = original,
                                   .attention_factor = optional_number(rope, "attention_factor")};
  }
}

// Explicit factors are data; a plan has none and only needs their number.
std::vector<float> freq_factors(WeightSource& source, std::int64_t pairs) {
  const ConstTensorView v = source.fetch({.name = "/rope_freqs.weight", .shape = {pairs}, .use = WeightUse::kVector});
  if (v.data == nullptr) return std::vector<float>(static_cast<std::size_t>(pairs), 1.0f);
  return {v.row<float>(0), v.row<float>(0) + pairs};
}

}  // namespace

RoPESpec rope_spec(ConfigReader& config, WeightSource& source, std::int64_t head_dim, std::int64_t context,
                   double default_theta, std::string_view layer_type) {
  const std::int64_t max_positions = config.positions("max_position_embeddings").value_or(0);
  const Json rope = rope_parameters(config, default_theta, layer_type);
  const double part = optional_number(rope, "partial_rotary_factor").value_or(1.0);
  RoPESpec spec{.rotary_dim = static_cast<std::int64_t>(static_cast<double>(head_dim) * part),
                .base = rope.at("rope_theta", "rope_parameters").as_number("rope_theta"),
                .context = context};
  set_scaling(spec, rope, max_positions);
  if (config.boolean("rope_freq_factors", false)) spec.freq_factors = freq_factors(source, spec.rotary_dim / 2);
  return spec;
}

Activation activation_of(ConfigReader& config, std::string_view key, std::string_view absent) {
  const std::string name = config.string(key, absent);
  const std::optional<Activation> activation = activation_named(name);
  if (!activation) config.unsupported(key, text('"', name, "\" is not supported"));
  return *activation;
}

}  // namespace ttt
