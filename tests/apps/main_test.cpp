#include "apps/tool.h"
#include "base/traits.h"

namespace ttt {
namespace {

using support::Finished;
using support::tool;

class MainTest : public support::ToolTest {};

TEST_F(MainTest, HelpAndVersionAreNoErrors) {
  const auto help = tool({"--help"});
  expect_ok(help);
  EXPECT_NE(help.out.find("Examples:"), std::string::npos);
  EXPECT_NE(help.out.find("Exit status:"), std::string::npos);
  for (const char* command : {"generate", "logits", "tokenize", "perplexity", "inspect", "bench"}) {
    EXPECT_NE(help.out.find(command), std::string::npos) << command;
    const auto one = tool({command, "--help"});
    expect_ok(one);
    EXPECT_NE(one.out.find("Example: ttt " + std::string(command)), std::string::npos) << one.out;
  }
  const auto version = tool({"--version"});
  expect_ok(version);
  EXPECT_TRUE(version.out.starts_with("ttt ")) << version.out;
  EXPECT_NE(version.out.find(text("instruction set: ", name_of(query_device_traits().isa()))), std::string::npos);
}

TEST_F(MainTest, ArgumentsThatCannotBeAreUsageErrors) {
  expect_error(tool({}), 2, {"subcommand"});
  expect_error(tool({"sing"}), 2, {"--help"});
  expect_error(tool({"generate", "-m", "x", "--tempo", "1"}), 2, {"--tempo"});
  expect_error(tool({"generate"}), 2, {"--model"});
  expect_error(tool({"generate", "-m", "x", "-n", "many"}), 2, {"many"});
  expect_error(tool({"logits", "-m", "x", "--tokens", "1"}), 2, {"--output"});
}

TEST_F(MainTest, OptionsOfEveryCommandAreChecked) {
  const std::string model = random_model();
  const auto with = [&](std::vector<std::string> more) {
    std::vector<std::string> all{"generate", "-m", model, "-p", "a", "-n", "1"};
    all.insert(all.end(), more.begin(), more.end());
    return tool(all);
  };
  expect_error(with({"--isa", "avx9"}), 2, {"--isa wanted", "avx9"});
  expect_error(with({"--strategy", "best"}), 2, {"--strategy wanted", "best"});
  expect_error(with({"--format", "q9"}), 2, {"--format wanted", "q9"});
  expect_error(with({"--format", "q4_0"}), 2, {"--format wanted", "q4_0"});
  expect_error(with({"--kv-format", "int4"}), 2, {"--kv-format wanted"});
  expect_error(with({"--threads", "-1"}), 2, {"--threads"});
  expect_error(with({"--chunk", "-1"}), 2, {"--chunk"});
  expect_error(with({"--ctx", "-1"}), 2, {"--ctx"});
  expect_error(with({"--impl", path("none.json")}), 4, {"none.json"});
  expect_error(with({"--impl", file("impl.json", "{")}), 3, {"impl.json"});
  expect_error(with({"--impl", file("impl.json", "[]")}), 2, {"impl.json wanted an object of block paths"});
  expect_error(with({"--impl", file("impl.json", R"({"model.layers.7.mlp": {}})")}), 2,
               {"impl.json", "model.layers.7.mlp", "matches no block"});
  expect_error(with({"--impl", file("impl.json", R"({"lm_head": {"colour": 1}})")}), 2,
               {"impl.json", "colour", "it has"});
}

TEST_F(MainTest, OfAnOptionGivenTwiceTheLastCounts) {
  const std::string model = constant_model();
  const auto f =
      tool({"generate", "-m", "none", "-p",          "x", "-n",     "7", "--temp", "0.5",      "-m",       model, "-p",
            "a",        "-n", "3",    "--n-predict", "2", "--temp", "0", "-v",     "--strict", "--strict", "-v"});
  EXPECT_EQ(f.status, 0) << f.err;
  EXPECT_EQ(f.out, "aa");
  EXPECT_NE(f.err.find("\"temperature\": 0.0"), std::string::npos) << f.err;
  // -v adds up.
  EXPECT_NE(f.err.find("config.json: change no result and are ignored: architectures, "), std::string::npos) << f.err;
  expect_error(tool({"generate", "-m", model, "-p", "a", "-n", "1", "-n", "x"}), 2, {"\"x\""});
}

TEST_F(MainTest, NumbersAreReadWhole) {
  const std::string model = random_model();
  const auto with = [&](const std::string& option, const std::string& value) {
    return tool({"generate", "-m", model, "-p", "a", "-n", "1", option, value});
  };
  for (const char* bad : {"", " ", "1e3", "1.5", "0x10", "5 ", "99999999999999999999", "nan"}) {
    expect_error(with("-n", bad), 2, {"--n-predict", text("\"", bad, "\"")});
    expect_error(with("--top-k", bad), 2, {"--top-k"});
    expect_error(with("--ctx", bad), 2, {"--ctx"});
  }
  for (const char* bad : {"", "-1", "18446744073709551616", "1.0"}) expect_error(with("--seed", bad), 2, {"--seed"});
  for (const char* bad : {"", "hot", "1e400", "0,5", "nan", "inf", "-1"})
    expect_error(with("--temp", bad), 2, {"temp"});
  expect_ok(with("-n", "+2"));
  expect_ok(with("--seed", "18446744073709551615"));
  expect_ok(with("--temp", "1e-3"));
  expect_error(tool({"bench", "-m", model, "--prompt", "99999999999"}), 2, {"--prompt"});
  expect_error(tool({"tokenize", "-m", "", "-p", "a"}), 2, {"--model"});
}

TEST_F(MainTest, MessagesStayOneLineWithoutControls) {
  expect_error(tool({"inspect", "-m", "a\nb\x1b[31m\xc2\x9b"}), 4, {"a b [31m  : no such file"});
  const std::string model = random_model();
  Json c = config();
  c.set("model_type", "\x1b[2J\nllama");
  support::write_file(model + "/config.json", c.dump());
  expect_error(tool({"inspect", "-m", model}), 6, {"model_type \" [2J llama\""});
}

// Every level that the machine has runs and gives the same greedy text; others are refused.
TEST_F(MainTest, EveryInstructionSetOfTheMachineCanBeForced) {
  const std::string model = random_model();
  const CpuFeatures features = query_device_traits().features;
  std::string first;
  for (int i = 0; !name_of(static_cast<IsaLevel>(i)).empty(); ++i) {
    const std::string level(name_of(static_cast<IsaLevel>(i)));
    const auto f = tool({"generate", "-m", model, "-p", "Hello", "-n", "12", "--isa", level, "-v"});
    if (!features.contains(features_of(static_cast<IsaLevel>(i)))) {
      expect_error(f, 2, {"--isa wanted one of sse2", "(the levels of this machine), got " + level});
      continue;
    }
    EXPECT_EQ(f.status, 0) << f.err;
    EXPECT_NE(f.err.find("; " + level + ", "), std::string::npos) << f.err;
    if (i == 0) first = f.out;
    EXPECT_EQ(f.out, first) << level;
  }
  EXPECT_FALSE(first.empty());
}

TEST_F(MainTest, TheEnvironmentChangesNothing) {
  const std::string model = random_model();
  const std::vector<std::string> arguments{"generate", "-m",     model, "-p",     "Hi", "-n",
                                           "8",        "--temp", "0.5", "--seed", "3"};
  const auto plain = tool(arguments);
  expect_ok(plain);
  const std::vector<std::vector<std::string>> environments{{"LC_ALL=tr_TR.UTF-8", "LANG=tr_TR.UTF-8"},
                                                           {"LC_ALL=de_DE.UTF-8"},
                                                           {"LC_ALL=no_such_locale"},
                                                           {"OMP_NUM_THREADS=abc"},
                                                           {"OMP_NUM_THREADS=0"},
                                                           {"OMP_NUM_THREADS=1000000"},
                                                           {"HOME=/nonexistent"},
                                                           {"HOME="},
                                                           {"TMPDIR=/nonexistent"}};
  for (const auto& environment : environments) {
    const auto f = tool(arguments, {.environment = environment});
    expect_ok(f);
    EXPECT_EQ(f.out, plain.out) << environment[0];
  }
  // A decimal comma is no number anywhere.
  std::vector<std::string> comma = arguments;
  comma[8] = "0,5";
  expect_error(tool(comma, {.environment = {"LC_ALL=de_DE.UTF-8"}}), 2, {"0,5"});
}

TEST_F(MainTest, AFullDiskBehindStdoutIsReported) {
  const std::string model = random_model();
  const support::ProcessOptions full{.output_file = "/dev/full"};
  const std::vector<std::vector<std::string>> commands{{"generate", "-m", model, "-p", "a", "-n", "4", "--seed", "1"},
                                                       {"tokenize", "-m", model, "-p", "abc"},
                                                       {"inspect", "-m", model},
                                                       {"inspect", "-m", model, "--json"}};
  for (const auto& command : commands) expect_error(tool(command, full), 5, {"cannot write to stdout: No space"});
  for (const char* said : {"--help", "--version"}) expect_error(tool({said}, full), 5, {"cannot write to stdout"});
}

TEST_F(MainTest, StandardFilesMayBeClosed) {
  const std::string model = constant_model(), out = path("out.npy");
  const std::vector<std::string> generate{"generate", "-m", model, "-p", "a", "-n", "3"};
  expect_error(tool(generate, {.closed = {1}}), 4, {"cannot write to stdout: Bad file descriptor"});
  EXPECT_EQ(tool(generate, {.closed = {0, 2}}).out, "aaa");
  // The output never becomes what stderr was.
  EXPECT_EQ(tool({"logits", "-m", model, "--tokens", "1", "-o", out, "-vv"}, {.closed = {0, 1, 2}}).status, 0);
  EXPECT_EQ(support::read_npy(out).size(), static_cast<std::size_t>(kVocab));
  for (const char* jsonl : {"--jsonl", "--decode"}) {
    expect_error(tool({"tokenize", "-m", model, jsonl}, {.closed = {0}}), 4, {"cannot read from stdin"});
    expect_error(tool({"tokenize", "-m", model, jsonl}, {.input_file = "/tmp"}), 4, {"stdin", "Is a directory"});
  }
}

TEST_F(MainTest, LimitsOfTheProcessAreToldOrWorkedWith) {
  const std::string model = constant_model();
  const support::ProcessOptions file{.limits = {{RLIMIT_FSIZE, 8192}}};
  std::string ids = "1";
  for (int i = 0; i < 20; ++i) ids += ",1";
  expect_error(tool({"logits", "-m", model, "--tokens", ids, "-o", path("out.npy")}, file), 5,
               {"out.npy: cannot write: File too large"});
  EXPECT_EQ(std::distance(support::fs::directory_iterator(path("")), {}), 1);  // the model
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitiser needs the whole address space";
#endif
  const auto limited = [&](rlim_t megabytes) {
    return tool({"generate", "-m", model, "-p", "a", "-n", "3", "-t", "2"}, {.limits = {{RLIMIT_AS, megabytes << 20}}});
  };
  EXPECT_EQ(limited(1000).out, "aaa");
  const Finished little = limited(26);
  EXPECT_EQ(little.status, 5) << little.err;
}

TEST_F(MainTest, ThreadsMayBeMoreThanCores) {
  const std::string model = random_model();
  const auto f = tool({"generate", "-m", model, "-p", "a", "-n", "2", "-t", "5", "-v"});
  EXPECT_EQ(f.status, 0) << f.err;
  EXPECT_NE(f.err.find(", 5 threads"), std::string::npos) << f.err;
}

}  // namespace
}  // namespace ttt
