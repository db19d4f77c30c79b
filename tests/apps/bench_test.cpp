#include "apps/tool.h"
#include "base/traits.h"

namespace ttt {
namespace {

using support::Finished;
using support::tool;

class BenchToolTest : public support::ToolTest {};

double number(const Json& json, std::string_view key) { return json.at(key, "bench").as_number(key); }

TEST_F(BenchToolTest, MeasuresARandomModelOfAShape) {
  const std::string shape = file("shape.json", config().dump());
  const Finished f = tool({"bench", "--config", shape, "--prompt", "16", "--generate", "4", "--batch", "2", "--repeat",
                           "1", "--format", "bf16", "--json"});
  expect_ok(f);
  const Json out = Json::parse(f.out, "stdout");
  for (const char* key : {"prefill_tokens_per_s", "decode_tokens_per_s", "prefill_share_of_peak",
                          "decode_share_of_bandwidth", "prefill_operations", "decode_bytes_per_step", "load_s"}) {
    EXPECT_GT(number(out, key), 0) << key;
  }
  EXPECT_LT(number(out, "prefill_share_of_peak"), 1.1);
  EXPECT_EQ(number(out, "prompt"), 16);
  EXPECT_EQ(number(out, "generate"), 4);
  EXPECT_EQ(number(out, "batch"), 2);
  const Json& machine = out.at("machine", "bench");
  EXPECT_EQ(machine.at("isa", ""), Json(name_of(query_device_traits().isa())));
  for (const char* key : {"threads", "f32_ops_per_s", "bf16_ops_per_s", "int8_ops_per_s", "read_bytes_per_s"}) {
    EXPECT_GT(number(machine, key), 0) << key;
  }
  // Every matrix but the table once, in bf16.
  const double matrices = 2 * 32 * 32 + 2 * 16 * 32 + 3 * 48 * 32 + kVocab * 32;
  EXPECT_GE(number(out, "decode_bytes_per_step"), 2 * matrices);
}

TEST_F(BenchToolTest, MeasuresACheckpointAndPrintsText) {
  const Finished f = tool({"bench", "-m", random_model(), "--prompt", "4", "--generate", "2", "--repeat", "1"});
  expect_ok(f);
  EXPECT_NE(f.out.find("decode_tokens_per_s"), std::string::npos) << f.out;
}

TEST_F(BenchToolTest, RefusesBadInput) {
  const std::string shape = file("shape.json", config().dump());
  expect_error(tool({"bench"}), 2, {"one of -m and --config"});
  expect_error(tool({"bench", "--config", shape, "-m", "x"}), 2, {"one of -m and --config"});
  expect_error(tool({"bench", "--config", shape, "--prompt", "0"}), 2, {"--prompt"});
  expect_error(tool({"bench", "--config", path("none.json")}), 4, {"none.json"});
  expect_error(tool({"bench", "--config", file("bad.json", "{\"model_type\": \"lama\"}")}), 6, {"bad.json", "llama"});
  expect_error(tool({"bench", "--config", file("bad.json", "{\"model_type\": \"llama\", \"vocab_size\": 0}")}),
               3, {"bad.json", "vocab_size"});
}

}  // namespace
}  // namespace ttt
