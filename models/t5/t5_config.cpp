#include <cmath>

#include "base/error.h"
#include "models/t5/t5.h"
#include "runtime/decoder_config.h"

namespace ttt {
namespace {

// "relu", "gated-gelu" and others: a gated feed-forward's gelu is the one by tanh, for checkpoints from before it was
// spelled so.
void read_feed_forward(ConfigReader& config, T5Config& c) {
  const std::string name = config.string("feed_forward_proj", "relu");
  constexpr std::string_view kGated = "gated-";
  c.gated = name.starts_with(kGated);
  const std::string function = c.gated ? name.substr(kGated.size()) : name;
  const std::optional<Activation> activation = activation_named(name == "gated-gelu" ? "gelu_new" : function);
  if (!activation) config.unsupported("feed_forward_proj", text('"', name, "\" is not supported"));
  c.activation = *activation;
}

OutputKind read_output(ConfigReader& config, const Scope& scope) {
  const bool decodes = scope.source().has("decoder.final_layer_norm.weight");
  if (const std::optional<OutputKind> asked = scope.options().output) {
    const bool there = *asked == OutputKind::kHiddenStates || (*asked == OutputKind::kLogits && decodes);
    if (!there) config.unsupported("architectures", text("has no head for ", name_of(*asked), ", which was asked for"));
    return *asked;
  }
  const std::vector<std::string> names = config.strings("architectures");
  const std::string name = names.empty() ? "" : names[0];
  if (name == "T5EncoderModel" || !decodes) return OutputKind::kHiddenStates;
  for (const std::string_view known : {"", "T5ForConditionalGeneration", "T5WithLMHeadModel", "T5Model"}) {
    if (name == known) return OutputKind::kLogits;
  }
  config.unsupported("architectures", text('"', name, "\" is not supported"));
}

}  // namespace

T5Config read_t5_config(ConfigReader& config, const Scope& scope) {
  // Where the configuration is silent: as T5Config of transformers.
  T5Config c;
  c.vocab = config.integer("vocab_size", 32128, {.min = 1});
  c.hidden = config.integer("d_model", 512, kWidths);
  c.head_dim = config.integer("d_kv", 64, kWidths);
  c.ffn = config.integer("d_ff", 2048, kWidths);
  c.layers = config.integer("num_layers", 6, {.min = 1, .max = 4096});
  c.decoder_layers = config.integer("num_decoder_layers", c.layers, {.min = 1, .max = 4096});
  c.heads = config.integer("num_heads", 8, kCounts);
  c.bias.num_buckets = config.integer("relative_attention_num_buckets", 32, {.min = 4, .max = 1 << 16});
  c.bias.max_distance = config.integer("relative_attention_max_distance", 128, {.min = 2, .max = 1 << 24});
  c.eps = static_cast<float>(config.number("layer_norm_epsilon", 1e-6, {.min = 0}));
  read_feed_forward(config, c);
  // Only version 1.0 scales the states before its head. What tells the versions apart is whether the first said that
  // embedding and head are one; later files say it by name.
  const bool says_tied = config.boolean("tie_word_embeddings", true);
  if (config.boolean("scale_decoder_outputs", says_tied)) {
    c.logit_scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(c.hidden)));
  }
  c.tied = !scope.source().has("lm_head.weight");
  constexpr std::int64_t kTrained = 512;
  const std::int64_t trained = config.positions("n_positions").value_or(kTrained);
  c.source_rows = scope.options().source_rows > 0 ? scope.options().source_rows : trained;
  c.output = read_output(config, scope);
  if (config.has("gguf_architecture")) c.plain_up = "wi_1";
  // Training, and what the reference derives from other keys and writes down too.
  constexpr std::string_view kHarmless[] = {"dense_act_fn", "dropout_rate", "is_decoder", "is_encoder_decoder",
                                            "is_gated_act", "output_past",  "head_dim",   "num_key_value_heads"};
  config.finish(kHarmless);
  return c;
}

}  // namespace ttt
