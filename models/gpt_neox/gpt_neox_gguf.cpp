#include "models/gpt_neox/gpt_neox_gguf.h"

#include "base/json.h"
#include "checkpoint/gguf.h"

namespace ttt {
namespace {

constexpr GgufKey kKeys[] = {
    {"context_length", "max_position_embeddings"},
    {"embedding_length", "hidden_size"},
    {"block_count", "num_hidden_layers"},
    {"attention.head_count", "num_attention_heads"},
    {"feed_forward_length", "intermediate_size"},
    {"attention.head_count_kv", "num_key_value_heads"},
    {"attention.layer_norm_epsilon", "layer_norm_eps", GgufKeyKind::kNumber},
    {"use_parallel_residual", "use_parallel_residual", GgufKeyKind::kBoolean},
    {"rope.freq_base", "rotary_emb_base", GgufKeyKind::kNumber},
    {"attention.causal", "", GgufKeyKind::kMustBe, 1},
};

constexpr GgufTensor kTensors[] = {
    {"token_embd.weight", "gpt_neox.embed_in.weight"},
    {"output_norm.weight", "gpt_neox.final_layer_norm.weight"},
    {"output_norm.bias", "gpt_neox.final_layer_norm.bias"},
    {"output.weight", "embed_out.weight"},
    {"blk.{}.attn_norm.weight", "gpt_neox.layers.{}.input_layernorm.weight"},
    {"blk.{}.attn_norm.bias", "gpt_neox.layers.{}.input_layernorm.bias"},
    {"blk.{}.attn_qkv.weight", "gpt_neox.layers.{}.attention.query_key_value.weight"},
    {"blk.{}.attn_qkv.bias", "gpt_neox.layers.{}.attention.query_key_value.bias"},
    {"blk.{}.attn_output.weight", "gpt_neox.layers.{}.attention.dense.weight"},
    {"blk.{}.attn_output.bias", "gpt_neox.layers.{}.attention.dense.bias"},
    {"blk.{}.ffn_norm.weight", "gpt_neox.layers.{}.post_attention_layernorm.weight"},
    {"blk.{}.ffn_norm.bias", "gpt_neox.layers.{}.post_attention_layernorm.bias"},
    {"blk.{}.ffn_up.weight", "gpt_neox.layers.{}.mlp.dense_h_to_4h.weight"},
    {"blk.{}.ffn_up.bias", "gpt_neox.layers.{}.mlp.dense_h_to_4h.bias"},
    {"blk.{}.ffn_down.weight", "gpt_neox.layers.{}.mlp.dense_4h_to_h.weight"},
    {"blk.{}.ffn_down.bias", "gpt_neox.layers.{}.mlp.dense_4h_to_h.bias"},
};

void complete(const GgufFile& file, Json& config) {
  config.set("attention_bias", Json(file.find_tensor("blk.0.attn_qkv.bias") != nullptr));
}

constexpr GgufSpelling kSpellings[] = {{.architecture = "gptneox",
                                        .model_type = "gpt_neox",
                                        .hf_architecture = "GPTNeoXForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete}};

}  // namespace

std::span<const GgufSpelling> gpt_neox_gguf_spellings() { return kSpellings; }

}  // namespace ttt
