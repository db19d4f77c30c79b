#pragma once

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
#include "heads/pooling.h"
#include "model/scope.h"
#include "normalization/distributed.h"
#include "normalization/layer_scale.h"
#include "normalization/layernorm.h"
#include "normalization/rmsnorm.h"

namespace ttt {

// Every block of the library. The functions that build them are compiled once, in blocks.cpp, instead of in each
// family, to shorten the build. Blocks of other projects are not listed: their make<Block> is compiled where it is
// called.
#define TTT_FOR_EACH_BLOCK(X) \
  X(Attention)                \
  X(CrossAttention)           \
  X(Dense)                    \
  X(DistributedNorm)          \
  X(GatedMLP)                 \
  X(LayerNorm)                \
  X(LayerScale)               \
  X(LMHead)                   \
  X(MLP)                      \
  X(MoE)                      \
  X(MultiHeadLatentAttention) \
  X(Pooling)                  \
  X(PositionEmbedding)        \
  X(RMSNorm)                  \
  X(TokenEmbedding)

#define TTT_MAKE_ELSEWHERE(Block) \
  extern template Block make<Block>(const Scope&, const Block::Spec&, const Block::Names&);
TTT_FOR_EACH_BLOCK(TTT_MAKE_ELSEWHERE)
#undef TTT_MAKE_ELSEWHERE

}  // namespace ttt
