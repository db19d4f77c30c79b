// Weights out of GGUF files: the rows of rotated heads, grouped formats, changes of values.

#include <gtest/gtest.h>

#include "checkpoint/gguf_translate.h"
#include "checkpoint/weight_store.h"
#include "kernels/formats/packed.h"
#include "models/llama/llama_gguf.h"
#include "tests/checkpoint/test_files.h"

namespace ttt {
namespace {

using testing::expect_error;
using testing::GgufWriter;
using testing::TempDir;

constexpr std::int64_t kHidden = 64, kHeads = 4, kKvHeads = 2, kHeadDim = 16;

// Every row constant: its number in the order of Hugging Face.
std::string permuted_rows(std::int64_t heads, std::int64_t head_dim, std::int64_t in) {
  std::vector<float> v;
  for (std::int64_t h = 0; h < heads; ++h) {
    for (std::int64_t pair = 0; pair < head_dim / 2; ++pair) {
      for (std::int64_t half = 0; half < 2; ++half) {
        const auto row = static_cast<float>(h * head_dim + half * head_dim / 2 + pair);
        v.insert(v.end(), static_cast<std::size_t>(in), row);
      }
    }
  }
  return testing::bytes_of(v);
}

// Blocks of q8_0 with scale 1 whose codes are the row's number (below 128).
std::string permuted_q8_rows(std::int64_t heads, std::int64_t head_dim, std::int64_t in) {
  const std::string rows = permuted_rows(heads, head_dim, 1);
  std::string s;
  for (std::size_t r = 0; r * 4 < rows.size(); ++r) {
    float number = 0;
    std::memcpy(&number, rows.data() + 4 * r, 4);
    for (std::int64_t b = 0; b < in / 32; ++b) {
      testing::put(s, std::uint16_t{0x3C00});
      s.append(32, static_cast<char>(number));
    }
  }
  return s;
}

GgufWriter llama() {
  GgufWriter w;
  w.string("general.architecture", "llama").u32("llama.context_length", 128).u32("llama.embedding_length", kHidden);
  w.u32("llama.block_count", 1).u32("llama.feed_forward_length", 96).u32("llama.attention.head_count", kHeads);
  w.u32("llama.attention.head_count_kv", kKvHeads).f32("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  w.u32("llama.rope.dimension_count", kHeadDim).f32("llama.rope.freq_base", 10000);
  w.strings("tokenizer.ggml.tokens", {"a", "b", "c"}).u32("tokenizer.ggml.eos_token_id", 2);
  return w;
}

class GgufWeights : public ::testing::Test {
 protected:
  std::unique_ptr<const Checkpoint> open(const GgufWriter& w) {
    const std::span<const GgufSpelling> spellings = llama_gguf_spellings();
    return open_checkpoint(dir_.write("m.gguf", w.bytes()), spellings);
  }
  static WeightRequest q(Shape shape = {kHeads * kHeadDim, kHidden}) {
    return {.path = "model.layers.0.self_attn", .name = "q_proj.weight", .shape = shape};
  }
  TempDir dir_;
};

std::vector<float> row_of(const ConstTensorView& v, std::int64_t r) {
  std::vector<float> x(static_cast<std::size_t>(v.dim(1)));
  if (v.layout == Layout::kPanels) {
    kernels::decode_packed_row(v, r, x.data());
  } else {
    kernels::decode_row(v, r, 0, v.dim(1), x.data());
  }
  return x;
}

TEST_F(GgufWeights, rotary_rows_dense) {
  const auto c = open(llama()
                          .tensor("token_embd.weight", {kHidden, 3}, 0, std::string(kHidden * 12, '\0'))
                          .tensor("blk.0.attn_q.weight", {kHidden, 64}, 0, permuted_rows(kHeads, kHeadDim, kHidden))
                          .tensor("blk.0.attn_q.bias", {64}, 0, permuted_rows(kHeads, kHeadDim, 1))
                          .tensor("blk.0.attn_k.weight", {kHidden, 32}, 0, permuted_rows(kKvHeads, kHeadDim, kHidden)));
  WeightStore store(*c);
  const ConstTensorView v = store.fetch(q());
  for (std::int64_t r = 0; r < 64; ++r) EXPECT_EQ(row_of(v, r), std::vector<float>(kHidden, static_cast<float>(r)));
  WeightRequest cut = q();
  cut.cut = {.axis = 0, .begin = 16, .count = 32};
  EXPECT_EQ(row_of(store.fetch(cut), 3)[0], 19.0F);
  WeightRequest k = q({32, kHidden});
  k.name = "k_proj.weight";
  EXPECT_EQ(row_of(store.fetch(k), 17)[0], 17.0F);
  WeightRequest bias = q({64});
  bias.name = "q_proj.bias";
  bias.use = WeightUse::kVector;
  const auto* b = store.fetch(bias).row<float>(0);
  for (std::int64_t r = 0; r < 64; ++r) EXPECT_EQ(b[r], static_cast<float>(r));
}

TEST_F(GgufWeights, rotary_rows_grouped) {
  const auto c =
      open(llama()
               .tensor("token_embd.weight", {kHidden, 3}, 8, std::string(6 * 34, '\0'))
               .tensor("blk.0.attn_q.weight", {kHidden, 64}, 8, permuted_q8_rows(kHeads, kHeadDim, kHidden)));
  WeightStore store(*c);
  HeaderSource plan(*c);
  struct Case {
    Cut cut;
    std::optional<Format> format;
    float error;
  };
  const Case kCases[] = {{{}, {}, 0},
                         {{.axis = 0, .begin = 5, .count = 30}, {}, 0},
                         {{.axis = 1, .begin = 32, .count = 32}, {}, 0},
                         {{}, Format::kF32, 0},
                         {{.axis = 1, .begin = 7, .count = 9}, Format::kBF16, 0},
                         {{.axis = 0, .begin = 5, .count = 30}, Format::kInt8, 0.01F},
                         {{}, Format::kBfp8B, 0.6F},
                         {{}, Format::kInt4, 0.01F}};
  for (const Case& k : kCases) {
    WeightRequest r = q();
    r.cut = k.cut;
    r.format = k.format;
    const ConstTensorView v = store.fetch(r), planned = plan.fetch(r);
    EXPECT_EQ(v.layout, !k.format || is_grouped(*k.format) ? Layout::kPanels : Layout::kRowMajor);
    EXPECT_EQ(planned.data, nullptr);
    EXPECT_EQ(planned.format, v.format);
    EXPECT_EQ(planned.layout, v.layout);
    EXPECT_EQ(planned.shape, v.shape);
    EXPECT_EQ(planned.row_bytes, v.row_bytes);
    for (std::int64_t i = 0; i < v.dim(0); ++i) {
      const auto want = static_cast<float>(i + (k.cut.axis == 0 ? k.cut.begin : 0));
      for (const float x : row_of(v, i)) ASSERT_NEAR(x, want, k.error);
    }
  }
  EXPECT_EQ(plan.bytes().owned, store.bytes().owned);
  EXPECT_EQ(plan.bytes().mapped, store.bytes().mapped);
  EXPECT_TRUE(plan.problems().empty());
}

TEST_F(GgufWeights, tables_stay_as_stored) {
  const auto c =
      open(llama().tensor("token_embd.weight", {kHidden, 3}, 8, permuted_q8_rows(1, 4, kHidden).substr(0, 6 * 34)));
  WeightStore store(*c);
  WeightRequest r{.path = "model.embed_tokens", .name = "weight", .shape = {3, kHidden}, .use = WeightUse::kTable};
  const ConstTensorView v = store.fetch(r);
  EXPECT_EQ(v.data, c->find("model.embed_tokens.weight")->data);
  EXPECT_EQ(v.layout, Layout::kRowMajor);
  EXPECT_EQ(v.row_bytes, 2 * 34);
  r.cut = {.axis = 1, .begin = 32, .count = 32};
  const ConstTensorView half = store.fetch(r);
  EXPECT_EQ(half.data, v.data + 34);
  EXPECT_EQ(half.row_bytes, 2 * 34);
  r.cut = {.axis = 1, .begin = 16, .count = 32};
  expect_error(ErrorKind::kUnsupported, "cannot be cut at columns 16 + 32: Q8_0 holds blocks of 32",
               [&] { store.fetch(r); });
  r.cut = {};
  r.format = Format::kF32;
  EXPECT_EQ(row_of(store.fetch(r), 1)[5], 2.0F);
  r.use = WeightUse::kMatrix;
  r.format.reset();
  EXPECT_EQ(store.fetch(r).layout, Layout::kPanels);
}

TEST_F(GgufWeights, unsupported_type_when_used) {
  const auto c = open(llama().tensor("token_embd.weight", {256, 3}, 16, std::string(66 * 3, '\0')));
  WeightStore store(*c);
  expect_error(ErrorKind::kUnsupported, "is stored as IQ2_XXS", [&] {
    store.fetch({.path = "model.embed_tokens", .name = "weight", .shape = {3, 256}});
  });
}

// How many tensors a stacked one unrolls into is bounded, also where its bytes bound nothing.
TEST_F(GgufWeights, experts_are_counted_before_they_are_unrolled) {
  static constexpr GgufTensor kTensors[] = {{"exps.{}", "layers.{}.experts.{}.w", GgufChange::kNone}};
  const GgufSpelling spelling[] = {
      {.architecture = "toy", .model_type = "toy", .hf_architecture = "Toy", .tensors = kTensors}};
  const auto open = [&](const std::vector<std::uint64_t>& extents, std::string_view data, int layers = 1) {
    GgufWriter w;
    w.string("general.architecture", "toy").tensor("first", {1}, 0, "1234");
    for (int i = 0; i < layers; ++i) w.tensor(text("exps.", i), extents, 24, data);
    return open_checkpoint(dir_.write("toy.gguf", w.bytes()), spelling)->tensors().size();
  };
  EXPECT_EQ(open({2, 3}, "123456"), 4U);
  EXPECT_EQ(open({1, 8192}, std::string(8192, 'x')), 8193U);
  expect_error(ErrorKind::kBadData, "tensor 'exps.0' wanted elements to unroll, got [1099511627776, 0]", [&] {
    open({0, std::uint64_t{1} << 40}, "");
  });
  expect_error(ErrorKind::kBadData, "unrolls into 8193 tensors, wanted at most 8192", [&] {
    open({1, 8193}, std::string(8193, 'x'));
  });
  expect_error(ErrorKind::kBadData, "and 262144 of all tensors", [&] { open({1, 8192}, std::string(8192, 'x'), 33); });
}

TEST_F(GgufWeights, subtract_one_transposed_and_experts) {
  static constexpr GgufTensor kTensors[] = {{"norm.{}.weight", "layers.{}.norm", GgufChange::kSubtractOne},
                                            {"kv.{}", "layers.{}.kv", GgufChange::kTransposed},
                                            {"exps.{}", "layers.{}.experts.{}.w", GgufChange::kNone}};
  const GgufSpelling spelling[] = {
      {.architecture = "toy", .model_type = "toy", .hf_architecture = "Toy", .tensors = kTensors}};
  GgufWriter w;
  w.string("general.architecture", "toy").tensor("norm.7.weight", {3}, 0, testing::bytes_of<float>({1, 1.5F, 0}));
  w.tensor("kv.7", {2, 3}, 0, testing::bytes_of<float>({1, 2, 3, 4, 5, 6}));
  w.tensor("exps.07", {1}, 0, "1234").tensor("exps.7", {2, 1, 2}, 0, testing::bytes_of<float>({1, 2, 3, 4}));
  const auto c = open_checkpoint(dir_.write("toy.gguf", w.bytes()), spelling);
  WeightStore store(*c);
  const ConstTensorView norm =
      store.fetch({.path = "layers.7", .name = "norm", .shape = {3}, .use = WeightUse::kVector});
  EXPECT_EQ(norm.row<float>(0)[1], 0.5F);
  EXPECT_EQ(norm.row<float>(0)[2], -1.0F);
  const ConstTensorView kv = store.fetch({.path = "layers.7", .name = "kv", .shape = {2, 3}});
  EXPECT_EQ(kv.row<float>(1)[2], 6.0F);
  EXPECT_EQ(kv.row<float>(0)[1], 3.0F);
  const ConstTensorView straight = store.fetch({.path = "layers.7", .name = transposed("kv"), .shape = {3, 2}});
  EXPECT_EQ(straight.data, c->find("layers.7.kv")->data);
  const ConstTensorView expert = store.fetch({.path = "layers.7.experts.1", .name = "w", .shape = {1, 2}});
  EXPECT_EQ(expert.row<float>(0)[0], 3.0F);
  EXPECT_EQ(store.unused(), (std::vector<std::string>{"exps.07", "layers.7.experts.0.w"}));
  ASSERT_EQ(c->notes().size(), 1U);
  EXPECT_NE(c->notes()[0].find("1 tensors unknown to architecture toy, first 'exps.07'"), std::string::npos);
}

TEST_F(GgufWeights, mutations_give_results_or_errors) {
  GgufWriter w = llama();
  w.tensor("token_embd.weight", {kHidden, 3}, 8, std::string(6 * 34, '\0'));
  w.tensor("blk.0.attn_q.weight", {kHidden, 64}, 8, permuted_q8_rows(kHeads, kHeadDim, kHidden));
  w.tensor("blk.0.attn_k.bias", {32}, 0, permuted_rows(kKvHeads, kHeadDim, 1))
      .tensor("odd", {5, 2, 3}, 28, std::string(240, '7'));
  // Data is longer than everything before it, and of no interest here.
  const std::string whole = w.bytes();
  const std::size_t head = whole.find("odd") + 64;
  const std::span<const GgufSpelling> spellings = llama_gguf_spellings();
  testing::Random random(3);
  dir_.write("m.gguf", whole);
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto path = dir_.overwrite("m.gguf", testing::mutated(whole.substr(0, head), random) + whole.substr(head));
    accepted += testing::returns_or_error([&] {
      const auto c = open_checkpoint(path, spellings);
      WeightStore store(*c);
      HeaderSource plan(*c);
      for (const StoredTensor& t : c->tensors()) {
        const WeightUse use = t.shape.rank() == 1 ? WeightUse::kVector : WeightUse::kMatrix;
        const WeightRequest r{.path = "", .name = "/" + t.name, .shape = t.shape, .use = use};
        const std::size_t problems = plan.problems().size();
        const bool planned = plan.fetch(r).shape == t.shape && plan.problems().size() == problems;
        EXPECT_EQ(testing::returns_or_error([&] { store.fetch(r); }), planned) << t.name;
      }
    });
  }
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace ttt
