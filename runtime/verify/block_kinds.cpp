#include "runtime/verify/block_kinds.h"

#include <algorithm>
#include <array>

#include "attention/attention.h"
#include "attention/cross_attention.h"
#include "attention/latent_attention.h"
#include "embeddings/position_embedding.h"
#include "embeddings/token.h"
#include "ffn/gated_mlp.h"
#include "ffn/mlp.h"
#include "ffn/moe.h"
#include "heads/dense.h"
#include "heads/lm_head.h"
#include "normalization/distributed.h"
#include "normalization/layer_scale.h"
#include "normalization/layernorm.h"
#include "normalization/rmsnorm.h"

namespace ttt {
namespace block_kinds_parts {

void NameList::bind(ConstTensorView& field, const WeightRequest& request) {
  names.push_back(request.name);
  field = view_of(static_cast<const std::byte*>(nullptr), Format::kF32, request.cut_shape());
}

// What the model calls the weight of that default name. Another Spec may want other rows of a tensor; then only its
// name is taken, where the model changed nothing else.
TensorName RenamingBinder::given_name(const TensorName& name) const {
  const std::size_t known = std::min(defaults_.size(), built_.requests.size());
  for (std::size_t i = 0; i < known; ++i) {
    if (defaults_[i] == name) return built_.requests[i].name;
  }
  for (std::size_t i = 0; i < known; ++i) {
    TensorName renamed = defaults_[i];
    if (renamed.name != name.name) continue;
    const TensorName& given = built_.requests[i].name;
    renamed.name = given.name;
    if (renamed != given) continue;
    renamed = name;
    renamed.name = given.name;
    return renamed;
  }
  return name;
}

void RenamingBinder::bind(ConstTensorView& field, const WeightRequest& request) {
  WeightRequest wanted = request;
  wanted.name = given_name(request.name);
  // A source may answer for names that it lacks; here they tell that there is no such block.
  require(source_.has(wanted.full_name()), ErrorKind::kBadData, "[", built_.path, "] ", wanted.full_name(),
          " is not in the checkpoint");
  field = source_.fetch(wanted);
}

}  // namespace block_kinds_parts

std::span<const BlockKind> block_kinds() {
  static const std::array kKinds{block_kind<Attention>(),
                                 block_kind<CrossAttention>(),
                                 block_kind<Dense>(),
                                 block_kind<DistributedNorm>(),
                                 block_kind<GatedMLP>(),
                                 block_kind<LMHead>(),
                                 block_kind<LayerNorm>(),
                                 block_kind<LayerScale>(),
                                 block_kind<MLP>(),
                                 block_kind<MoE>(),
                                 block_kind<MultiHeadLatentAttention>(),
                                 block_kind<PositionEmbedding>(),
                                 block_kind<RMSNorm>(),
                                 block_kind<TokenEmbedding>()};
  return kKinds;
}

}  // namespace ttt
