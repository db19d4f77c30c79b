#include <cmath>

#include "base/error.h"
#include "models/bart/bart.h"
#include "models/encoder/encoder.h"
#include "runtime/decoder_config.h"
#include "runtime/rope_config.h"

namespace ttt {
namespace {

void read_output(ConfigReader& config, const Scope& scope, BartConfig& c) {
  const std::vector<std::string> names = config.strings("architectures");
  const std::string name = names.empty() ? "BartModel" : names[0];
  const bool classifies = name == "BartForSequenceClassification";
  if (!classifies && name != "BartForConditionalGeneration" && name != "BartModel") {
    config.unsupported("architectures", text('"', name, "\" is not supported"));
  }
  c.output = classifies ? OutputKind::kClasses : OutputKind::kLogits;
  if (classifies) c.classes = read_classes(config);
  const OutputKind asked = scope.options().output.value_or(c.output);
  if (asked != c.output) {
    config.unsupported("architectures", text("has no head for ", name_of(asked), ", which was asked for"));
  }
}

}  // namespace

BartConfig read_bart_config(ConfigReader& config, const Scope& scope) {
  // Where the configuration is silent: as BartConfig of transformers.
  const WeightSource& source = scope.source();
  BartConfig c;
  c.vocab = config.integer("vocab_size", 50265, {.min = 1});
  c.hidden = config.integer("d_model", 1024, kWidths);
  c.positions = config.integer("max_position_embeddings", 1024, {.min = 1, .max = 1 << 24});
  c.layers = config.integer("encoder_layers", 12, {.min = 1, .max = 4096});
  c.heads = config.integer("encoder_attention_heads", 16, kCounts);
  c.ffn = config.integer("encoder_ffn_dim", 4096, kWidths);
  c.decoder_layers = config.integer("decoder_layers", 12, {.min = 1, .max = 4096});
  c.decoder_heads = config.integer("decoder_attention_heads", 16, kCounts);
  c.decoder_ffn = config.integer("decoder_ffn_dim", 4096, kWidths);
  check_heads(config, "encoder_attention_heads", c.hidden, c.heads);
  check_heads(config, "decoder_attention_heads", c.hidden, c.decoder_heads);
  c.activation = activation_of(config, "activation_function", "gelu");
  if (config.boolean("scale_embedding", false)) c.embedding_scale = std::sqrt(static_cast<float>(c.hidden));
  // Early files describe what was one class then: every BART is one of these.
  config.only("add_final_layer_norm", Json(false));
  config.only("normalize_before", Json(false));
  config.only("normalize_embedding", Json(true));
  config.only("add_bias_logits", Json(false));
  config.only("static_position_embeddings", Json(false));
  config.only("extra_pos_embeddings", Json(2));
  config.boolean("tie_word_embeddings", true);
  if (!source.has("shared.weight") && !source.has("encoder.embed_tokens.weight")) c.prefix = "model";
  c.tied = !source.has("lm_head.weight");
  c.logits_bias = source.has("final_logits_bias");
  c.source_rows = scope.options().source_rows > 0 ? scope.options().source_rows : c.positions;
  require(c.source_rows <= c.positions, ErrorKind::kUsage, config.where(), ": a source wanted at most ", c.positions,
          " rows (max_position_embeddings), got ", c.source_rows);
  read_output(config, scope, c);
  // Training, and what other keys say in full.
  constexpr std::string_view kHarmless[] = {"activation_dropout", "classif_dropout",   "decoder_layerdrop",
                                            "encoder_layerdrop",  "init_std",          "is_decoder",
                                            "is_encoder_decoder", "num_hidden_layers", "output_past"};
  config.finish(kHarmless);
  return c;
}

}  // namespace ttt
