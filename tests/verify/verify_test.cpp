// A model against a recorded run of Hugging Face, and with faults planted: each has to be named.

#include "runtime/verify/verify.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <functional>

#include "ffn/moe.h"
#include "kernels/formats/dense_values.h"
#include "models/llama/llama.h"
#include "support/model.h"
#include "support/random_checkpoint.h"
#include "testing/metrics.h"
#include "testing/reference.h"

namespace ttt {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(TTT_SOURCE_DIR) / "tests/golden/trace/bias";

// Tensors of a safetensors file by name, f32.
using Tensors = std::vector<std::pair<std::string, testing::Values>>;

std::string safetensors(const Tensors& tensors, const Json& metadata) {
  Json header(Json::Object{{"__metadata__", metadata}});
  std::string data;
  for (const auto& [name, values] : tensors) {
    const auto begin = static_cast<std::int64_t>(data.size());
    const void* from = values.ids.empty() ? static_cast<const void*>(values.data.data()) : values.ids.data();
    data.append(static_cast<const char*>(from), 4 * (values.data.size() + values.ids.size()));
    Json::Array shape{values.rows()};
    if (values.width > 0) shape.emplace_back(values.width);
    header.set(name, Json::Object{{"dtype", values.ids.empty() ? "F32" : "I32"},
                                  {"shape", std::move(shape)},
                                  {"data_offsets", Json::Array{begin, static_cast<std::int64_t>(data.size())}}});
  }
  const std::string head = header.dump();
  const std::uint64_t size = head.size();
  return std::string(reinterpret_cast<const char*>(&size), 8) + head + data;
}

// The checkpoint that was recorded, in which tests plant faults.
class Verify : public ::testing::Test {
 protected:
  void SetUp() override {
    config_ = Json::parse(support::read_file(kGolden / "config.json"), "config.json");
    support::write_random_checkpoint(model_, config_);
  }

  void set_config(std::string_view key, Json value) {
    config_.set(key, std::move(value));
    support::write_file(model_ / "config.json", config_.dump());
  }

  // Changes values of the tensors whose name ends so, in the checkpoint's file.
  void edit_weights(std::string_view ending, const std::function<float(float)>& change) {
    const fs::path path = model_ / "model.safetensors";
    const SafetensorsFile file = open_safetensors(path, FileAccess::kCopy);
    std::string bytes = support::read_file(path);
    for (const StoredTensor& t : file.tensors) {
      if (!t.name.ends_with(ending)) continue;
      for (std::int64_t i = 0; i < t.shape.elements(); ++i) {
        char* at = bytes.data() + t.offset + 4 * i;
        float v = 0;
        std::memcpy(&v, at, sizeof v);
        v = change(v);
        std::memcpy(at, &v, sizeof v);
      }
    }
    support::write_file(path, bytes);
  }

  VerifyReport run(const VerifyOptions& options = {}, std::span<const Family> of = families(),
                   const fs::path& recording = kGolden / "trace.safetensors") {
    LoadOptions load{.traits = query_device_traits(), .strategy = Strategy::kAccuracy, .context = 16};
    const LoadedModel model = load_model(open_checkpoint(model_, {}), of, load);
    ThreadPool threads(1);
    return verify(model, of, load, Trace::load(recording), threads, options);
  }

  // The path that diverges first and the cause that is named first.
  static void expect_named(const VerifyReport& report, const std::string& path, const std::string& cause) {
    ASSERT_FALSE(report.agrees());
    EXPECT_EQ(report.places[static_cast<std::size_t>(*report.first)].path, path) << report.text();
    ASSERT_FALSE(report.causes.empty()) << report.text();
    EXPECT_EQ(report.causes[0].what, cause) << report.text();
    EXPECT_TRUE(report.causes[0].agrees);
    EXPECT_NE(report.text().find("first divergence: " + path), std::string::npos);
    EXPECT_NE(report.text().find("likely cause: " + cause), std::string::npos);
  }

  support::TemporaryDirectory directory_;
  fs::path model_ = directory_.path() / "model";
  Json config_;
};

TEST_F(Verify, AnUnchangedModelAgreesEverywhere) {
  const VerifyReport report = run();
  EXPECT_TRUE(report.agrees()) << report.text();
  EXPECT_EQ(report.places.size(), 11u);  // embedding, four per layer, norm, head
  EXPECT_TRUE(report.not_compared.empty());
  EXPECT_EQ(report.tolerance, 1e-4);
  for (const PlaceComparison& c : report.places) EXPECT_LT(c.share, 5e-6) << c.path;
  EXPECT_NE(report.text().find("all 11 recorded places agree"), std::string::npos);
}

TEST_F(Verify, BlocksAloneAgreeOnRecordedInputs) {
  const VerifyReport report = run({.alone = true});
  EXPECT_TRUE(report.agrees()) << report.text();
  EXPECT_EQ(report.places.size(), 11u);
}

TEST_F(Verify, NamesAWrongEps) {
  set_config("rms_norm_eps", 1e-2);
  const VerifyReport report = run();
  expect_named(report, "model.layers.0.input_layernorm", "eps 1e-05 instead of 0.01");
  EXPECT_EQ(report.causes.size(), 1u) << report.text();
}

TEST_F(Verify, NamesAMissingBias) {
  set_config("attention_bias", false);
  expect_named(run(), "model.layers.0.self_attn", "q_bias, k_bias, v_bias, o_bias true instead of false");
  set_config("attention_bias", true);
  set_config("mlp_bias", false);
  expect_named(run(), "model.layers.0.mlp", "bias true instead of false");
}

TEST_F(Verify, NamesAWrongNormOffset) {
  edit_weights("norm.weight", [](float w) { return w - 1; });
  expect_named(run(), "model.layers.0.input_layernorm", "weight_offset 1 instead of 0");
}

TEST_F(Verify, NamesAWrongRotaryLayout) {
  static constexpr std::string_view kTypes[] = {"llama"};
  const Family faulty{.model_types = kTypes,
                      .make = [](const Scope& scope, ConfigReader& config) -> std::unique_ptr<Model> {
                        auto c = read_llama_config(config, scope.source(), scope.options().context);
                        config.finish();
                        c.rope.layout = RotaryLayout::kInterleaved;
                        return std::make_unique<Llama>(scope, c);
                      }};
  expect_named(run({}, {&faulty, 1}), "model.layers.0.self_attn", "position.layout half_split instead of interleaved");
}

TEST_F(Verify, NamesAWrongRotaryBase) {
  set_config("rope_theta", 1e6);
  expect_named(run(), "model.layers.0.self_attn", "position.base 1e+04 instead of 1e+06");
}

TEST_F(Verify, NamesAWrongActivation) {
  set_config("hidden_act", "gelu");
  expect_named(run(), "model.layers.0.mlp", "activation silu instead of gelu");
}

TEST_F(Verify, NamesTwoFaultsOfOneBlock) {
  edit_weights("norm.weight", [](float w) { return w - 1; });
  set_config("rms_norm_eps", 1e-1);
  const VerifyReport report = run();
  ASSERT_EQ(report.causes.size(), 1u) << report.text();
  EXPECT_TRUE(report.causes[0].agrees);
  EXPECT_NE(report.causes[0].what.find("weight_offset 1 instead of 0"), std::string::npos) << report.text();
  EXPECT_NE(report.causes[0].what.find("eps 1e-05 instead of 0.1"), std::string::npos) << report.text();
}

TEST_F(Verify, NamesAFactorOfAnOutput) {
  edit_weights("embed_tokens.weight", [](float w) { return w / 4; });
  expect_named(run(), "model.embed_tokens", "the output times 4");
}

TEST_F(Verify, AWrongWeightHasNoCauseAmongTheSpecs) {
  edit_weights("layers.1.mlp.up_proj.weight", [](float w) { return w > 0 ? w : 0; });
  const VerifyReport report = run();
  ASSERT_FALSE(report.agrees());
  EXPECT_EQ(report.places[static_cast<std::size_t>(*report.first)].path, "model.layers.1.mlp");
  EXPECT_TRUE(report.causes.empty() || !report.causes[0].agrees) << report.text();
  EXPECT_GT(report.tried, 5);
}

TEST_F(Verify, AloneFindsAFaultBehindAnother) {
  edit_weights("layers.0.mlp.up_proj.weight", [](float w) { return -w; });
  edit_weights("layers.1.self_attn.o_proj.bias", [](float w) { return w + 1; });
  const VerifyReport report = run({.alone = true});
  std::vector<std::string> wrong;
  for (const PlaceComparison& c : report.places) {
    if (!c.agrees) wrong.push_back(c.path);
  }
  EXPECT_EQ(wrong, (std::vector<std::string>{"model.layers.0.mlp", "model.layers.1.self_attn"})) << report.text(true);
}

// Embedding, experts, head: what verify needs to know a router by.
class RouterModel final : public Model {
 public:
  RouterModel(const Scope& s, const MoESpec& spec, const std::string& recorded = {})
      : embedding_(make<TokenEmbedding>(s / "model.embed_tokens", {.vocab_size = kVocab, .hidden_dim = kHidden})),
        experts_(make<MoE>((s / "model.layers.0.mlp").recorded_as(recorded), spec)),
        head_(make<LMHead>(s / "lm_head", {.hidden_dim = kHidden, .vocab_size = kVocab, .tie_word_embeddings = true},
                           {.weight = "/model.embed_tokens.weight"})) {}
  void forward(Exec& exec, const Step& step, TensorView logits) const override {
    Scratch::Frame frame(exec.scratch);
    const TensorView x = frame.take({step.rows(), kHidden});
    embedding_.forward(exec, step.ids, x);
    experts_.forward_add(exec, x, x);
    head_.forward(exec, x, step.wanted_rows, logits);
  }
  std::int64_t vocab_size() const override { return kVocab; }

  // As the recorded model has it.
  static MoESpec spec() {
    return {.hidden_dim = kHidden, .num_experts = 6, .router = {.top_k = 3}, .expert = {.ffn_dim = 8}};
  }

 private:
  static constexpr std::int64_t kVocab = 40, kHidden = 16;
  TokenEmbedding embedding_;
  MoE experts_;
  LMHead head_;
};

VerifyReport verify_router(const std::function<void(MoESpec&)>& plant) {
  static constexpr std::string_view kTypes[] = {"qwen3_moe"};
  static std::function<void(MoESpec&)> planted;
  planted = plant;
  const Family family{.model_types = kTypes, .make = [](const Scope& scope, ConfigReader&) -> std::unique_ptr<Model> {
                        MoESpec spec = RouterModel::spec();
                        planted(spec);
                        return std::make_unique<RouterModel>(scope, spec);
                      }};
  const fs::path directory = kGolden.parent_path() / "router";
  const LoadOptions load{.traits = query_device_traits(), .strategy = Strategy::kAccuracy, .context = 16};
  const LoadedModel model = load_model(open_checkpoint(directory, {}), {&family, 1}, load);
  ThreadPool threads(1);
  return verify(model, {&family, 1}, load, Trace::load(directory / "trace.safetensors"), threads, {.alone = true});
}

// The reference may have another name for a block, as where its module holds several blocks of this library.
TEST_F(Verify, ABlockIsLookedUpByWhatItIsRecordedAs) {
  static constexpr std::string_view kTypes[] = {"qwen3_moe"};
  const Family family{.model_types = kTypes, .make = [](const Scope& scope, ConfigReader&) -> std::unique_ptr<Model> {
                        return std::make_unique<RouterModel>(scope, RouterModel::spec(), "blocks.0.moe");
                      }};
  const fs::path golden = kGolden.parent_path() / "router", path = directory_.path() / "trace.safetensors";
  const Trace trace = Trace::load(golden / "trace.safetensors");
  const std::string name = "model.layers.0.mlp";
  const Tensors tensors{{"input_ids", {.ids = {trace.ids().begin(), trace.ids().end()}}},
                        {"blocks.0.moe:in", *trace.values(name + ":in")},
                        {"blocks.0.moe:out", *trace.values(name + ":out")}};
  support::write_file(path, safetensors(tensors, Json::Object{{"format", "ttt-trace"}, {"dtype", "float32"}}));
  const LoadOptions load{.traits = query_device_traits(), .strategy = Strategy::kAccuracy, .context = 16};
  const LoadedModel model = load_model(open_checkpoint(golden, {}), {&family, 1}, load);
  ThreadPool threads(1);
  const VerifyReport report = verify(model, {&family, 1}, load, Trace::load(path), threads, {.alone = true});
  EXPECT_TRUE(report.agrees()) << report.text();
  ASSERT_EQ(report.places.size(), 1u);
  EXPECT_EQ(report.places[0].path, name);
}

TEST_F(Verify, NamesAWrongRouter) {
  const VerifyReport right = verify_router([](MoESpec&) {});
  EXPECT_TRUE(right.agrees()) << right.text();
  const std::string path = "model.layers.0.mlp";
  expect_named(verify_router([](MoESpec& s) { s.router.weight = RouterWeight::kSoftmaxOfSelected; }), path,
               "router.weight score instead of softmax_of_selected");
  expect_named(verify_router([](MoESpec& s) { s.router.score = RouterScore::kSigmoid; }), path,
               "router.score softmax instead of sigmoid");
  expect_named(verify_router([](MoESpec& s) { s.router.renormalise = true; }), path,
               "router.renormalise false instead of true");
  expect_named(verify_router([](MoESpec& s) { s.router.top_k = 2; }), path, "router.top_k 3 instead of 2");
}

// A recording in which the attention's output is added to the residual stream times 0.5.
TEST_F(Verify, NamesAFactorOfTheResidualStream) {
  const Trace golden = Trace::load(kGolden / "trace.safetensors");
  testing::Values input = *golden.values("model.layers.0:in");
  const testing::Values attention = *golden.values("model.layers.0.self_attn:out");
  for (std::size_t i = 0; i < input.data.size(); ++i) input.data[i] += 0.5f * attention.data[i];
  const std::string norm = "model.layers.0.post_attention_layernorm";
  const SafetensorsFile weights = open_safetensors(model_ / "model.safetensors");
  const auto gain = std::ranges::find(weights.tensors, norm + ".weight", &StoredTensor::name);
  std::vector<float> w(32);
  kernels::decode_dense(gain->format, gain->data, 32, w.data());
  testing::Values normed{.width = 32};
  for (std::int64_t r = 0; r < input.rows(); ++r) {
    const auto row = input.data.begin() + r * 32;
    for (const double v : reference::rms_norm({row, row + 32}, {w.begin(), w.end()}, 1e-5, 0)) {
      normed.data.push_back(static_cast<float>(v));
    }
  }
  const Tensors tensors{{"input_ids", {.ids = {golden.ids().begin(), golden.ids().end()}}},
                        {"model.layers.0.self_attn:out", attention},
                        {norm + ":in", input},
                        {norm + ":out", normed}};
  const fs::path path = directory_.path() / "trace.safetensors";
  support::write_file(path, safetensors(tensors, Json::Object{{"format", "ttt-trace"}, {"dtype", "float32"}}));
  const VerifyReport report = run({}, families(), path);
  ASSERT_FALSE(report.agrees()) << report.text();
  EXPECT_EQ(report.places[static_cast<std::size_t>(*report.first)].path, norm);
  EXPECT_TRUE(report.first_alone && report.first_alone->agrees) << report.text();
  EXPECT_TRUE(report.hint.starts_with("the output of model.layers.0.self_attn is added times 0.")) << report.hint;
  EXPECT_EQ(report.not_compared.size(), 9u);
}

// A recording of the same model whose module for the feed-forward returns its output before a multiplier of 0.25, as
// references do that multiply outside of it. The model is right to its end, so that is no fault.
TEST_F(Verify, WhatIsRecordedAsSomethingElseIsNoFault) {
  const Trace golden = Trace::load(kGolden / "trace.safetensors");
  const SafetensorsFile file = open_safetensors(kGolden / "trace.safetensors");
  const auto recording = [&](const std::function<void(Tensors&)>& change) {
    Tensors tensors{{"input_ids", {.ids = {golden.ids().begin(), golden.ids().end()}}}};
    for (const StoredTensor& t : file.tensors) {
      if (t.name != "input_ids") tensors.emplace_back(t.name, *golden.values(t.name));
    }
    change(tensors);
    const fs::path path = directory_.path() / "trace.safetensors";
    support::write_file(path, safetensors(tensors, Json::Object{{"format", "ttt-trace"}, {"dtype", "float32"}}));
    return path;
  };
  const auto scale = [](const std::string& name, float factor) {
    return [=](Tensors& tensors) {
      for (auto& [n, values] : tensors) {
        if (n != name) continue;
        for (float& v : values.data) v *= factor;
      }
    };
  };
  const VerifyReport before = run({}, families(), recording(scale("model.layers.0.mlp:out", 4)));
  EXPECT_TRUE(before.agrees()) << before.text();
  ASSERT_EQ(before.otherwise.size(), 1u);
  EXPECT_EQ(before.otherwise[0].path, "model.layers.0.mlp");
  EXPECT_EQ(before.places.size(), 10u);
  EXPECT_NE(before.text().find("1 places are recorded as something else"), std::string::npos) << before.text();
  // Where the end differs too, it is a fault.
  const VerifyReport wrong = run({}, families(), recording([&](Tensors& tensors) {
                                   scale("model.layers.0.mlp:out", 4)(tensors);
                                   scale("lm_head:out", 4)(tensors);
                                 }));
  ASSERT_FALSE(wrong.agrees());
  EXPECT_EQ(wrong.places[static_cast<std::size_t>(*wrong.first)].path, "model.layers.0.mlp");
}

TEST_F(Verify, RefusesWhatIsNoRecordingOfThisModel) {
  const fs::path path = directory_.path() / "trace.safetensors";
  const auto message = [&](const Tensors& tensors, const Json& metadata) -> std::string {
    support::write_file(path, safetensors(tensors, metadata));
    try {
      run({}, families(), path);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kBadData);
      return e.what();
    }
    return "nothing was thrown";
  };
  const Json format(Json::Object{{"format", "ttt-trace"}});
  const Tensors ids{{"input_ids", {.ids = {1, 2}}}};
  EXPECT_NE(message(ids, Json::Object{{"format", "pt"}}).find("wanted a trace of"), std::string::npos);
  EXPECT_NE(message({}, format).find("wanted input_ids"), std::string::npos);
  EXPECT_NE(message(ids, format).find("no module of the recording"), std::string::npos);
  EXPECT_NE(message({{"input_ids", {.ids = {96}}}}, format).find("token id wanted 0 to 95, got 96"), std::string::npos);
  const Tensors narrow{ids[0], {"model.norm:out", testing::rows_of_values({1, 2, 3, 4}, 2)}};
  EXPECT_NE(message(narrow, format).find("[model.norm] the recorded output has 4 values"), std::string::npos);
}

TEST_F(Verify, ReportIsJsonToo) {
  set_config("rms_norm_eps", 1e-2);
  const Json json = Json::parse(run().json().dump(), "report");
  EXPECT_EQ(json.at("agrees", "report"), Json(false));
  EXPECT_EQ(json.at("causes", "report").as_array("causes")[0].at("what", "cause"), Json("eps 1e-05 instead of 0.01"));
  EXPECT_EQ(json.at("first_divergence", "report").at("path", "place"), Json("model.layers.0.input_layernorm"));
}

}  // namespace
}  // namespace ttt
