#include "apps/tool.h"

namespace ttt {
namespace {

using support::Finished;
using support::tool;
namespace fs = std::filesystem;

class VerifyToolTest : public support::ToolTest {
 protected:
  const fs::path golden_ = fs::path(TTT_SOURCE_DIR) / "tests/golden/trace/bias";
  const std::string trace_ = golden_ / "trace.safetensors";

  std::string recorded_model(double eps) const {
    Json config = Json::parse(support::read_file(golden_ / "config.json"), "config.json");
    config.set("rms_norm_eps", eps);
    support::write_random_checkpoint(path("model"), config);
    return path("model");
  }
};

TEST_F(VerifyToolTest, StatusSaysWhetherTheModelAgrees) {
  const Finished good = tool({"verify", "-m", recorded_model(1e-5), "--trace", trace_});
  expect_ok(good);
  EXPECT_NE(good.out.find("all 11 recorded places agree"), std::string::npos) << good.out;

  const std::string wrong = recorded_model(1e-2);
  const Finished bad = tool({"verify", "-m", wrong, "--trace", trace_});
  EXPECT_EQ(bad.status, 3);
  EXPECT_EQ(bad.err, "");
  EXPECT_NE(bad.out.find("likely cause: eps 1e-05 instead of 0.01"), std::string::npos) << bad.out;
  EXPECT_EQ(tool({"verify", "-m", wrong, "--trace", trace_, "--tolerance", "0.1"}).status, 0);

  const Finished json = tool({"verify", "-m", wrong, "--trace", trace_, "--json", "--alone"});
  EXPECT_EQ(json.status, 3);
  EXPECT_EQ(Json::parse(json.out, "stdout").at("agrees", ""), Json(false));
}

// A router that chooses or weighs otherwise than the recorded one is named, with what it should be.
TEST_F(VerifyToolTest, AWrongRouterIsNamed) {
  const fs::path golden = fs::path(TTT_SOURCE_DIR) / "tests/golden/trace/router";
  const std::string trace = golden / "trace.safetensors", model = path("router");
  fs::copy(golden, model);
  fs::remove(model + "/trace.safetensors");
  const Finished right = tool({"verify", "-m", model, "--trace", trace});
  expect_ok(right);
  EXPECT_NE(right.out.find(" recorded places agree"), std::string::npos) << right.out;
  const struct {
    const char* key;
    Json value;
    std::string cause;
  } faults[] = {{"norm_topk_prob", Json(true), "router.renormalise false instead of true"},
                {"num_experts_per_tok", Json(2), "router.top_k 3 instead of 2"},
                {"num_experts_per_tok", Json(6), "router.top_k 3 instead of 6"}};
  const Json config = Json::parse(support::read_file(golden / "config.json"), "config.json");
  for (const auto& fault : faults) {
    Json wrong = config;
    wrong.set(fault.key, fault.value);
    support::write_file(model + "/config.json", wrong.dump());
    const Finished f = tool({"verify", "-m", model, "--trace", trace});
    EXPECT_EQ(f.status, 3) << fault.cause;
    EXPECT_NE(f.out.find("model.layers.0.mlp"), std::string::npos) << f.out;
    EXPECT_NE(f.out.find("likely cause: " + fault.cause), std::string::npos) << f.out;
  }
}

TEST_F(VerifyToolTest, WrongInputIsRefused) {
  const std::string model = recorded_model(1e-5);
  expect_error(tool({"verify", "-m", model, "--trace", path("nothing")}), 4, {"nothing"});
  expect_error(tool({"verify", "-m", model, "--trace", model + "/model.safetensors"}), 3, {"wanted a trace"});
  expect_error(tool({"verify", "-m", model, "--trace", trace_, "--tolerance", "-1"}), 2, {"--tolerance"});
}

}  // namespace
}  // namespace ttt
