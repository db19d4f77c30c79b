#pragma once

#include <cstdint>
#include <string>

#include "models/encoder/encoder.h"

namespace ttt {

// Vision Transformer and DINOv2: norms before the blocks, a class token before the patches, learned positions. The
// input is rows of patches (runtime/image_rows.h); one projection of them equals the reference's convolution.
struct ViTConfig : EncoderShape {
  bool dino = false;  // its own names, and a learned factor of each block's result
  std::string prefix = {};
  std::int64_t patches = 0, patch_values = 0;
  float eps = 0;
  bool qkv_bias = true, gated = false;
  Activation activation = Activation::kGelu;
  OutputKind output = OutputKind::kHiddenStates;
  std::int64_t classes = 0;
};
ViTConfig read_vit_config(ConfigReader& config, const Scope& scope);

const Family& vit_family();

}  // namespace ttt
