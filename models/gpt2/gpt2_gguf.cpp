#include "models/gpt2/gpt2_gguf.h"

#include "base/json.h"
#include "checkpoint/gguf.h"

namespace ttt {
namespace {

constexpr GgufKey kKeys[] = {
    {"context_length", "n_positions"},
    {"embedding_length", "n_embd"},
    {"block_count", "n_layer"},
    {"feed_forward_length", "n_inner"},
    {"attention.head_count", "n_head"},
    {"attention.head_count_kv", "", GgufKeyKind::kHarmless},
    {"attention.layer_norm_epsilon", "layer_norm_epsilon", GgufKeyKind::kNumber},
    {"attention.causal", "", GgufKeyKind::kMustBe, 1},
};

constexpr GgufTensor kTensors[] = {
    {"token_embd.weight", "transformer.wte.weight"},
    {"position_embd.weight", "transformer.wpe.weight"},
    {"output_norm.weight", "transformer.ln_f.weight"},
    {"output_norm.bias", "transformer.ln_f.bias"},
    {"output.weight", "lm_head.weight"},
    {"blk.{}.attn_norm.weight", "transformer.h.{}.ln_1.weight"},
    {"blk.{}.attn_norm.bias", "transformer.h.{}.ln_1.bias"},
    {"blk.{}.attn_qkv.weight", "transformer.h.{}.attn.c_attn.weight", GgufChange::kTransposed},
    {"blk.{}.attn_qkv.bias", "transformer.h.{}.attn.c_attn.bias"},
    {"blk.{}.attn_output.weight", "transformer.h.{}.attn.c_proj.weight", GgufChange::kTransposed},
    {"blk.{}.attn_output.bias", "transformer.h.{}.attn.c_proj.bias"},
    {"blk.{}.ffn_norm.weight", "transformer.h.{}.ln_2.weight"},
    {"blk.{}.ffn_norm.bias", "transformer.h.{}.ln_2.bias"},
    {"blk.{}.ffn_up.weight", "transformer.h.{}.mlp.c_fc.weight", GgufChange::kTransposed},
    {"blk.{}.ffn_up.bias", "transformer.h.{}.mlp.c_fc.bias"},
    {"blk.{}.ffn_down.weight", "transformer.h.{}.mlp.c_proj.weight", GgufChange::kTransposed},
    {"blk.{}.ffn_down.bias", "transformer.h.{}.mlp.c_proj.bias"},
};

constexpr GgufSpelling kSpellings[] = {{.architecture = "gpt2",
                                        .model_type = "gpt2",
                                        .hf_architecture = "GPT2LMHeadModel",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = nullptr}};

}  // namespace

std::span<const GgufSpelling> gpt2_gguf_spellings() { return kSpellings; }

}  // namespace ttt
