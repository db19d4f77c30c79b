#include "base/checked.h"
#include "models/vit/vit.h"
#include "runtime/decoder_config.h"
#include "runtime/encoder_head.h"
#include "runtime/rope_config.h"

namespace ttt {
namespace {

constexpr IntegerRange kSides{.min = 1, .max = 1 << 16};

// Height and width of the image in patches, and of a patch in pixels.
void read_patches(ConfigReader& config, std::int64_t patch_size, ViTConfig& c) {
  const auto sides = [&](std::string_view key, std::int64_t absent) {
    std::vector<std::int64_t> both = config.integers(key, kSides);
    if (both.empty()) both.push_back(absent);
    if (both.size() > 2) config.refuse(key, text("wanted one number or two, got ", both.size()));
    return std::pair(both.front(), both.back());
  };
  const auto [height, width] = sides("image_size", 224);
  const auto [patch_height, patch_width] = sides("patch_size", patch_size);
  c.patches = checked_mul(height / patch_height, width / patch_width, "patches");
  if (c.patches < 1) config.refuse("image_size", "wanted at least one patch, got none");
  c.patch_values = checked_product({config.integer("num_channels", 3, kSides), patch_height, patch_width}, "a patch");
}

void read_ffn(ConfigReader& config, ViTConfig& c) {
  if (!c.dino) {
    c.ffn = config.integer("intermediate_size", 3072, kWidths);
    return;
  }
  const double ratio = config.number("mlp_ratio", 4, {.min = 0, .max = 1024, .above_min = true});
  c.ffn = static_cast<std::int64_t>(static_cast<double>(c.hidden) * ratio);
  c.gated = config.boolean("use_swiglu_ffn", false);
  if (c.gated) c.ffn = (c.ffn * 2 / 3 + 7) / 8 * 8;  // two thirds, up to a multiple of 8
}

}  // namespace

ViTConfig read_vit_config(ConfigReader& config, const Scope& scope) {
  // Where the configuration is silent: as ViTConfig and Dinov2Config of transformers.
  ViTConfig c;
  c.dino = config.string("model_type") == "dinov2";
  static_cast<EncoderShape&>(c) = read_encoder_shape(config, {.hidden = 768, .layers = 12, .heads = 12});
  c.eps = static_cast<float>(config.number("layer_norm_eps", c.dino ? 1e-6 : 1e-12, {.min = 0}));
  c.qkv_bias = config.boolean("qkv_bias", true);
  c.activation = activation_of(config, "hidden_act", "gelu");
  read_patches(config, c.dino ? 14 : 16, c);
  read_ffn(config, c);
  if (!scope.source().has("embeddings.cls_token")) c.prefix = c.dino ? "dinov2" : "vit";
  const bool classes = scope.source().has("classifier.weight");
  c.output = read_output_kind(config, scope.options().output, {.masked_lm = false, .classes = classes});
  if (c.output == OutputKind::kClasses) c.classes = read_classes(config);
  // Of training, of heads that are not read, and where backbones hand out states between layers.
  constexpr std::string_view kHarmless[] = {
      "encoder_stride", "pooler_*",        "layerscale_value", "drop_path_rate", "out_features",
      "out_indices",    "apply_layernorm", "stage_names",      "use_mask_token", "reshape_hidden_states"};
  config.finish(kHarmless);
  return c;
}

}  // namespace ttt
