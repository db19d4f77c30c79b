#include <gtest/gtest.h>

#include "checkpoint/gguf_translate.h"
#include "models/llama/llama_gguf.h"
#include "tests/checkpoint/test_files.h"

namespace ttt {
namespace {

using testing::expect_error;
using testing::GgufWriter;
using testing::TempDir;

GgufWriter llama() {
  GgufWriter w;
  w.string("general.architecture", "llama").u32("llama.context_length", 2048).u32("llama.embedding_length", 64);
  w.u32("llama.block_count", 2).u32("llama.feed_forward_length", 96).u32("llama.attention.head_count", 4);
  w.f32("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  return w;
}

Json config(const GgufWriter& w, const GgufSpelling& spelling = llama_gguf_spellings().front()) {
  const TempDir dir;
  return gguf_config(GgufFile::open(dir.write("m.gguf", w.bytes()), FileAccess::kCopy), spelling);
}

std::string ints(const std::vector<std::int32_t>& v) {
  std::string s;
  testing::put(s, std::uint32_t{5});
  testing::put(s, static_cast<std::uint64_t>(v.size()));
  return s + testing::bytes_of(v);
}

void expect_json(const Json& got, std::string_view key, const Json& want) {
  const Json* v = got.find(key);
  ASSERT_NE(v, nullptr) << key;
  EXPECT_EQ(*v, want) << key << ": " << v->dump();
}

TEST(GgufConfig, plain) {
  GgufWriter w = llama();
  w.strings("tokenizer.ggml.tokens", {"a", "b"}).u32("tokenizer.ggml.bos_token_id", 1);
  w.u32("tokenizer.ggml.eos_token_id", 0).tensor("token_embd.weight", {64, 3}, 1, std::string(384, '\0'));
  const Json c = config(w);
  expect_json(c, "model_type", Json("llama"));
  expect_json(c, "num_key_value_heads", Json(4));
  expect_json(c, "head_dim", Json(16));
  expect_json(c, "vocab_size", Json(3));
  expect_json(c, "tie_word_embeddings", Json(true));
  expect_json(c, "rms_norm_eps", Json(1e-5));
  expect_json(c, "bos_token_id", Json(1));
  expect_json(c, "eos_token_id", Json(0));
  EXPECT_EQ(c.find("rope_scaling"), nullptr);
}

TEST(GgufConfig, less_plain) {
  GgufWriter w = llama();
  w.u32("llama.attention.key_length", 32).u32("llama.attention.value_length", 24).u32("llama.rope.dimension_count", 12);
  w.u32("tokenizer.ggml.eos_token_id", 7).u32("tokenizer.ggml.eot_token_id", 9).u32("tokenizer.ggml.eom_token_id", 7);
  w.raw("llama.attention.head_count_kv", 9, ints({2, 2})).u32("llama.expert_count", 0);
  w.tensor("output.weight", {1}, 0, "1234").tensor("rope_freqs.weight", {8}, 0, std::string(32, 'x'));
  w.tensor("blk.0.attn_q.bias", {1}, 0, "1234").u32("llama.attention.sliding_window", 0);
  const Json c = config(w);
  expect_json(c, "head_dim", Json(32));
  expect_json(c, "v_head_dim", Json(24));
  EXPECT_EQ(static_cast<std::int64_t>(32 * c.find("partial_rotary_factor")->as_number("")), 12);
  expect_json(c, "eos_token_id", Json(Json::Array{Json(7), Json(9)}));
  expect_json(c, "num_key_value_heads", Json(2));
  expect_json(c, "tie_word_embeddings", Json(false));
  expect_json(c, "rope_freq_factors", Json(true));
  expect_json(c, "attention_bias", Json(true));
  expect_json(c, "sliding_window", Json());
}

TEST(GgufConfig, arrays_by_layer) {
  const Json c = config(llama().raw("llama.attention.head_count_kv", 9, ints({4, 2})));
  expect_json(c, "num_key_value_heads", Json(Json::Array{Json(4), Json(2)}));
}

TEST(GgufConfig, rope_scaling) {
  Json c = config(llama().f32("llama.rope.scale_linear", 4));
  expect_json(c, "rope_scaling", Json::parse(R"({"factor":4.0,"rope_type":"linear"})", "test"));
  c = config(llama().f32("llama.rope.scaling.factor", 2));
  expect_json(*c.find("rope_scaling"), "rope_type", Json("linear"));
  c = config(llama().string("llama.rope.scaling.type", "none").f32("llama.rope.scaling.factor", 2));
  EXPECT_EQ(c.find("rope_scaling"), nullptr);
  c = config(llama().string("llama.rope.scaling.type", "linear").f32("llama.rope.scaling.factor", 1));
  EXPECT_EQ(c.find("rope_scaling"), nullptr);
  c = config(llama()
                 .string("llama.rope.scaling.type", "yarn")
                 .f32("llama.rope.scaling.factor", 4)
                 .u32("llama.rope.scaling.original_context_length", 32768)
                 .number("llama.rope.scaling.finetuned", 7, std::uint8_t{1})
                 .f32("llama.rope.scaling.yarn_beta_fast", 16)
                 .f32("llama.rope.scaling.attn_factor", 1));
  expect_json(
      c, "rope_scaling",
      Json::parse(R"({"factor":4.0,"original_max_position_embeddings":32768,"beta_fast":16.0,"rope_type":"yarn"})",
                  "test"));
}

// Converters copy attention_factor, as of OLMo-3, under the one or the other name.
TEST(GgufConfig, attention_factor_of_yarn) {
  const auto scaling = [](std::string_view key, float value) {
    const Json c = config(llama()
                              .string("llama.rope.scaling.type", "yarn")
                              .f32("llama.rope.scaling.factor", 8)
                              .f32("llama.rope.scaling.yarn_ext_factor", 1)
                              .f32(text("llama.rope.scaling.", key), value));
    return *c.find("rope_scaling");
  };
  for (const char* key : {"attn_factor", "yarn_attn_factor"}) {
    expect_json(scaling(key, 1.2079442F), "attention_factor", Json(1.2079442));
  }
  EXPECT_EQ(scaling("attn_factor", 1).find("attention_factor"), nullptr);
  expect_json(scaling("yarn_attn_factor", 1), "attention_factor", Json(1.0));
}

// The same architecture with and without experts is two model types.
TEST(GgufConfig, llama_with_experts_is_mixtral) {
  expect_json(config(llama()), "model_type", Json("llama"));
  expect_json(config(llama().u32("llama.expert_count", 0)), "model_type", Json("llama"));
  const Json c = config(llama().u32("llama.expert_count", 8).u32("llama.expert_used_count", 2));
  expect_json(c, "model_type", Json("mixtral"));
  expect_json(c, "num_local_experts", Json(8));
  expect_json(c, "num_experts_per_tok", Json(2));
}

TEST(GgufConfig, refuses) {
  const auto refused = [](ErrorKind kind, std::string_view message, const GgufWriter& w) {
    expect_error(kind, message, [&] { config(w); });
  };
  refused(ErrorKind::kUnsupported, "key 'llama.logit_scale' is supported for architecture llama as 1 only, got 8",
          llama().f32("llama.logit_scale", 8));
  refused(ErrorKind::kUnsupported, "key 'llama.attention.clamp_kqv' may change results",
          llama().f32("llama.attention.clamp_kqv", 8));
  refused(ErrorKind::kUnsupported, "key 'llama.rope.scaling.attn_factor'",
          llama().string("llama.rope.scaling.type", "linear").f32("llama.rope.scaling.attn_factor", 2));
  refused(ErrorKind::kUnsupported, "key 'llama.rope.scaling.yarn_ext_factor'",
          llama().string("llama.rope.scaling.type", "yarn").f32("llama.rope.scaling.yarn_ext_factor", 2));
  refused(ErrorKind::kUnsupported, "key 'llama.rope.scaling.yarn_log_multiplier'",
          llama().f32("llama.rope.scaling.yarn_log_multiplier", 0.1F));
  refused(ErrorKind::kBadData, "key 'llama.vocab_size' wanted",
          llama().string("llama.vocab_size", "x").tensor("token_embd.weight", {64, 3}, 1, std::string(384, '\0')));
  refused(ErrorKind::kBadData, "wanted a row for each of the 4 tokens, got 3",
          llama()
              .strings("tokenizer.ggml.tokens", {"a", "b", "c", "d"})
              .tensor("token_embd.weight", {64, 3}, 1, std::string(384, '\0')));
  refused(ErrorKind::kBadData, "rope.dimension_count wanted an even number up to 16, got 18",
          llama().u32("llama.rope.dimension_count", 18));
  refused(ErrorKind::kBadData, "key 'llama.block_count' wanted an integer, got f32",
          GgufWriter().string("general.architecture", "llama").f32("llama.block_count", 2));
  refused(ErrorKind::kBadData, "key 'llama.attention.layer_norm_rms_epsilon' is missing",
          GgufWriter().string("general.architecture", "llama").u32("llama.block_count", 2));
  refused(ErrorKind::kBadData, "key 'tokenizer.ggml.eos_token_id' wanted an integer",
          llama().string("tokenizer.ggml.eos_token_id", "x"));
}

// What llama.cpp reads for no text model, or what asks for nothing.
TEST(GgufConfig, keys_that_change_nothing) {
  const TempDir dir;
  const auto report_of = [&](const GgufWriter& w, ConfigReport report) {
    const GgufFile f = GgufFile::open(dir.write("m.gguf", w.bytes()), FileAccess::kCopy);
    gguf_config(f, llama_gguf_spellings().front(), &report);
    return report;
  };
  const GgufWriter harmless = llama()
                                  .u32("llama.pooling_type", 3)
                                  .strings("llama.classifier.output_labels", {"a", "b"})
                                  .string("llama.tensor_data_layout", "Meta AI original pth")
                                  .f32("llama.attention.layer_norm_epsilon", 1e-5F)
                                  .u32("llama.nextn_predict_layers", 0)
                                  .u32("qwen2.block_count", 7);
  const ConfigReport report = report_of(harmless, {});
  ASSERT_EQ(report.notes.size(), 3u);
  EXPECT_NE(report.notes[0].find("key 'llama.classifier.output_labels' is ignored"), std::string::npos)
      << report.notes[0];
  expect_json(config(harmless), "gguf_pooling_type", Json(3));
  expect_error(ErrorKind::kUnsupported, "key 'llama.classifier.output_labels' may change results",
               [&] { report_of(harmless, {.strict = true}); });
  const GgufWriter unknown = llama().f32("llama.attention.clamp_kqv", 8);
  EXPECT_EQ(report_of(unknown, {.allow_unknown_keys = true}).notes.size(), 1u);
  expect_error(ErrorKind::kUnsupported, "(--allow-unknown-keys ignores it)", [&] { report_of(unknown, {}); });
}

TEST(GgufConfig, table_kinds) {
  static constexpr GgufKey kKeys[] = {{"flag", "flag", GgufKeyKind::kBoolean},
                                      {"word", "word", GgufKeyKind::kString},
                                      {"pattern", "pattern", GgufKeyKind::kArray},
                                      {"real", "real", GgufKeyKind::kNumber},
                                      {"training.*", "", GgufKeyKind::kHarmless}};
  const GgufSpelling toy{.architecture = "toy", .model_type = "toy", .hf_architecture = "Toy", .keys = kKeys};
  std::string flags;
  testing::put(flags, std::uint32_t{7});
  testing::put(flags, std::uint64_t{2});
  GgufWriter w;
  w.string("general.architecture", "toy").number("toy.flag", 7, std::uint8_t{1}).string("toy.word", "x");
  w.raw("toy.pattern", 9, flags + std::string("\1\0", 2)).f32("toy.real", 0.1F).u32("toy.training.steps", 3);
  const Json c = config(w, toy);
  expect_json(c, "flag", Json(true));
  expect_json(c, "word", Json("x"));
  expect_json(c, "pattern", Json(Json::Array{Json(true), Json(false)}));
  expect_json(c, "real", Json(0.1));
  EXPECT_EQ(c.find("training"), nullptr);
}

TEST(GgufTensorNames, refuses) {
  const TempDir dir;
  const auto tensors = [&](GgufWriter w) {
    const GgufFile f = GgufFile::open(dir.write("m.gguf", w.bytes()), FileAccess::kCopy);
    gguf_tensors(f, llama_gguf_spellings().front(), gguf_config(f, llama_gguf_spellings().front()));
  };
  expect_error(ErrorKind::kBadData,
               "tensor 'blk.0.attn_q.weight' wanted rows for 4 heads (attention.head_count) of an even width, got 6",
               [&] {
                 tensors(llama().tensor("blk.0.attn_q.weight", {1, 6}, 0, std::string(24, 'x')));
               });
  expect_error(ErrorKind::kBadData, "has no entry in num_key_value_heads", [&] {
    tensors(llama()
                .raw("llama.attention.head_count_kv", 9, ints({4, 2}))
                .tensor("blk.2.attn_k.weight", {1, 4}, 0, std::string(16, 'x')));
  });
  expect_error(ErrorKind::kBadData, "needs attention.head_count, which the file does not state", [&] {
    tensors(GgufWriter()
                .f32("llama.attention.layer_norm_rms_epsilon", 1e-5F)
                .string("general.architecture", "llama")
                .tensor("blk.2.attn_q.weight", {1, 4}, 0, std::string(16, 'x')));
  });
}

}  // namespace
}  // namespace ttt
