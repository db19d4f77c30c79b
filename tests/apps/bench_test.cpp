#include <cmath>
#include <set>
#include <sstream>
#include <utility>

#include "apps/tool.h"
#include "base/traits.h"
#include "support/terminal.h"

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

TEST_F(BenchToolTest, MeasuresACheckpointInSeveralFormats) {
  const Finished f = tool({"bench", "-m", random_model(), "--format", "auto,int8", "--prompt", "4", "--generate", "2",
                           "--repeat", "1", "--json"});
  expect_ok(f);
  const Json out = Json::parse(f.out, "stdout");
  const Json::Array& rows = out.at("rows", "").as_array("");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].at("format", ""), Json("int8"));
  EXPECT_LT(number(rows[1], "decode_bytes_per_step"), number(rows[0], "decode_bytes_per_step"));
  EXPECT_LT(number(rows[1], "weight_bytes"), number(rows[0], "weight_bytes"));
}

TEST_F(BenchToolTest, MeasuresTheBlocksOfASingleCombination) {
  const std::string shape = file("shape.json", config().dump());
  const Finished f = tool({"bench", "--config", shape, "--prompt", "4", "--generate", "3", "--repeat", "1", "--context",
                           "7", "--by-block", "--json"});
  expect_ok(f);
  const Json out = Json::parse(f.out, "stdout");
  for (const auto& [key, calls] : {std::pair{"prefill_by_block", 1}, std::pair{"decode_by_block", 3}}) {
    const Json::Array& blocks = out.at(key, "").as_array(key);
    ASSERT_GT(blocks.size(), 3u);
    EXPECT_EQ(number(blocks.back(), "calls"), calls) << key;
  }
}

// The fields and their order, of the text and of JSON: programs read both.
const std::vector<std::string> kFields{"model",
                                       "parameters",
                                       "prompt",
                                       "generate",
                                       "batch",
                                       "repeat",
                                       "load_s",
                                       "prefill_tokens_per_s",
                                       "decode_tokens_per_s",
                                       "prefill_share_of_peak",
                                       "prefill_peak",
                                       "prefill_share_by_peak",
                                       "prefill_operations",
                                       "decode_share_of_bandwidth",
                                       "decode_bytes_per_step",
                                       "machine"};

TEST_F(BenchToolTest, SingleValuesPrintTheFieldsThatTheyAlwaysDid) {
  const std::string shape = file("shape.json", config().dump());
  const std::vector<std::string> question{"bench",      "--config", shape,      "--prompt", "4",
                                          "--generate", "2",        "--repeat", "1"};
  const Finished plain = tool(question);
  expect_ok(plain);
  std::istringstream lines(plain.out);
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) names.push_back(line.substr(0, line.find(' ')));
  EXPECT_EQ(names, kFields);

  std::vector<std::string> as_json = question;
  as_json.emplace_back("--json");
  const Finished f = tool(as_json);
  expect_ok(f);
  const Json out = Json::parse(f.out, "stdout");
  names.clear();
  for (const auto& [key, value] : out.as_object("bench")) names.push_back(key);
  ASSERT_GT(names.size(), kFields.size());
  EXPECT_EQ(std::vector(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(kFields.size())), kFields);
  const Json::Array& rows = out.at("rows", "bench").as_array("rows");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(number(rows[0], "context"), 4) << "decode begins behind the prompt";
  for (const char* key : {"prefill_tokens_per_s", "decode_tokens_per_s", "prefill_operations", "load_s"}) {
    EXPECT_EQ(number(rows[0], key), number(out, key)) << key;
  }
}

TEST_F(BenchToolTest, MeasuresEveryCombinationOfLists) {
  Json c = config();
  c.set("intermediate_size", 64);
  const std::string shape = file("shape.json", c.dump());
  const std::vector<std::string> question{"bench",    "--config", shape,     "--format",   "bf16,q4_0",
                                          "--prompt", "8,20",     "--batch", "1,3",        "--context",
                                          "0,5",      "--repeat", "2",       "--generate", "2"};
  std::vector<std::string> as_json = question;
  as_json.emplace_back("--json");
  const Finished f = tool(as_json);
  expect_ok(f);
  const Json out = Json::parse(f.out, "stdout");
  std::set<std::string> seen;
  for (const Json& row : out.at("rows", "bench").as_array("rows")) {
    seen.insert(text(row.at("format", "").as_string(""), " ", number(row, "prompt"), " ", number(row, "batch"), " ",
                     number(row, "context")));
    for (const char* phase : {"prefill", "decode"}) {
      const std::string speed = text(phase, "_tokens_per_s");
      EXPECT_GT(number(row, speed + "_min"), 0);
      EXPECT_LE(number(row, speed + "_min"), number(row, speed));
      EXPECT_LE(number(row, speed), number(row, speed + "_max"));
    }
    EXPECT_GE(number(row, "decode_share_of_roofline"), 0.999 * number(row, "decode_share_of_bandwidth"));
    EXPECT_GT(number(row, "decode_operations_per_step"), 0);
    EXPECT_GE(number(row, "planned_bytes"), number(row, "weight_bytes") + number(row, "state_bytes"));
    EXPECT_GT(number(row, "peak_memory_bytes"), number(row, "weight_bytes"));
  }
  EXPECT_EQ(seen.size(), 16u);
  EXPECT_TRUE(seen.contains("bf16 8 1 0") && seen.contains("q4_0 20 3 5"));
  EXPECT_EQ(out.at("format", ""), Json("bf16"));
  EXPECT_EQ(number(out, "prompt"), 8);
  EXPECT_EQ(number(out, "batch"), 1);
  EXPECT_EQ(number(out, "context"), 0);
  EXPECT_EQ(number(out, "planned_bytes"), number(out.at("rows", "").as_array("")[0], "planned_bytes"));

  const Finished table = tool(question);
  expect_ok(table);
  // A line for the memory of each format, for each prompt, and for each batch and context.
  std::istringstream lines(table.out);
  int of_format = 0;
  for (std::string line; std::getline(lines, line);) of_format += line.starts_with("q4_0 ") ? 1 : 0;
  EXPECT_EQ(of_format, 1 + 2 + 4) << table.out;
}

TEST_F(BenchToolTest, WithoutContextsEveryPromptIsAContext) {
  const std::string shape = file("shape.json", config().dump());
  const Finished f = tool(
      {"bench", "--config", shape, "--prompt", "4,8", "--batch", "2,1", "--repeat", "1", "--generate", "2", "--json"});
  expect_ok(f);
  const Json out = Json::parse(f.out, "stdout");
  const Json::Array& rows = out.at("rows", "").as_array("");
  ASSERT_EQ(rows.size(), 4u);
  for (const Json& row : rows) EXPECT_EQ(number(row, "context"), number(row, "prompt"));
  EXPECT_DOUBLE_EQ(number(rows[0], "prefill_operations"), 2 * number(rows[1], "prefill_operations"));
}

TEST_F(BenchToolTest, ALongerContextNeedsMoreOfTheMachine) {
  const std::string shape = file("shape.json", config().dump());
  const Finished f = tool({"bench", "--config", shape, "--prompt", "4", "--batch", "2,1", "--context", "0,100",
                           "--repeat", "1", "--generate", "2", "--kv-format", "f32", "--json"});
  expect_ok(f);
  const Json out = Json::parse(f.out, "stdout");
  const Json::Array& rows = out.at("rows", "").as_array("");
  ASSERT_EQ(rows.size(), 4u);
  const auto operations = [&](std::size_t i) { return number(rows[i], "decode_operations_per_step"); };
  // Keys and values of two heads of eight.
  EXPECT_DOUBLE_EQ(number(rows[1], "decode_bytes_per_step") - number(rows[0], "decode_bytes_per_step"),
                   2 * 100 * 2 * 2 * 8 * 4);
  EXPECT_GT(operations(1), operations(0));
  EXPECT_NEAR(operations(0), 2 * operations(2), 1e-6 * operations(0));
}

// Windows forget rows, so what decode begins after is put back rather than cut to.
TEST_F(BenchToolTest, RepeatsADecodeBehindAWindow) {
  Json c = config();
  c.set("model_type", "mistral");
  c.set("sliding_window", 8);
  const Finished f = tool({"bench", "--config", file("shape.json", c.dump()), "--prompt", "4", "--context", "40",
                           "--batch", "2", "--repeat", "3", "--generate", "30", "--json"});
  expect_ok(f);
}

TEST_F(BenchToolTest, OfAMixtureOfExpertsReadsThoseThatAreChosen) {
  Json c = config();
  c.set("model_type", "olmoe");
  c.set("num_experts", 16);
  c.set("num_experts_per_tok", 4);
  const Finished f = tool({"bench", "--config", file("shape.json", c.dump()), "--prompt", "1", "--context", "0",
                           "--generate", "1", "--batch", "1,2,64", "--repeat", "1", "--format", "f32", "--json"});
  expect_ok(f);
  const Json out = Json::parse(f.out, "stdout");
  const Json::Array& rows = out.at("rows", "").as_array("");
  ASSERT_EQ(rows.size(), 3u);
  const auto bytes = [&](std::size_t i) { return number(rows[i], "decode_bytes_per_step"); };
  const double experts = 16 * 3 * 48 * 32 * 4;  // bytes of all
  EXPECT_NEAR(bytes(1) - bytes(0), experts * (0.25 - 0.25 * 0.25), 1);
  EXPECT_NEAR(bytes(2) - bytes(0), experts * (0.75 - std::pow(0.75, 64)), 1);
}

TEST_F(BenchToolTest, EveryFormatHasRandomWeights) {
  // As in a checkpoint of any model, rows of 256 for formats with scales over as many.
  Json c = config();
  for (const char* key : {"hidden_size", "intermediate_size"}) c.set(key, 256);
  const std::string shape = file("shape.json", c.dump());
  const Finished f =
      tool({"bench", "--config", shape, "--format",
            "f32,f16,bf16,q4_0,q4_1,q5_0,q5_1,q8_0,q4_k,q5_k,q6_k,int8,int4,bfp8_b,bfp4_b,mxfp4,q2_k,q3_k,iq4_nl,"
            "iq4_xs,tq1_0,tq2_0",
            "--prompt", "3", "--generate", "1", "--repeat", "1", "--json"});
  expect_ok(f);
  EXPECT_EQ(Json::parse(f.out, "stdout").at("rows", "").as_array("").size(), 22u);
}

TEST_F(BenchToolTest, DrawsARoofline) {
  const std::string shape = file("a<b&\"c\".json", config().dump()), svg = path("roofline.svg");
  const Finished f = tool({"bench", "--config", shape, "--format", "bf16,int8", "--prompt", "4", "--context", "0,3",
                           "--generate", "1", "--repeat", "1", "--roofline", svg, "--json"});
  expect_ok(f);
  EXPECT_EQ(Json::parse(f.out, "stdout").at("rows", "").as_array("").size(), 4u);
  const std::string drawn = support::read_file(svg);
  EXPECT_TRUE(drawn.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"")) << drawn.substr(0, 200);
  const Finished checked =
      support::run("/usr/bin/env", {"python3", "-c",
                                    "import sys, xml.etree.ElementTree as tree\n"
                                    "root = tree.parse(sys.argv[1]).getroot()\n"
                                    "space = '{http://www.w3.org/2000/svg}'\n"
                                    "print(len(list(root.iter(space + 'circle'))),\n"
                                    "      len([r for r in root.iter(space + 'rect')\n"
                                    "           if 'point' in r.get('class')]))\n"
                                    "print(*[t.text for t in root.iter(space + 'text')], sep='\\n')",
                                    svg});
  EXPECT_EQ(checked.status, 0) << checked.err;
  // Four decodes and two prompts, each in the plot and in the legend.
  EXPECT_TRUE(checked.out.starts_with("8 4\n")) << checked.out;
  for (const char* said : {"a<b&\"c\".json", "int8 decode, batch 1, context 3", "bf16 prefill 4", "read ", "f32",
                           "operations per byte", "operations per second"}) {
    EXPECT_NE(checked.out.find(said), std::string::npos) << said << "\n" << checked.out;
  }
}

TEST_F(BenchToolTest, PrintsARooflineIn80Columns) {
  const std::string shape = file("shape.json", config().dump());
  const Finished f =
      tool({"bench", "--config", shape, "--prompt", "4,100", "--generate", "1", "--repeat", "1", "--roofline", "text"});
  expect_ok(f);
  const std::size_t begin = f.out.find("operations per second");
  ASSERT_NE(begin, std::string::npos) << f.out;
  std::istringstream lines(f.out.substr(begin));
  std::string marks;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 80u) << line;
    if (line.find("op/B") != std::string::npos) marks += line.substr(0, 1);
  }
  EXPECT_EQ(marks, "ABCD") << f.out;
  for (const char* said : {"/", "---", "f32", "int8", "auto prefill 100", "auto decode, batch 1, context 4"}) {
    EXPECT_NE(f.out.find(said, begin), std::string::npos) << said << "\n" << f.out;
  }
}

TEST_F(BenchToolTest, ShowsProgressOnATerminal) {
  const std::string shape = file("shape.json", config().dump());
  support::TerminalProcess user(TTT_TOOL, {"bench", "--config", shape, "--prompt", "4", "--batch", "1,2", "--context",
                                           "3", "--generate", "1", "--repeat", "2"});
  EXPECT_TRUE(user.shows("bench 1 of 4: auto, loading"));
  EXPECT_TRUE(user.shows("the limits of the machine"));
  EXPECT_TRUE(user.shows("bench 2 of 4: auto, prefill 4, warming up"));
  EXPECT_TRUE(user.shows("bench 4 of 4: auto, decode, batch 2, context 3, run 2 of 2"));
  EXPECT_TRUE(user.shows("share of the peak")) << user.screen();
  EXPECT_EQ(user.finish(), 0);
}

TEST_F(BenchToolTest, RefusesBadInput) {
  const std::string shape = file("shape.json", config().dump());
  expect_error(tool({"bench"}), 2, {"one of -m and --config"});
  expect_error(tool({"bench", "--config", shape, "-m", "x"}), 2, {"one of -m and --config"});
  expect_error(tool({"bench", "--config", shape, "--prompt", "0"}), 2, {"--prompt"});
  expect_error(tool({"bench", "--config", shape, "--generate", "0"}), 2, {"--generate"});
  expect_error(tool({"bench", "--config", shape, "--repeat", "-1"}), 2, {"--repeat"});
  for (const char* flag : {"--prompt", "--batch", "--context"}) {
    for (const char* list :
         {"", ",", "1,", ",1", "1,,2", "1 2", "1,x", "1,-2", "1,99999999999999999999", "3000000000", "4,1,4", "1.5"}) {
      expect_error(tool({"bench", "--config", shape, flag, list}), 2, {flag});
    }
  }
  expect_error(tool({"bench", "--config", shape, "--batch", "1,0"}), 2, {"--batch", "\"1,0\""});
  for (const char* list : {",", "bf16,", "bf16,,int8", "bf16,bf16", "bf16,q4_9", "bf16,f64"}) {
    expect_error(tool({"bench", "--config", shape, "--format", list}), 2, {"--format"});
  }
  // A checkpoint has no values in formats that none are rounded to.
  expect_error(tool({"bench", "-m", random_model(), "--format", "bf16,q4_k"}), 2, {"--format", "q4_k"});
  expect_error(tool({"bench", "--config", shape, "--by-block", "--batch", "1,2"}), 2, {"--by-block"});
  expect_error(tool({"bench", "--config", shape, "--roofline", "text", "--json"}), 2, {"--roofline", "--json"});
  expect_error(tool({"bench", "--config", shape, "--roofline", "picture.png"}), 2, {"--roofline", "picture.png"});
  expect_error(tool({"bench", "--config", shape, "--roofline", path("none") / "a.svg"}), 4, {"a.svg"});
  expect_error(tool({"bench", "--config", path("none.json")}), 4, {"none.json"});
  expect_error(tool({"bench", "--config", file("bad.json", "{\"model_type\": \"lama\"}")}), 6, {"bad.json", "llama"});
  // Before any weight is made.
  Json wide = config();
  wide.set("vocab_size", 1 << 30);
  wide.set("hidden_size", 1 << 14);
  expect_error(tool({"bench", "--config", file("wide.json", wide.dump())}), 5, {"wide.json", "available"});
  expect_error(tool({"bench", "--config", file("bad.json", "{\"model_type\": \"llama\", \"vocab_size\": 0}")}), 3,
               {"bad.json", "vocab_size"});
}

}  // namespace
}  // namespace ttt
