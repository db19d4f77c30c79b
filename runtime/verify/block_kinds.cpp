#include "runtime/verify/block_kinds.h"

#include <algorithm>
#include <array>

#include "attention/attention.h"
#include "embeddings/token.h"
#include "ffn/gated_mlp.h"
#include "ffn/mlp.h"
#include "ffn/moe.h"
#include "heads/lm_head.h"
#include "normalization/layernorm.h"
#include "normalization/rmsnorm.h"

namespace ttt {
namespace block_kinds_parts {

void NameList::bind(ConstTensorView& field, const WeightRequest& request) {
  names.push_back(request.name.name);
  field = view_of(static_cast<const std::byte*>(nullptr), Format::kF32, request.cut_shape());
}

void RenamingBinder::bind(ConstTensorView& field, const WeightRequest& request) {
  const auto known = std::ranges::find(defaults_, request.name.name);
  const auto index = static_cast<std::size_t>(known - defaults_.begin());
  WeightRequest wanted = request;
  if (known != defaults_.end() && index < built_.requests.size()) wanted.name = built_.requests[index].name;
  // A source may answer for names that it lacks; here they tell that there is no such block.
  require(source_.has(wanted.full_name()), ErrorKind::kBadData, "[", built_.path, "] ", wanted.full_name(),
          " is not in the checkpoint");
  field = source_.fetch(wanted);
}

}  // namespace block_kinds_parts

std::span<const BlockKind> block_kinds() {
  static const std::array kKinds{block_kind<Attention>(), block_kind<GatedMLP>(),      block_kind<LMHead>(),
                                 block_kind<LayerNorm>(), block_kind<MLP>(),           block_kind<MoE>(),
                                 block_kind<RMSNorm>(),   block_kind<TokenEmbedding>()};
  return kKinds;
}

}  // namespace ttt
