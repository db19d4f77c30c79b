#include "runtime/rope_config.h"

#include <algorithm>
#include <optional>

namespace ttt {
namespace {

std::optional<double> optional_number(const Json& rope, std::string_view key) {
  const Json* v = rope.find(key);
  if (v == nullptr || v->is_null()) return std::nullopt;
  return v->as_number(key);
}

std::int64_t original_context(const Json& rope) {
  return rope.at("original_max_position_embeddings", "rope_parameters").as_integer("original_max_position_embeddings");
}

std::vector<float> numbers(const Json& rope, std::string_view key) {
  std::vector<float> list;
  for (const Json& v : rope.at(key, "rope_parameters").as_array(key))
    list.push_back(static_cast<float>(v.as_number(key)));
  return list;
}

void set_scaling(RoPESpec& spec, const Json& rope) {
  const std::string type = rope.at("rope_type", "rope_parameters").as_string("rope_type");
  const double factor = optional_number(rope, "factor").value_or(1.0);
  if (type == "linear") spec.scaling = LinearScaling{factor};
  if (type == "dynamic") spec.scaling = DynamicNTKScaling{factor, original_context(rope)};
  if (type == "proportional") {
    spec.scaling = ProportionalScaling{.proportion = optional_number(rope, "partial_rotary_factor").value_or(1.0),
                                       .factor = factor};
  }
  if (type == "llama3") {
    spec.scaling = Llama3Scaling{.factor = factor,
                                 .low_freq_factor = optional_number(rope, "low_freq_factor").value_or(1.0),
                                 .high_freq_factor = optional_number(rope, "high_freq_factor").value_or(4.0),
                                 .original_max_position_embeddings = original_context(rope)};
  }
  if (type == "yarn") {
    const Json* truncate = rope.find("truncate");
    spec.scaling = YaRNScaling{.factor = factor,
                               .original_max_position_embeddings = original_context(rope),
                               .beta_fast = optional_number(rope, "beta_fast").value_or(32.0),
                               .beta_slow = optional_number(rope, "beta_slow").value_or(1.0),
                               .attention_factor = optional_number(rope, "attention_factor"),
                               .mscale = optional_number(rope, "mscale").value_or(0.0),
                               .mscale_all_dim = optional_number(rope, "mscale_all_dim").value_or(0.0),
                               .truncate = truncate == nullptr || truncate->as_bool("truncate")};
  }
  if (type == "longrope") {
    const bool longer = spec.context > original_context(rope);
    const std::optional<double> mscale = optional_number(rope, longer ? "long_mscale" : "short_mscale");
    spec.scaling = LongRoPEScaling{.short_factor = numbers(rope, "short_factor"),
                                   .long_factor = numbers(rope, "long_factor"),
                                   .factor = factor,
                                   .original_max_position_embeddings = original_context(rope),
                                   .attention_factor = mscale ? mscale : optional_number(rope, "attention_factor")};
  }
}

// Rules that depend on the length of a sequence are fixed when the model is built: which of their factors it got.
void report_length(ConfigReader& config, const Json& rope, std::int64_t context) {
  const std::string type = rope.at("rope_type", "rope_parameters").as_string("rope_type");
  if (type != "longrope" && type != "dynamic") return;
  const std::int64_t original = original_context(rope);
  if (config.report() != nullptr) config.report()->rotary_limit = original;
  config.note(text("rope_type ", type, " with the factors of ", context > original ? "long" : "short",
                   " sequences: the context is ", context, ", the original length ", original));
}

// Explicit factors are data; a plan has none and only needs their number.
std::vector<float> freq_factors(WeightSource& source, std::int64_t pairs) {
  const ConstTensorView v = source.fetch({.name = "/rope_freqs.weight", .shape = {pairs}, .use = WeightUse::kVector});
  if (v.data == nullptr) return std::vector<float>(static_cast<std::size_t>(pairs), 1.0f);
  return {v.row<float>(0), v.row<float>(0) + pairs};
}

}  // namespace

RoPESpec rope_spec(ConfigReader& config, WeightSource& source, std::int64_t head_dim, std::int64_t context,
                   const RopeDefaults& defaults) {
  const Json rope = rope_parameters(config, defaults);
  const bool whole = rope.at("rope_type", "rope_parameters") == Json("proportional");
  const double part = whole ? 1.0 : optional_number(rope, "partial_rotary_factor").value_or(1.0);
  RoPESpec spec{.rotary_dim = static_cast<std::int64_t>(static_cast<double>(head_dim) * part),
                .base = rope.at("rope_theta", "rope_parameters").as_number("rope_theta"),
                .context = context};
  set_scaling(spec, rope);
  report_length(config, rope, context);
  if (config.boolean("rope_freq_factors", false)) spec.freq_factors = freq_factors(source, spec.rotary_dim / 2);
  return spec;
}

std::int64_t rows_before_longrope(const Json& config, std::int64_t limit) {
  constexpr std::string_view kOriginal = "original_max_position_embeddings";
  const Json* outer = config.find(kOriginal);
  const auto one = [&](const Json& rope) {
    const Json* type = rope.find("rope_type");
    if (type == nullptr || type->is_null()) type = rope.find("type");
    if (type == nullptr || (*type != Json("longrope") && *type != Json("su"))) return;
    const Json* original = outer != nullptr && outer->is_integer() ? outer : rope.find(kOriginal);
    if (original == nullptr || !original->is_integer() || original->as_integer(kOriginal) < 1) return;
    limit = std::min(limit, original->as_integer(kOriginal));
  };
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const Json* rope = config.find(key);
    if (rope == nullptr || !rope->is_object()) continue;
    one(*rope);
    for (const auto& [name, member] : rope->as_object(key)) {
      if (member.is_object()) one(member);
    }
  }
  return limit;
}

Activation activation_of(ConfigReader& config, std::string_view key, std::string_view absent) {
  const std::string name = config.string(key, absent);
  const std::optional<Activation> activation = activation_named(name);
  if (!activation) config.unsupported(key, text('"', name, "\" is not supported"));
  return *activation;
}

}  // namespace ttt
