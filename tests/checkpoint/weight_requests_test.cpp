// Requests that a checkpoint cannot meet, when it is read and when it is only planned.

#include "tests/checkpoint/weight_store_case.h"

namespace ttt {
namespace {

using testing::bytes_of;
using testing::expect_error;
using testing::kIn;
using testing::kOut;
using testing::SafetensorsWriter;
using WeightRequestsTest = testing::WeightStoreTest;

struct Wrong {
  const char* name;
  WeightRequest request;
  ErrorKind kind;
  const char* message;
};

TEST_F(WeightRequestsTest, refuses) {
  const auto c = open(SafetensorsWriter()
                          .add("m.weight", "F32", {kOut, kIn}, bytes_of(m_))
                          .add("m.ids", "I64", {2}, std::string(16, '\0'))
                          .add("m.f8", "F8_E4M3", {4, 4}, std::string(16, '\0'))
                          .add("m.five", "F32", {1, 1, 1, 1, 1}, "1234")
                          .aligned());
  const auto with = [](TensorName name, Shape shape, Cut cut = {}, WeightUse use = WeightUse::kMatrix,
                       std::optional<Format> format = {}) {
    return WeightRequest{
        .path = "m", .name = std::move(name), .shape = shape, .cut = cut, .use = use, .format = format};
  };
  const Wrong kCases[] = {
      {"missing", with("none", {2, 2}), ErrorKind::kBadData, "[m] none wanted [2, 2], got nothing"},
      {"shape", with("weight", {kIn, kOut}), ErrorKind::kBadData, "[m] weight wanted [64, 48], got [48, 64]"},
      {"transposed", with(transposed("weight"), {kOut, kIn}), ErrorKind::kBadData, "wanted [48, 64], got [64, 48]"},
      {"rows", with(rows("weight", 40, 9), {9, kIn}), ErrorKind::kBadData, "of which this weight is rows 40 to 48"},
      {"fused_columns", with(rows("weight", 16, 16), {16, kIn + 1}), ErrorKind::kBadData,
       "wanted [48, 65], of which this weight is rows 16 to 31, got [48, 64]"},
      {"rows_shape", with(rows("weight", 40, 8), {9, kIn}), ErrorKind::kBadData, "wanted [9, 64], got [8, 64]"},
      {"every", with(every("weight", 0, 4, 16, 4), {16, kIn}), ErrorKind::kBadData,
       "of which this weight is 4 rows every 16 from 0 to 51"},
      {"cut", with("weight", {kOut, kIn}, {0, 40, 9}), ErrorKind::kInternal, "wanted a cut inside [48, 64]"},
      {"dtype", with("f8", {4, 4}), ErrorKind::kUnsupported, "[m] f8 is stored as F8_E4M3"},
      {"integers", with("ids", {2}, {}, WeightUse::kVector), ErrorKind::kUnsupported, "is stored as I64"},
      {"rank", with("five", {1, 1}), ErrorKind::kUnsupported, "more than 4 extents"},
      {"to_q4_k", with("weight", {kOut, kIn}, {}, WeightUse::kMatrix, Format::kQ4_K), ErrorKind::kUnsupported,
       "is stored as F32 and cannot become q4_k"},
      {"table_q4_0", with("weight", {kOut, kIn}, {}, WeightUse::kTable, Format::kQ4_0), ErrorKind::kUnsupported,
       "is a table in F32 and cannot become q4_0"},
      {"table_cut_int8", with("weight", {kOut, kIn}, {1, 0, 32}, WeightUse::kTable, Format::kInt8),
       ErrorKind::kUnsupported, "int8 has one scale for a row"},
      {"cut_group", with("weight", {kOut, kIn}, {1, 8, 16}, WeightUse::kMatrix, Format::kInt8), ErrorKind::kUnsupported,
       "cannot be cut at inputs 8 + 16"},
  };
  HeaderSource plan(*c);
  for (const Wrong& k : kCases) {
    WeightStore store(*c);
    expect_error(k.kind, k.message, [&] { store.fetch(k.request); });
    const std::size_t before = plan.problems().size();
    EXPECT_EQ(plan.fetch(k.request).shape, k.request.cut_shape()) << k.name;
    EXPECT_EQ(plan.problems().size(), before + 1) << k.name;
  }
  expect_error(ErrorKind::kBadData, "1 tensors missing: m.none", [&] { plan.require_complete(); });
}

TEST_F(WeightRequestsTest, plan_lists_missing_names) {
  const auto c = open_matrix("F32", bytes_of(m_));
  HeaderSource plan(*c);
  for (int i = 0; i < 9; ++i) plan.fetch({.path = "", .name = text("t", i), .shape = {1}});
  plan.fetch(matrix());
  expect_error(ErrorKind::kBadData, "9 tensors missing: t0, t1, t2, t3, t4, ...", [&] { plan.require_complete(); });
  EXPECT_EQ(plan.records().size(), 1U);
}

TEST_F(WeightRequestsTest, plan_names_tensor_and_file) {
  const auto c = open_matrix("F32", bytes_of(m_));
  HeaderSource plan(*c);
  WeightRequest wrong = matrix();
  wrong.shape = {2, 2};
  plan.fetch(wrong);
  expect_error(ErrorKind::kBadData, text(" wanted [2, 2], got [48, 64] (", wrong.full_name(), " of model.safetensors)"),
               [&] { plan.require_complete(); });
}

TEST_F(WeightRequestsTest, unused_leaves_out_known_buffers) {
  dir_.write("config.json", R"({"model_type":"llama","tie_word_embeddings":true})");
  dir_.write("model.safetensors", SafetensorsWriter()
                                      .add("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", {1}, "1234")
                                      .add("lm_head.weight", "F32", {1}, "1234")
                                      .add("h.0.attn.bias", "F32", {1, 1, 1, 1}, "1234")
                                      .add("extra", "F32", {1}, "1234")
                                      .aligned());
  const auto c = open_checkpoint(dir_.path(), {});
  EXPECT_EQ(WeightStore(*c).unused(), (std::vector<std::string>{"extra"}));
}

}  // namespace
}  // namespace ttt
