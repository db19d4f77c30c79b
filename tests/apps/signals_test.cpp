#include <chrono>
#include <thread>
#include <tuple>

#include "apps/tool.h"

namespace ttt {
namespace {

using support::Finished;
using support::Process;
using support::tool;

class SignalsTest : public support::ToolTest {
 protected:
  // A generation that would go on for hours.
  static std::vector<std::string> endless(const std::string& model) {
    return {"generate", "-m", model, "-p", "Hello", "-n", "10000000", "-v"};
  }
  std::string model() const { return constant_model(kLetterA, config(std::int64_t{1} << 20)); }
};

TEST_F(SignalsTest, StopAGenerationAfterTheTokenInHand) {
  const std::string m = model();
  for (const auto& [signal, status] : {std::pair{SIGINT, 130}, {SIGTERM, 143}}) {
    Process process(TTT_TOOL, endless(m));
    ASSERT_TRUE(process.wait_for_output(20));
    process.send(signal);
    const Finished f = process.finish();
    EXPECT_EQ(f.status, status) << f.err;
    EXPECT_EQ(f.out, std::string(f.out.size(), 'a'));
    // It ended by itself: what it had was told.
    EXPECT_NE(f.err.find(text("ttt: ", f.out.size(), " tokens, stopped by stopped\n")), std::string::npos) << f.err;
  }
}

TEST_F(SignalsTest, LeaveNoUnfinishedOutputBehind) {
  const std::string m = model();
  std::string ids = "1";
  for (int i = 0; i < 20000; ++i) ids += ",1";
  Process process(TTT_TOOL, {"logits", "-m", m, "--tokens", ids, "--prefill", "0", "-o", path("out.npy"), "-v"});
  ASSERT_TRUE(process.wait_for_error("used in place"));
  process.send(SIGINT);
  EXPECT_EQ(process.finish().status, 130);
  for (const auto& entry : support::fs::directory_iterator(path("constant").parent_path())) {
    EXPECT_EQ(entry.path().filename(), "constant");
  }
}

// Whatever is being done: nothing of it is worth finishing.
TEST_F(SignalsTest, EndOtherWorkAtOnce) {
  const std::string m = model();
  std::string ids = "1";
  for (int i = 0; i < 20000; ++i) ids += ",1";
  const std::vector<std::vector<std::string>> commands{
      {"logits", "-m", m, "--tokens", ids, "-o", path("out.npy"), "-v"},
      {"bench", "-m", m, "--prompt", "8", "--generate", "100000", "-v"}};
  for (const auto& [signal, status, command] :
       {std::tuple{SIGTERM, 143, commands[0]}, {SIGHUP, 129, commands[0]}, {SIGTERM, 143, commands[1]}}) {
    Process process(TTT_TOOL, command);
    ASSERT_TRUE(process.wait_for_error("used in place"));
    process.send(signal);
    const Finished f = process.finish();
    EXPECT_EQ(f.status, status) << command[0] << f.err;  // not that of work that came to its end
    EXPECT_EQ(f.out, "");
  }
  EXPECT_FALSE(support::fs::exists(path("out.npy")));
  EXPECT_EQ(std::distance(support::fs::directory_iterator(path("")), {}), 1);  // the model
}

// Wherever it strikes: before, while and after the file for the logits is opened.
TEST_F(SignalsTest, LeaveNothingBehindAtAnyMoment) {
  const std::string m = model();
  std::string ids = "1";
  for (int i = 0; i < 20000; ++i) ids += ",1";
  for (int i = 0; i < 40; ++i) {
    Process process(TTT_TOOL, {"logits", "-m", m, "--tokens", ids, "-o", path("out.npy"), "-v"});
    ASSERT_TRUE(process.wait_for_error("used in place"));
    std::this_thread::sleep_for(std::chrono::microseconds(25 * i));
    process.send(SIGTERM);
    const Finished f = process.finish();
    EXPECT_EQ(f.status, 143) << f.err;
    ASSERT_EQ(std::distance(support::fs::directory_iterator(path("")), {}), 1) << i;
  }
}

TEST_F(SignalsTest, AReaderThatLeavesEndsItQuietly) {
  const std::string m = model();
  std::vector<std::string> arguments = endless(m);
  arguments.pop_back();  // without -v
  Process process(TTT_TOOL, arguments);
  ASSERT_TRUE(process.wait_for_output(5));
  process.close_output();
  const Finished f = process.finish();
  EXPECT_EQ(f.status, 128 + SIGPIPE);
  EXPECT_EQ(f.err, "");
}

// A mapped file that shrinks is a failing read, told by name, not a crash.
TEST_F(SignalsTest, AFileThatShrinksInUseIsNamed) {
  const std::string m = model(), weights = m + "/model.safetensors";
  Process process(TTT_TOOL, endless(m));
  ASSERT_TRUE(process.wait_for_error("used in place"));
  support::fs::resize_file(weights, 0);
  const Finished f = process.finish();
  EXPECT_EQ(f.status, 4) << f.err;
  const std::string last = "ttt: error: " + weights + ": cannot read byte ";
  const std::size_t at = f.err.find(last);
  ASSERT_NE(at, std::string::npos) << f.err;
  EXPECT_EQ(std::count(f.err.begin() + static_cast<std::ptrdiff_t>(at), f.err.end(), '\n'), 1) << f.err;
  EXPECT_TRUE(f.err.ends_with(": the file has shrunk or its device has failed\n")) << f.err;
}

TEST_F(SignalsTest, ACopyOutlivesItsFile) {
  const std::string m = constant_model();
  Process process(TTT_TOOL, {"generate", "-m", m, "-p", "Hello", "-n", "50", "-v", "--no-mmap"});
  ASSERT_TRUE(process.wait_for_error(" parameters, "));
  support::fs::resize_file(m + "/model.safetensors", 0);
  const Finished f = process.finish();
  EXPECT_EQ(f.status, 0) << f.err;
  EXPECT_EQ(f.out, std::string(50, 'a'));
}

}  // namespace
}  // namespace ttt
