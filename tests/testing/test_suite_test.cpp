// The suite that users write their own cases with.

#include "testing/test_suite.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <thread>

#include "attention/attention.h"
#include "attention/cross_attention.h"
#include "ffn/gated_mlp.h"
#include "normalization/rmsnorm.h"
#include "support/exec.h"

namespace ttt {
namespace {

using testing::block_case;
using testing::SuiteReport;
using testing::TestSuite;
using testing::Values;
using namespace std::chrono_literals;

// Random weights under any name.
class RandomSource final : public WeightSource {
 public:
  ConstTensorView fetch(const WeightRequest& request) override {
    std::vector<float>& w = weights_[request.full_name()];
    if (w.empty()) w = support::normal_values(request.shape.elements(), static_cast<unsigned>(weights_.size()), 0.2f);
    return view_of(static_cast<const float*>(w.data()), request.shape);
  }
  bool has(const std::string&) const override { return true; }
  const std::vector<float>& at(const std::string& name) const { return weights_.at(name); }

 private:
  std::map<std::string, std::vector<float>> weights_;
};

class Suite : public ::testing::Test {
 protected:
  Scope at(std::string_view path) { return Scope(source_, tree_, overrides_, options_) / path; }
  static bool fails_with(const SuiteReport& report, std::string_view message) {
    return !report.passed() && report.status() == 1 && report.table().find(message) != std::string::npos;
  }

  RandomSource source_;
  ModelTree tree_;
  Overrides overrides_;
  BuildOptions options_{.traits = query_device_traits()};
  GatedMLPSpec mlp_ = SwiGLU(64, 96);
};

// Which Specs say how wide the output of their block is.
struct NamelessWidth {
  struct Spec {
    std::int64_t columns = 0;
  };
};
struct OutputDim {
  struct Spec {
    std::int64_t output_dim = 0;
  };
};
static_assert(!testing::HasOutputWidth<NamelessWidth> && testing::HasOutputWidth<OutputDim> &&
              testing::HasOutputWidth<RMSNorm> && testing::HasOutputWidth<Attention>);

testing::TestSuite::Function twice() {
  return [](Exec&, ConstTensorView x, TensorView y) {
    for (std::int64_t i = 0; i < x.shape.elements(); ++i) y.row<float>(0)[i] = 2 * x.row<float>(0)[i];
  };
}

testing::Reference times(float factor) {
  return [factor](const Values& x) {
    std::vector<float> y(x.data);
    for (float& v : y) v *= factor;
    return y;
  };
}

TEST_F(Suite, ABlockByPathAgainstAnotherStrategyAndAFormula) {
  TestSuite suite("mlp");
  suite.add(block_case<GatedMLP>(at("model.layers.3.mlp"), mlp_))
      .input(testing::normal(5, 64, 1))
      .against(Strategy::kReference)
      .expect_close(1e-5, 1e-5)
      .expect_pcc(0.99999);
  const std::string norm = "model.norm";
  suite.add(block_case<RMSNorm>(at(norm), {.dim = 64}))
      .input(testing::uniform(3, 64, 2, -3, 3))
      .against(testing::by_row([&](const reference::Row& x) {
        return reference::rms_norm(x, support::doubles(source_.at(norm + ".weight")), 1e-5, 0);
      }))
      .expect_close(1e-5);
  const SuiteReport report = suite.run();
  EXPECT_TRUE(report.passed()) << report;
  EXPECT_EQ(report.status(), 0);
  EXPECT_EQ(report.cases[0].path, "model.layers.3.mlp");
  EXPECT_LT(*report.cases[0].max_abs_error, 1e-5);
  EXPECT_NE(report.table().find("mlp: 2 of 2 cases passed"), std::string::npos);
  EXPECT_TRUE(tree_.blocks.empty()) << "the model's own tree has grown";
}

TEST_F(Suite, BlocksWithStateRun) {
  TestSuite suite("attention");
  suite
      .add(block_case<Attention>(
          at("a"),
          {.hidden_dim = 32, .num_heads = 4, .num_kv_heads = 2, .head_dim = 8, .position = RoPESpec{.rotary_dim = 8}}))
      .input(testing::normal(17, 32, 5))
      .against(Strategy::kReference)
      .threads(2)
      .expect_close(1e-4);
  EXPECT_TRUE(suite.run().passed()) << suite.run();
}

// Rows of another sequence, whose number differs from the block's own.
TEST_F(Suite, BlocksThatReadAnotherSequenceRun) {
  const CrossAttentionSpec spec{
      .hidden_dim = 24, .source_dim = 16, .num_heads = 4, .num_kv_heads = 2, .head_dim = 6, .max_source_rows = 9};
  TestSuite suite("cross");
  suite.add(block_case<CrossAttention>(at("cross"), spec))
      .input(testing::normal(5, 24, 1))
      .source(testing::normal(9, 16, 2))
      .against(Strategy::kReference)
      .expect_close(1e-5, 1e-5);
  suite.add(block_case<CrossAttention>(at("cross"), spec))
      .input(testing::normal(5, 24, 1))
      .against(Strategy::kReference)
      .expect_close(1e-5);
  suite.add(block_case<CrossAttention>(at("cross"), spec))
      .input(testing::normal(5, 24, 1))
      .source(testing::normal(9, 24, 2))
      .against(Strategy::kReference)
      .expect_close(1e-5);
  const SuiteReport report = suite.run();
  EXPECT_TRUE(report.cases[0].passed()) << report;
  EXPECT_TRUE(fails_with(report, "a source wanted rows of width 16, got 0 of 0")) << report;
  EXPECT_TRUE(fails_with(report, "a source wanted rows of width 16, got 9 of 24")) << report;
}

TEST_F(Suite, RecordedAndCapturedValues) {
  testing::Capture capture("norm");
  const RMSNorm norm = make<RMSNorm>(at("norm"), {.dim = 64});
  const Values x = testing::normal(4, 64, 3);
  std::vector<float> y(x.data.size());
  ThreadPool threads(1);
  Scratch scratch(1 << 20);
  Exec exec(threads, scratch, self_communicator(), capture);
  for (int step = 0; step < 2; ++step) norm.forward(exec, x.view(), view_of(y.data(), {4, 64}));
  ASSERT_EQ(capture.values().rows(), 8);
  EXPECT_THROW(testing::Capture("nowhere").values(), Error);

  TestSuite suite("captured");
  Values doubled = capture.values();
  for (float& v : doubled.data) v *= 2;
  suite.add("twice", 64, twice()).input(capture.values()).against(doubled).expect_close(0);
  EXPECT_TRUE(suite.run().passed()) << suite.run();
}

TEST_F(Suite, FailingExpectationsFail) {
  TestSuite suite("failing");
  suite.add("close", 8, twice()).input(testing::normal(2, 8, 1)).against(times(2.5f)).expect_close(0.01, 0.01);
  suite.add("pcc", 8, twice()).input(testing::normal(2, 8, 1)).against(times(-2)).expect_pcc(0.9);
  suite.add("fine", 8, twice()).input(testing::normal(2, 8, 1)).against(times(2)).expect_close(0).expect_pcc(1);
  const SuiteReport report = suite.run();
  EXPECT_TRUE(fails_with(report, "close(atol 0.01, rtol 0.01): 16 of 16 values are off, the worst at row"));
  EXPECT_TRUE(fails_with(report, "pcc(0.9): got -1"));
  EXPECT_TRUE(fails_with(report, "failing: 1 of 3 cases passed"));
  EXPECT_TRUE(report.cases[2].passed());
}

TEST_F(Suite, NaNIsNeverClose) {
  TestSuite suite("nan");
  const auto nan = [](Exec&, ConstTensorView, TensorView y) {
    for (std::int64_t i = 0; i < y.shape.elements(); ++i) y.row<float>(0)[i] = NAN;
  };
  suite.add("close", 4, nan).input(testing::normal(1, 4, 1)).against(times(1)).expect_close(1e30, 1e30);
  suite.add("same", 4, nan).input(testing::normal(1, 4, 1)).against(times(NAN)).expect_close(1e30, 1e30);
  suite.add("pcc", 4, nan).input(testing::normal(1, 4, 1)).against(times(1)).expect_pcc(-1);
  for (const auto& c : suite.run().cases) EXPECT_FALSE(c.passed()) << c.path;
}

TEST_F(Suite, LatencyLeavesWarmUpOut) {
  int calls = 0;
  const auto slow_at_first = [&calls](Exec& exec, ConstTensorView, TensorView) {
    if (!exec.planning() && calls++ < 3) std::this_thread::sleep_for(60ms);
  };
  TestSuite suite("perf");
  suite.add("warm", 4, slow_at_first)
      .input(testing::normal(1, 4, 1))
      .expect_perf(50ms, 100, {.warm_up = 3, .counted = 4});
  EXPECT_TRUE(suite.run().passed());
  TestSuite strict("slow");
  const auto slow = [](Exec&, ConstTensorView, TensorView) { std::this_thread::sleep_for(2ms); };
  strict.add("slow", 4, slow).input(testing::normal(1, 4, 1)).expect_perf(1ms, 50, {.warm_up = 0, .counted = 3});
  const SuiteReport report = strict.run();
  EXPECT_TRUE(fails_with(report, "perf(1 ms at 50 %): got ")) << report;
  EXPECT_GE(*report.cases[0].latency_ms, 2);
}

TEST_F(Suite, NothingIsSwallowed) {
  EXPECT_TRUE(fails_with(TestSuite("empty").run(), "empty: a suite without cases fails"));
  TestSuite suite("bad");
  const Values x = testing::normal(2, 8, 1);
  suite.add("no input", 8, twice()).against(times(2)).expect_close(0);
  suite.add("no expectation", 8, twice()).input(x).against(times(2));
  suite.add("no reference", 8, twice()).input(x).expect_close(0);
  suite.add("size", 8, twice()).input(x).against(testing::normal(3, 8, 1)).expect_close(0);
  suite.add("strategy", 8, twice()).input(x).against(Strategy::kReference).expect_close(0);
  suite.add("throws", 8, [](Exec&, ConstTensorView, TensorView) { throw std::runtime_error("a message"); })
      .input(x)
      .against(times(2))
      .expect_close(0);
  suite.add(block_case<RMSNorm>(at("width"), {.dim = 16})).input(x).against(Strategy::kReference).expect_close(0);
  suite.add(block_case<RMSNorm>(at("spec"), {.dim = -1})).input(x).against(Strategy::kReference).expect_close(0);
  suite.add("percentile", 8, twice()).input(x).expect_perf(1s, 0);
  const SuiteReport report = suite.run();
  for (const auto& c : report.cases) EXPECT_EQ(c.failures.size(), 1u) << c.path << "\n" << report;
  for (const char* message :
       {"no input: threw: the case has no input", "no expectation: threw: the case expects nothing",
        "no reference: threw: a comparison is expected", "size: threw: the reference wanted 16 values",
        "strategy: threw: another strategy is known", "throws: threw: a message", "width: threw: [width] x",
        "spec: threw: [spec] dim wanted", "wanted a percentile in (0, 100]", "bad: 0 of 9 cases passed"}) {
    EXPECT_TRUE(fails_with(report, message)) << message << "\n" << report;
  }
}

TEST_F(Suite, ReportsAreJsonToo) {
  TestSuite suite("json");
  suite.add("fine", 8, twice()).input(testing::normal(2, 8, 1)).against(times(2)).expect_close(1e-6, 0.5);
  const Json json = Json::parse(suite.run().json().dump(), "report");
  const Json& first = json.at("cases", "report").as_array("cases")[0];
  EXPECT_EQ(json.at("passed", "report"), Json(true));
  EXPECT_EQ(first.at("path", "case"), Json("fine"));
  EXPECT_EQ(first.at("expectations", "case").as_array("expectations")[0], Json("close(atol 1e-06, rtol 0.5)"));
  EXPECT_EQ(first.at("max_abs_error", "case").as_number("error"), 0);
  EXPECT_TRUE(first.at("latency_ms", "case").is_null());
}

TEST(RandomValues, FollowTheirDistribution) {
  const Values n = testing::normal(1000, 10, 7, 2, 1), u = testing::uniform(1000, 10, 7, -1, 3);
  double sum = 0, square = 0, mean = 0;
  for (const float v : n.data) {
    sum += v;
    square += (v - 1.0) * (v - 1.0);
  }
  for (const float v : u.data) {
    mean += v;
    EXPECT_TRUE(v >= -1 && v <= 3);
  }
  EXPECT_NEAR(sum / 1e4, 1, 0.08);
  EXPECT_NEAR(square / 1e4, 4, 0.25);
  EXPECT_NEAR(mean / 1e4, 1, 0.05);
  EXPECT_EQ(testing::normal(2, 3, 9).data, testing::normal(2, 3, 9).data);
  EXPECT_NE(testing::normal(2, 3, 9).data, testing::normal(2, 3, 8).data);
}

}  // namespace
}  // namespace ttt
