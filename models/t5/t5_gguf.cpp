#include "models/t5/t5_gguf.h"

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/gguf.h"

namespace ttt {
namespace {

constexpr GgufKey kKeys[] = {
    {"context_length", "n_positions"},
    {"embedding_length", "d_model"},
    {"feed_forward_length", "d_ff"},
    {"block_count", "num_layers"},
    {"decoder_block_count", "num_decoder_layers"},
    {"attention.head_count", "num_heads"},
    {"attention.key_length", "d_kv"},
    {"attention.value_length", "", GgufKeyKind::kHarmless},  // complete compares it
    {"attention.layer_norm_epsilon", "", GgufKeyKind::kHarmless},
    {"attention.layer_norm_rms_epsilon", "layer_norm_epsilon", GgufKeyKind::kNumber},
    {"attention.relative_buckets_count", "relative_attention_num_buckets"},
    {"decoder_start_token_id", "decoder_start_token_id"},
};

constexpr GgufTensor kTensors[] = {
    {"token_embd.weight", "shared.weight"},
    {"output.weight", "lm_head.weight"},
    {"enc.output_norm.weight", "encoder.final_layer_norm.weight"},
    {"enc.blk.{}.attn_norm.weight", "encoder.block.{}.layer.0.layer_norm.weight"},
    {"enc.blk.{}.attn_q.weight", "encoder.block.{}.layer.0.SelfAttention.q.weight"},
    {"enc.blk.{}.attn_k.weight", "encoder.block.{}.layer.0.SelfAttention.k.weight"},
    {"enc.blk.{}.attn_v.weight", "encoder.block.{}.layer.0.SelfAttention.v.weight"},
    {"enc.blk.{}.attn_o.weight", "encoder.block.{}.layer.0.SelfAttention.o.weight"},
    {"enc.blk.{}.attn_rel_b.weight", "encoder.block.{}.layer.0.SelfAttention.relative_attention_bias.weight"},
    {"enc.blk.{}.ffn_norm.weight", "encoder.block.{}.layer.1.layer_norm.weight"},
    {"enc.blk.{}.ffn_gate.weight", "encoder.block.{}.layer.1.DenseReluDense.wi_0.weight"},
    {"enc.blk.{}.ffn_up.weight", "encoder.block.{}.layer.1.DenseReluDense.wi_1.weight"},
    {"enc.blk.{}.ffn_down.weight", "encoder.block.{}.layer.1.DenseReluDense.wo.weight"},
    {"dec.output_norm.weight", "decoder.final_layer_norm.weight"},
    {"dec.blk.{}.attn_norm.weight", "decoder.block.{}.layer.0.layer_norm.weight"},
    {"dec.blk.{}.attn_q.weight", "decoder.block.{}.layer.0.SelfAttention.q.weight"},
    {"dec.blk.{}.attn_k.weight", "decoder.block.{}.layer.0.SelfAttention.k.weight"},
    {"dec.blk.{}.attn_v.weight", "decoder.block.{}.layer.0.SelfAttention.v.weight"},
    {"dec.blk.{}.attn_o.weight", "decoder.block.{}.layer.0.SelfAttention.o.weight"},
    {"dec.blk.{}.attn_rel_b.weight", "decoder.block.{}.layer.0.SelfAttention.relative_attention_bias.weight"},
    {"dec.blk.{}.cross_attn_norm.weight", "decoder.block.{}.layer.1.layer_norm.weight"},
    {"dec.blk.{}.cross_attn_q.weight", "decoder.block.{}.layer.1.EncDecAttention.q.weight"},
    {"dec.blk.{}.cross_attn_k.weight", "decoder.block.{}.layer.1.EncDecAttention.k.weight"},
    {"dec.blk.{}.cross_attn_v.weight", "decoder.block.{}.layer.1.EncDecAttention.v.weight"},
    {"dec.blk.{}.cross_attn_o.weight", "decoder.block.{}.layer.1.EncDecAttention.o.weight"},
    {"dec.blk.{}.ffn_norm.weight", "decoder.block.{}.layer.2.layer_norm.weight"},
    {"dec.blk.{}.ffn_gate.weight", "decoder.block.{}.layer.2.DenseReluDense.wi_0.weight"},
    {"dec.blk.{}.ffn_up.weight", "decoder.block.{}.layer.2.DenseReluDense.wi_1.weight"},
    {"dec.blk.{}.ffn_down.weight", "decoder.block.{}.layer.2.DenseReluDense.wo.weight"},
};

// Whether there is a gate is for the tensors to say; its function is fixed in llama.cpp, as are 128 rows between the
// farthest places that a bias tells apart, the reference's default.
void complete(const GgufFile& file, Json& config) {
  const std::string prefix = text(file.architecture(), ".attention.");
  file.number(prefix + "layer_norm_rms_epsilon");
  const std::int64_t keys = file.integer(prefix + "key_length");
  const std::string values = prefix + "value_length";
  require(file.find(values) == nullptr || file.integer(values) == keys, ErrorKind::kUnsupported, file.path(), ": key ",
          values, " wanted that of key_length, ", keys, ", got another");
  const bool gated = file.find_tensor("enc.blk.0.ffn_gate.weight") != nullptr;
  config.set("feed_forward_proj", Json(gated ? "gated-gelu" : "relu"));
}

constexpr GgufSpelling kSpellings[] = {{.architecture = "t5",
                                        .model_type = "t5",
                                        .hf_architecture = "T5ForConditionalGeneration",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete},
                                       {.architecture = "t5encoder",
                                        .model_type = "t5",
                                        .hf_architecture = "T5EncoderModel",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete}};

}  // namespace

std::span<const GgufSpelling> t5_gguf_spellings() { return kSpellings; }

}  // namespace ttt
