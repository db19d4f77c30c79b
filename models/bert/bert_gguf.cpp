#include "models/bert/bert_gguf.h"

#include "base/json.h"
#include "checkpoint/gguf.h"

namespace ttt {
namespace {

constexpr GgufKey kKeys[] = {
    {"context_length", "max_position_embeddings"},
    {"embedding_length", "hidden_size"},
    {"block_count", "num_hidden_layers"},
    {"feed_forward_length", "intermediate_size"},
    {"attention.head_count", "num_attention_heads"},
    {"attention.head_count_kv", "", GgufKeyKind::kHarmless},
    {"attention.layer_norm_epsilon", "layer_norm_eps", GgufKeyKind::kNumber},
    {"attention.causal", "", GgufKeyKind::kMustBe, 0},
    {"classifier.output_labels", "gguf_labels", GgufKeyKind::kArray},
};

constexpr GgufTensor kTensors[] = {
    {"token_embd.weight", "embeddings.word_embeddings.weight"},
    {"token_types.weight", "embeddings.token_type_embeddings.weight", GgufChange::kAsRow},
    {"position_embd.weight", "embeddings.position_embeddings.weight"},
    {"token_embd_norm.weight", "embeddings.LayerNorm.weight"},
    {"token_embd_norm.bias", "embeddings.LayerNorm.bias"},
    {"blk.{}.attn_q.weight", "encoder.layer.{}.attention.self.query.weight"},
    {"blk.{}.attn_q.bias", "encoder.layer.{}.attention.self.query.bias"},
    {"blk.{}.attn_k.weight", "encoder.layer.{}.attention.self.key.weight"},
    {"blk.{}.attn_k.bias", "encoder.layer.{}.attention.self.key.bias"},
    {"blk.{}.attn_v.weight", "encoder.layer.{}.attention.self.value.weight"},
    {"blk.{}.attn_v.bias", "encoder.layer.{}.attention.self.value.bias"},
    {"blk.{}.attn_output.weight", "encoder.layer.{}.attention.output.dense.weight"},
    {"blk.{}.attn_output.bias", "encoder.layer.{}.attention.output.dense.bias"},
    {"blk.{}.attn_output_norm.weight", "encoder.layer.{}.attention.output.LayerNorm.weight"},
    {"blk.{}.attn_output_norm.bias", "encoder.layer.{}.attention.output.LayerNorm.bias"},
    {"blk.{}.ffn_up.weight", "encoder.layer.{}.intermediate.dense.weight"},
    {"blk.{}.ffn_up.bias", "encoder.layer.{}.intermediate.dense.bias"},
    {"blk.{}.ffn_down.weight", "encoder.layer.{}.output.dense.weight"},
    {"blk.{}.ffn_down.bias", "encoder.layer.{}.output.dense.bias"},
    {"blk.{}.layer_output_norm.weight", "encoder.layer.{}.output.LayerNorm.weight"},
    {"blk.{}.layer_output_norm.bias", "encoder.layer.{}.output.LayerNorm.bias"},
    {"cls.weight", "bert.pooler.dense.weight"},
    {"cls.bias", "bert.pooler.dense.bias"},
    {"cls.output.weight", "classifier.weight", GgufChange::kAsRow},
    {"cls.output.bias", "classifier.bias"},
};

// A matrix of one row is a vector in such files.
std::int64_t rows_of(const StoredTensor& t) { return t.shape.rank() == 2 ? t.shape[0] : 1; }

// The types that there are, and the classes where there is a head: a dense layer with tanh before the classes.
void complete(const GgufFile& file, Json& config) {
  file.number("bert.attention.layer_norm_epsilon");
  const StoredTensor* types = file.find_tensor("token_types.weight");
  config.set("type_vocab_size", Json(types == nullptr ? std::int64_t{0} : rows_of(*types)));
  const StoredTensor* classes = file.find_tensor("cls.output.weight");
  if (classes == nullptr) return;
  config.set("architectures", Json(Json::Array{Json("BertForSequenceClassification")}));
  const std::int64_t count = rows_of(*classes);
  config.set("num_labels", Json(count));
  const Json* labels = config.find("gguf_labels");
  if (labels == nullptr || std::ssize(labels->as_array("labels")) != count) return;
  Json names{Json::Object{}};
  for (std::int64_t i = 0; i < count; ++i) {
    names.set(text(i), Json(labels->as_array("labels")[static_cast<std::size_t>(i)]));
  }
  config.set("id2label", std::move(names));
}

constexpr GgufSpelling kSpellings[] = {{.architecture = "bert",
                                        .model_type = "bert",
                                        .hf_architecture = "BertModel",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete}};

}  // namespace

std::span<const GgufSpelling> bert_gguf_spellings() { return kSpellings; }

}  // namespace ttt
