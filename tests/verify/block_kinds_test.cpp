// Blocks that no family of this repository has yet, alone against recordings: golden layers of Hugging Face, and
// formulae.

#include "runtime/verify/block_kinds.h"

#include <gtest/gtest.h>

#include <cmath>

#include "attention/cross_attention.h"
#include "attention/latent_attention.h"
#include "embeddings/position_embedding.h"
#include "normalization/distributed.h"
#include "runtime/verify/verify.h"
#include "support/attention_golden.h"
#include "support/exec.h"
#include "support/model.h"
#include "support/tiny_model.h"
#include "testing/reference.h"

namespace ttt {
namespace {

using support::NamedValues;

// A model of one block, which is only run alone.
template <class Block>
class OneBlock final : public Model {
 public:
  OneBlock(const Scope& s, const typename Block::Spec& spec, const typename Block::Names& names)
      : block_(make<Block>(s / "block", spec, names)) {}
  void forward(Exec&, const Step&, TensorView) const override {
    fail(ErrorKind::kInternal, "a model of one block has no forward");
  }
  std::int64_t vocab_size() const override { return 64; }

 private:
  Block block_;
};

std::int64_t rows_of(const std::vector<float>& values, std::int64_t width) {
  return static_cast<std::int64_t>(values.size()) / width;
}

// Verifies a block with that Spec and those names against what was recorded.
template <class Block>
VerifyReport verify_block(const typename Block::Spec& planted, const std::vector<NamedValues>& weights,
                          const std::vector<NamedValues>& recorded, std::int64_t rows,
                          const typename Block::Names& given = {}) {
  static typename Block::Spec spec;
  static typename Block::Names names;
  spec = planted;
  names = given;
  static constexpr std::string_view kTypes[] = {"one_block"};
  const Family family{.model_types = kTypes, .make = [](const Scope& scope, ConfigReader&) -> std::unique_ptr<Model> {
                        return std::make_unique<OneBlock<Block>>(scope, spec, names);
                      }};
  const support::TemporaryDirectory directory;
  support::write_file(directory.path() / "config.json", R"({"model_type": "one_block"})");
  support::write_file(directory.path() / "model.safetensors", support::f32_safetensors(weights));
  // Ids are integers of 32 bits; those of small numbers have the bits of f32 values next to 0.
  std::string bytes = support::f32_safetensors(recorded);
  Json header = Json::parse(bytes.substr(8, bytes.find("}}") - 6), "header");
  header.set("__metadata__", Json::Object{{"format", "ttt-trace"}, {"dtype", "float32"}});
  Json ids(Json::Object{{"dtype", "I32"}, {"shape", Json::Array{rows}}});
  std::uint64_t head = 0;
  std::memcpy(&head, bytes.data(), sizeof head);
  std::string data = bytes.substr(8 + head);
  const auto begin = static_cast<std::int64_t>(data.size());
  ids.set("data_offsets", Json::Array{begin, begin + 4 * rows});
  header.set("input_ids", std::move(ids));
  data.append(static_cast<std::size_t>(4 * rows), '\0');
  const std::string text = header.dump();
  head = text.size();
  support::write_file(directory.path() / "trace.safetensors",
                      std::string(reinterpret_cast<const char*>(&head), sizeof head) + text + data);
  LoadOptions load{.traits = query_device_traits(), .strategy = Strategy::kAccuracy, .context = 64};
  load.traits.available_bytes = 0;  // what a run takes is not asked: there is no forward to plan
  const LoadedModel model = load_model(open_checkpoint(directory.path(), {}), {&family, 1}, load);
  ThreadPool threads(1);
  return verify(model, {&family, 1}, load, Trace::load(directory.path() / "trace.safetensors"), threads,
                {.alone = true});
}

NamedValues rows_named(const std::string& name, std::vector<float> values, std::int64_t width) {
  return {{name, {rows_of(values, width), width}}, std::move(values)};
}

void expect_agrees(const VerifyReport& report) {
  EXPECT_TRUE(report.agrees()) << report.text();
  EXPECT_EQ(report.places.size(), 1u);
}

void expect_named(const VerifyReport& report, const std::string& cause) {
  ASSERT_FALSE(report.agrees()) << "instead of naming " << cause;
  ASSERT_FALSE(report.causes.empty()) << report.text();
  EXPECT_EQ(report.causes[0].what, cause) << report.text();
  EXPECT_TRUE(report.causes[0].agrees) << report.text();
}

// A golden layer's tensors: weights below `block`, and its input and output as a recording.
struct Layer {
  std::vector<NamedValues> weights, recorded;
  std::int64_t rows = 0;
};

Layer layer_of(const std::string& file, const std::string& name, std::int64_t hidden) {
  const support::GoldenLayer golden = support::golden_layers(file).at(name);
  Layer layer;
  const Json layers = Json::parse(support::read_text(TTT_SOURCE_DIR "/tests/golden/attention/" + file + ".json"), file);
  for (const Json& l : layers.as_array("layers")) {
    if (l.at("name", "layer").as_string("name") != name) continue;
    for (const Json& t : l.at("tensors", "layer").as_array("tensors")) {
      const std::string tensor(t.at("name", "tensor").as_string("name"));
      std::vector<std::int64_t> shape;
      for (const Json& e : t.at("shape", "tensor").as_array("shape")) shape.push_back(e.as_integer("extent"));
      if (tensor.find('.') == std::string::npos) continue;
      layer.weights.push_back({{"block." + tensor, shape}, golden.tensors.at(tensor)});
    }
  }
  layer.recorded = {rows_named("block:in", golden.tensors.at("x"), hidden),
                    rows_named("block:out", golden.tensors.at("y"), hidden)};
  if (golden.tensors.contains("source")) {
    layer.recorded.push_back(rows_named("block:in.1", golden.tensors.at("source"), hidden));
  }
  layer.rows = rows_of(golden.tensors.at("x"), hidden);
  return layer;
}

template <class Spec>
Spec spec_of(const std::string& file, const std::string& name) {
  Spec spec;
  from_json(spec, support::golden_layers(file).at(name).spec, "spec");
  return spec;
}

TEST(VerifyBlocks, LatentAttention) {
  for (const char* name : {"latent_v2", "latent_v3", "latent_yarn"}) {
    const auto right = spec_of<MultiHeadLatentAttentionSpec>("latent_layers", name);
    const Layer layer = layer_of("latent_layers", name, right.hidden_dim);
    SCOPED_TRACE(name);
    const auto run = [&](const std::function<void(MultiHeadLatentAttentionSpec&)>& plant) {
      MultiHeadLatentAttentionSpec spec = right;
      plant(spec);
      return verify_block<MultiHeadLatentAttention>(spec, layer.weights, layer.recorded, layer.rows);
    };
    expect_agrees(run([](auto&) {}));
    const bool half = right.rope.layout == RotaryLayout::kHalfSplit;
    expect_named(
        run([half](auto& s) { s.rope.layout = half ? RotaryLayout::kInterleaved : RotaryLayout::kHalfSplit; }),
        half ? "rope.layout half_split instead of interleaved" : "rope.layout interleaved instead of half_split");
    expect_named(run([](auto& s) { s.norm_eps = 0.3f; }), "norm_eps 1e-06 instead of 0.3");
    expect_named(run([](auto& s) { s.rope.base = 5e5; }), "rope.base 1e+04 instead of 5e+05");
    expect_named(run([](auto& s) { s.scale = 1.0f; }), "scale none instead of 1");
  }
}

TEST(VerifyBlocks, CrossAttention) {
  const auto right = spec_of<CrossAttentionSpec>("cross_layers", "bart_cross");
  const Layer layer = layer_of("cross_layers", "bart_cross", right.hidden_dim);
  const auto run = [&](const std::function<void(CrossAttentionSpec&)>& plant) {
    CrossAttentionSpec spec = right;
    plant(spec);
    return verify_block<CrossAttention>(spec, layer.weights, layer.recorded, layer.rows);
  };
  expect_agrees(run([](auto&) {}));
  expect_named(run([](auto& s) { s.o_bias = false; }), "o_bias true instead of false");
  expect_named(run([](auto& s) { s.q_bias = s.v_bias = false; }), "q_bias, v_bias true instead of false");
  expect_named(run([](auto& s) { s.scale = 1.0f; }), "scale none instead of 1");
}

TEST(VerifyBlocks, CrossAttentionWithoutItsSourceIsNotRun) {
  const auto spec = spec_of<CrossAttentionSpec>("cross_layers", "bart_cross");
  Layer layer = layer_of("cross_layers", "bart_cross", spec.hidden_dim);
  layer.recorded.pop_back();
  try {
    verify_block<CrossAttention>(spec, layer.weights, layer.recorded, layer.rows);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("no module of the recording is a block"), std::string::npos) << e.what();
  }
}

// Sines and cosines of p * f_i in turn, positions from `offset` on.
std::vector<float> sinusoids(std::int64_t rows, std::int64_t hidden, std::int64_t offset, double timescale) {
  std::vector<float> y;
  for (std::int64_t p = offset; p < offset + rows; ++p) {
    for (std::int64_t i = 0; i < hidden / 2; ++i) {
      const double angle =
          static_cast<double>(p) * std::pow(timescale, -2.0 * static_cast<double>(i) / static_cast<double>(hidden));
      y.push_back(static_cast<float>(std::sin(angle)));
      y.push_back(static_cast<float>(std::cos(angle)));
    }
  }
  return y;
}

TEST(VerifyBlocks, PositionEmbedding) {
  constexpr std::int64_t kRows = 9, kHidden = 12;
  std::vector<float> positions;
  for (std::int64_t p = 0; p < kRows; ++p) positions.push_back(static_cast<float>(p));
  const auto run = [&](PositionEmbeddingSpec spec, std::int64_t offset, const std::vector<float>& table = {}) {
    spec.hidden_dim = kHidden;
    std::vector<NamedValues> weights{
        rows_named("block.weight", table.empty() ? std::vector<float>(kHidden) : table, kHidden)};
    const std::vector<float> y = table.empty() ? sinusoids(kRows, kHidden, offset, 1e4)
                                               : std::vector<float>(table.begin() + offset * kHidden,
                                                                    table.begin() + (offset + kRows) * kHidden);
    return verify_block<PositionEmbedding>(
        spec, weights, {rows_named("block:in", positions, 1), rows_named("block:out", y, kHidden)}, kRows);
  };
  const SinusoidalPositions plain;
  expect_agrees(run({.kind = plain}, 0));
  expect_named(run({.kind = SinusoidalPositions{.layout = SinusoidLayout::kHalfSplit}}, 0),
               "kind.layout interleaved instead of half_split");
  expect_named(run({.kind = SinusoidalPositions{.max_timescale = 500}}, 0), "kind.max_timescale 1e+04 instead of 500");
  expect_named(run({.offset = 1, .kind = plain}, 0), "offset 0 instead of 1");
  const std::vector<float> table = support::normal_values(12 * kHidden, 3);
  expect_agrees(run({.offset = 2, .kind = LearnedPositions{12}}, 2, table));
  expect_named(run({.kind = LearnedPositions{12}}, 2, table), "offset 2 instead of 0");
}

TEST(VerifyBlocks, DistributedNorm) {
  constexpr std::int64_t kRows = 5, kDim = 11;
  const std::vector<float> x = support::normal_values(kRows * kDim, 1, 0.1f, 0.05f);
  const std::vector<float> gain = support::normal_values(kDim, 2, 0.3f, 1.0f);
  std::vector<float> y;
  for (std::int64_t r = 0; r < kRows; ++r) {
    for (const double v : reference::rms_norm(support::row_of(x, r, kDim), support::doubles(gain), 1e-5, 0)) {
      y.push_back(static_cast<float>(v));
    }
  }
  const auto run = [&](const RMSNormSpec& base, const std::string& name = "block.weight") {
    return verify_block<DistributedNorm>({.base_norm = base}, {{{name, {kDim}}, gain}},
                                         {rows_named("block:in", x, kDim), rows_named("block:out", y, kDim)}, kRows,
                                         {.weight = "/" + name});
  };
  // Blocks that are tried find a weight under the name that the model gave it.
  expect_named(run({.dim = kDim, .eps = 0.01f}, "gain"), "base_norm.eps 1e-05 instead of 0.01");
  expect_agrees(run({.dim = kDim}));
  expect_named(run({.dim = kDim, .eps = 0.01f}), "base_norm.eps 1e-05 instead of 0.01");
  expect_named(run({.dim = kDim, .weight_offset = 1}), "base_norm.weight_offset 0 instead of 1");
  expect_named(run({.dim = kDim, .affine = false}), "base_norm.affine true instead of false");
}

}  // namespace
}  // namespace ttt
