#include <algorithm>

#include "base/error.h"
#include "models/decoder/decoder_config.h"
#include "models/modernbert/modernbert.h"
#include "runtime/decoder_config.h"
#include "runtime/rope_config.h"

namespace ttt {
namespace {

void read_windows(ConfigReader& config, ModernBertConfig& c) {
  constexpr std::string_view kKinds[] = {"full_attention", "sliding_attention"};
  const std::vector<std::string> kinds = read_layer_types(config, c.layers, kKinds);
  const std::int64_t every = config.integer("global_attn_every_n_layers", 3, {.min = 1});
  const std::int64_t side = config.integer("local_attention", 128, {.min = 2, .max = 1 << 24}) / 2;
  for (std::int64_t i = 0; i < c.layers; ++i) {
    const bool full = kinds.empty() ? i % every == 0 : kinds[static_cast<std::size_t>(i)] == kKinds[0];
    c.windows.push_back(full ? 0 : side);
  }
}

void read_ropes(ConfigReader& config, const Scope& scope, ModernBertConfig& c) {
  require_rope_by_layer(config);
  const std::int64_t head_dim = c.hidden / c.heads;
  const auto read = [&](double theta, std::string_view key, std::string_view kind) {
    return rope_spec(config, scope.source(), head_dim, scope.options().context,
                     {.theta = theta,
                      .theta_key = key,
                      .max_positions = 8192,
                      .layer_type = kind,
                      .scaling_key = RopeScalingKey::kUpdates,
                      .rotates_part = false});
  };
  c.rope = read(160000, "global_rope_theta", "full_attention");
  c.window_rope = read(10000, "local_rope_theta", "sliding_attention");
}

void read_head(ConfigReader& config, const Scope& scope, ModernBertConfig& c) {
  const WeightSource& source = scope.source();
  c.dense_bias = config.boolean("classifier_bias", false);
  c.decoder_bias = config.boolean("decoder_bias", true);
  c.head_activation = activation_of(config, "classifier_activation", "gelu");
  const std::string pooling = config.string("classifier_pooling", "cls");
  if (pooling != "cls" && pooling != "mean") config.unsupported("classifier_pooling", text("\"", pooling, "\""));
  c.pooling = pooling == "cls" ? PoolingKind::kCls : PoolingKind::kMean;
  config.only("sparse_prediction", Json(false));
  const bool tied = config.boolean("tie_word_embeddings", true), classes = source.has("classifier.weight");
  c.output = read_output_kind(
      config, scope.options().output,
      {.masked_lm = source.has("head.dense.weight") && !classes, .classes = classes, .token_classes = classes});
  if (c.output == OutputKind::kClasses || c.output == OutputKind::kTokenClasses) c.classes = read_classes(config);
  const bool own = source.has("decoder.weight") || !tied;
  c.decoder = own ? std::string("weight") : "/model.embeddings.tok_embeddings.weight";
}

}  // namespace

ModernBertConfig read_modernbert_config(ConfigReader& config, const Scope& scope) {
  // Where the configuration is silent: as ModernBertConfig of transformers.
  ModernBertConfig c;
  c.vocab = config.integer("vocab_size", 50368, {.min = 1});
  static_cast<EncoderShape&>(c) = read_encoder_shape(config, {.hidden = 768, .layers = 22, .heads = 12, .ffn = 1152});
  c.activation = activation_of(config, "hidden_activation", "gelu");
  c.eps = static_cast<float>(config.number("norm_eps", 1e-5, {.min = 0}));
  c.norm_bias = config.boolean("norm_bias", false);
  c.attention_bias = config.boolean("attention_bias", false);
  c.ffn_bias = config.boolean("mlp_bias", false);
  config.positions("max_position_embeddings");  // rotary: longer sequences run
  read_windows(config, c);
  read_ropes(config, scope, c);
  if (!scope.source().has("embeddings.tok_embeddings.weight")) c.prefix = "model";
  read_head(config, scope, c);
  constexpr std::string_view kHarmless[] = {
      "embedding_dropout",      "mlp_dropout",       "deterministic_flash_attn", "initializer_cutoff_factor",
      "repad_logits_with_grad", "reference_compile", "sparse_pred_ignore_index", "layer_norm_eps",
      "position_embedding_type"};
  config.finish(kHarmless);
  return c;
}

}  // namespace ttt
