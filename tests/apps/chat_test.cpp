#include <sys/stat.h>

#include <fstream>

#include "apps/tool.h"
#include "support/real_model.h"
#include "support/terminal.h"

namespace ttt {
namespace {

using support::Finished;
using support::TerminalProcess;
using support::tool;

constexpr const char* kTemplate =
    "{{ bos_token }}{% for m in messages %}{{ m.role + ':' + m.content }}<|eot_id|>\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}";

class ChatToolTest : public support::ToolTest {
 protected:
  static constexpr std::int32_t kColon = 25, kX = 87, kQ = 80, kZ = 89, kThink = 902, kThought = 903;

  static void add_template(const std::string& model, const std::string& source = kTemplate) {
    support::write_file(model + "/chat_template.jinja", source);
    support::write_file(model + "/tokenizer_config.json", R"({"bos_token": "<|begin_of_text|>"})");
  }
  // A model that answers these tokens.
  std::string model_with(std::vector<std::int32_t> answer, const std::string& source = kTemplate) const {
    const support::fs::path model = path("answers");
    answer.insert(answer.begin(), kColon);
    answer.push_back(kEndOfTurn);
    support::write_chain_checkpoint(model, config(), answer);
    add_tokenizer(model);
    add_template(model, source);
    return model;
  }
  std::string model() const { return model_with({kX, kQ, kZ}); }
  // One that never ends its answer.
  std::string endless_model() const {
    const std::string model = constant_model(kLetterA, config(std::int64_t{1} << 20));
    add_template(model);
    return model;
  }
  static Finished chat(const std::string& model, std::vector<std::string> more, const std::string& input = "") {
    more.insert(more.begin(), {"chat", "-m", model});
    return tool(more, {.input = input});
  }
  TerminalProcess at_terminal(const std::string& model, std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"chat", "-m", model});
    return TerminalProcess(TTT_TOOL, more,
                           {{"XDG_STATE_HOME", path("state")}, {"TERM", "xterm"}, {"LC_ALL", "C.UTF-8"}});
  }
  static bool says(const Finished& f, const std::string& part) { return f.err.find(part) != std::string::npos; }
};

TEST_F(ChatToolTest, AMessageIsAnsweredOnce) {
  const Finished f = chat(model(), {"--message", "Hello"});
  expect_ok(f);
  EXPECT_EQ(f.out, "xqz\n");
  const Finished verbose = chat(model(), {"--message", "Hello", "-v", "-n", "2"});
  EXPECT_EQ(verbose.out, "xq\n");
  EXPECT_TRUE(says(verbose, "ttt: the answer was cut after 2 tokens (-n)\n")) << verbose.err;
  EXPECT_TRUE(says(verbose, " kept; 2 written at ")) << verbose.err;
  expect_error(chat(model(), {"--message", ""}), 2, {"--message wanted a text"});
  expect_error(chat(model(), {"--message", "a", "-n", "0"}), 2, {"-n wanted"});
}

TEST_F(ChatToolTest, EachLineOfAScriptIsATurn) {
  const Finished f = chat(
      model(), {"-v"},
      "one\n\ntwo \\\nlines\n\"\"\"\nthree\n\n/lines\n\"\"\"\n/save " + std::string(path("talk.json")) + "\n//four");
  EXPECT_EQ(f.status, 0) << f.err;
  EXPECT_EQ(f.out, "xqz\nxqz\nxqz\nxqz\n");
  EXPECT_EQ(f.out.find("> "), std::string::npos);
  EXPECT_EQ(f.err.find("> "), std::string::npos) << f.err;
  const Json saved = Json::parse(support::read_file(path("talk.json")), "talk.json");
  const Json::Array& messages = saved.at("messages", "").as_array("");
  ASSERT_EQ(messages.size(), 6u);
  EXPECT_EQ(messages[0].at("content", ""), Json("one"));
  EXPECT_EQ(messages[1].dump(), R"({"role": "assistant", "content": "xqz"})");
  EXPECT_EQ(messages[2].at("content", ""), Json("two \nlines"));
  EXPECT_EQ(messages[4].at("content", ""), Json("three\n\n/lines"));
  // What it wrote is what `ttt render` reads.
  const Finished rendered = tool({"render", "-m", model(), "--input", path("talk.json")});
  expect_ok(rendered);
  EXPECT_TRUE(
      rendered.out.starts_with("<|begin_of_text|>user:one<|eot_id|>\nassistant:xqz<|eot_id|>\nuser:two \nlines"))
      << rendered.out;
}

TEST_F(ChatToolTest, ATurnReadsOnlyWhatIsNew) {
  const Finished f = chat(model(), {"-v"}, "one\none\n/reset\none\n");
  EXPECT_EQ(f.out, "xqz\nxqz\nxqz\n");
  std::vector<std::pair<int, int>> counts;
  for (std::size_t at = f.err.find("["); at != std::string::npos; at = f.err.find("[", at + 1)) {
    int read = 0, kept = 0;
    if (std::sscanf(f.err.c_str() + at, "[%d tokens read in %*f s, %d kept", &read, &kept) == 2) {
      counts.emplace_back(read, kept);
    }
  }
  ASSERT_EQ(counts.size(), 3u) << f.err;
  EXPECT_EQ(counts[0].second, 0);
  EXPECT_EQ(counts[1].second, counts[0].first + 3);
  EXPECT_EQ(counts[2].first, 1);
}

TEST_F(ChatToolTest, CommandsDoWhatTheySay) {
  const std::string saved = path("talk.json");
  const Finished f = chat(model(), {"--system", "first"},
                          "/help\n/system\n/system second one\n/system\na\n/regen\n/save " + saved + "\n/save " +
                              saved + "\n/reset\n/quit\nnever");
  EXPECT_EQ(f.status, 0) << f.err;
  EXPECT_EQ(f.out, "xqz\nxqz\n");
  EXPECT_TRUE(says(f, "/regen ") && says(f, "/save FILE ") && says(f, "//TEXT ")) << f.err;
  EXPECT_TRUE(says(f, "ttt: the system message is \"first\"\n"));
  EXPECT_TRUE(says(f, "ttt: the system message is \"second one\"\n"));
  EXPECT_TRUE(says(f, "ttt: the conversation begins anew\n"));
  const Json messages = Json::parse(support::read_file(saved), saved).at("messages", "");
  EXPECT_EQ(messages.dump(), R"([{"role": "system", "content": "second one"}, {"role": "user", "content": "a"}, )"
                             R"({"role": "assistant", "content": "xqz"}])");
}

TEST_F(ChatToolTest, WhatIsWrongInATurnIsSaidAndTheNextGoesOn) {
  const std::string there = file("there", "mine");
  const Finished f = chat(model(), {}, "/nothing\n/regen\n/save " + there + "\n/save\n/reset now\na\n");
  EXPECT_EQ(f.status, 2);
  EXPECT_EQ(f.out, "xqz\n");
  EXPECT_TRUE(says(f, "ttt: error: there is no command '/nothing'; /help lists")) << f.err;
  EXPECT_TRUE(says(f, "ttt: error: /regen wanted an answer to give again, got none yet\n"));
  EXPECT_TRUE(says(f, "ttt: error: /save wanted a new file, but '" + there + "' exists\n")) << f.err;
  EXPECT_TRUE(says(f, "ttt: error: /save wanted a file, got none\n"));
  EXPECT_TRUE(says(f, "ttt: error: /reset wanted nothing after it, got 'now'\n"));
  EXPECT_EQ(support::read_file(there), "mine");
  EXPECT_EQ(chat(model(), {}, "/save " + std::string(path("none/talk.json")) + "\na\n").status, 4);
}

TEST_F(ChatToolTest, TheEndOfTheContextIsSaid) {
  const std::string m = model(), text(80, 'q');
  const Finished f = chat(m, {"--ctx", "60"}, "a\n" + text + "\nb\n");
  EXPECT_EQ(f.status, 2);
  EXPECT_EQ(f.out, "xqz\nxqz\n");
  EXPECT_TRUE(says(f, "ttt: error: the conversation wanted at most 60 tokens (the context), got ")) << f.err;
  EXPECT_TRUE(says(f, "/reset")) << f.err;
  expect_error(chat(m, {"--ctx", "60", "--message", text}), 2, {"at most 60 tokens (the context)"});

  std::string many;
  for (int i = 0; i < 12; ++i) many += "question\n";
  const Finished dropped = chat(m, {"--ctx", "60", "--drop-oldest"}, many);
  EXPECT_EQ(dropped.status, 0) << dropped.err;
  EXPECT_EQ(std::ranges::count(dropped.out, '\n'), 12);
  EXPECT_TRUE(says(dropped, " oldest messages were left out to make room in the context of 60 tokens\n"))
      << dropped.err;

  const std::string endless = endless_model();
  const Finished cut = chat(endless, {"--ctx", "40", "--message", "a"});
  EXPECT_EQ(cut.status, 0);
  EXPECT_TRUE(says(cut, "ttt: the answer ends where the context of 40 tokens does; /reset")) << cut.err;
}

TEST_F(ChatToolTest, ReasoningIsShownApart) {
  const std::string source = std::string(kTemplate) + "{# enable_thinking </think> #}";
  const std::string m = model_with({kThink, kQ, kThought, kX, kZ}, source);
  Json tokenizer = Json::parse(support::read_file(m + "/tokenizer.json"), "");
  Json added = tokenizer.at("added_tokens", "");
  for (const auto& [id, content] : {std::pair{kThink, "<think>"}, {kThought, "</think>"}}) {
    Json token = added.as_array("")[0];
    token.set("id", std::int64_t{id});
    token.set("content", content);
    added.push(token);  // as control tokens
  }
  tokenizer.set("added_tokens", added);
  support::write_file(m + "/tokenizer.json", tokenizer.dump());
  const Finished f = chat(m, {"--message", "a"});
  EXPECT_EQ(f.status, 0) << f.err;
  EXPECT_EQ(f.out, "xz\n");
  EXPECT_EQ(f.err, "[reasoning]\nq\n[answer]\n");
  const Finished hidden = chat(m, {"--message", "a", "--hide-thinking"});
  expect_ok(hidden);
  EXPECT_EQ(hidden.out, "xz\n");
  expect_ok(chat(m, {"--message", "a", "--hide-thinking", "--no-thinking"}));
  const Finished none = chat(model(), {"--message", "a", "--no-thinking"});
  EXPECT_EQ(none.out, "xqz\n");
  EXPECT_TRUE(says(none, "ttt: warning: --no-thinking changes nothing")) << none.err;
}

TEST_F(ChatToolTest, NoThinkingIsWhatTemplatesRead) {
  const std::string m = model_with(
      {kX}, "{{ raise_exception('off') if enable_thinking is false and thinking is false else '' }}assistant:");
  EXPECT_EQ(chat(m, {"--message", "a"}).out, "x\n");
  expect_error(chat(m, {"--message", "a", "--no-thinking"}), 3, {"off"});
}

TEST_F(ChatToolTest, AModelWithoutATemplateIsRefusedByName) {
  const std::string bare = constant_model();
  expect_error(chat(bare, {"--message", "a"}), 6, {bare, "no chat template", "ttt generate", "--template FILE"});
  const std::string source = file("chat.jinja", "{{ messages[0].content }}");
  const Finished f = chat(bare, {"--message", "a", "--template", source, "-n", "3"});
  EXPECT_EQ(f.out, "aaa\n");
  expect_error(chat(bare, {"--message", "a", "--template", path("none")}), 4, {"none"});
  expect_error(chat(bare, {"--message", "a", "--template", file("bad.jinja", "{{")}), 3, {"bad.jinja line 1"});
  expect_error(chat(model(), {"--message", "a", "--template-name", "x"}), 2, {"no chat template \"x\""});
}

// An end that only the template and the tokenizer's names tell.
TEST_F(ChatToolTest, ATurnEndsWhereTheTemplateEndsIt) {
  Json c = config();
  c.set("eos_token_id", 7);
  const support::fs::path m = path("other-end");
  support::write_chain_checkpoint(m, c, {kColon, kX, kEndOfTurn, kQ});
  add_tokenizer(m);
  add_template(m);
  const Finished f = chat(m, {"--message", "a", "-n", "3"});
  expect_ok(f);
  EXPECT_EQ(f.out, "x\n");
}

TEST_F(ChatToolTest, GenerateWarnsOfABarePrompt) {
  const std::string m = model();
  const auto generate = [&](const std::string& prompt) { return tool({"generate", "-m", m, "-p", prompt, "-n", "1"}); };
  const Finished bare = generate("Hello");
  EXPECT_EQ(bare.status, 0);
  EXPECT_EQ(std::ranges::count(bare.err, '\n'), 1) << bare.err;
  EXPECT_TRUE(bare.err.starts_with("ttt: warning: the model has a chat template")) << bare.err;
  expect_ok(generate("user:Hello<|eot_id|>\nassistant:"));
  // Texts that come from files and pipes were prepared by somebody.
  const std::string prepared = file("prompt.txt", "Hello");
  expect_ok(tool({"generate", "-m", m, "-f", prepared, "-n", "1"}));
  const Finished told = tool({"generate", "-m", m, "-f", prepared, "-n", "1", "-v"});
  EXPECT_NE(told.err.find("the model has a chat template"), std::string::npos) << told.err;
  // A template of text alone.
  add_template(m, "{% for m in messages %}[Q]{{ m.content }}[/Q]{% endfor %}");
  expect_ok(generate("[Q]Hello[/Q]"));
  EXPECT_TRUE(generate("Hello").err.starts_with("ttt: warning: the model has a chat template"));
  // One that cannot be used.
  add_template(m, "{% for %}");
  expect_ok(generate("Hello"));
}

TEST_F(ChatToolTest, ATerminalIsAskedAndItsLinesAreEdited) {
  TerminalProcess user = at_terminal(model());
  ASSERT_TRUE(user.shows("/help lists commands")) << user.screen();
  ASSERT_TRUE(user.asks("> ")) << user.screen();
  // Typed, a letter taken back, one put in at the begin: what is asked is "/system grün".
  user.type("system gr\xC3\xBCnx\x7F\x01/\n");
  ASSERT_TRUE(user.shows("ttt: the system message is set")) << user.screen();
  ASSERT_TRUE(user.asks("> "));
  user.type("/system\n");
  ASSERT_TRUE(user.shows("ttt: the system message is \"gr\xC3\xBCn\"")) << user.screen();
  ASSERT_TRUE(user.asks("> "));
  user.type("a\n");
  ASSERT_TRUE(user.shows("xqz")) << user.screen();
  ASSERT_TRUE(user.shows(" kept; 3 written at ")) << user.screen();
  ASSERT_TRUE(user.asks("> "));
  user.type("\x1b[A\x1b[A\n");  // the line before the last
  ASSERT_TRUE(user.shows("ttt: the system message is \"gr\xC3\xBCn\"")) << user.screen();
  ASSERT_TRUE(user.asks("> "));
  user.type("\x04");
  EXPECT_EQ(user.finish(), 0) << user.screen();
  EXPECT_TRUE(user.is_as_before());

  // The next chat has what was typed in this one, and nobody else can read it.
  const std::string history = path("state") / "ttt" / "chat_history";
  EXPECT_EQ(support::read_file(history), "/system gr\xC3\xBCn\n/system\na\n/system\n");
  struct stat status {};
  ASSERT_EQ(stat(history.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  TerminalProcess later = at_terminal(model());
  ASSERT_TRUE(later.asks("> "));
  later.type("\x1b[A\x1b[A\n");
  ASSERT_TRUE(later.shows("xqz")) << later.screen();
}

TEST_F(ChatToolTest, CtrlCStopsTheAnswerAndNotTheProgram) {
  TerminalProcess user = at_terminal(endless_model(), {"--ctx", "1000000"});
  ASSERT_TRUE(user.asks("> "));
  user.type("a\n");
  ASSERT_TRUE(user.shows("aaaaa")) << user.screen();
  user.type("\x03");
  ASSERT_TRUE(user.shows(" written at ")) << user.screen();
  ASSERT_TRUE(user.asks("> ")) << user.screen();
  user.type("again\n");
  ASSERT_TRUE(user.shows("aaaaa"));
  user.type("\x03");
  ASSERT_TRUE(user.asks("> ")) << user.screen();
  // At the prompt the first takes the line back, and a second ends.
  user.type("half a line\x03");
  ASSERT_TRUE(user.shows("ttt: Ctrl-C once more, or Ctrl-D, ends")) << user.screen();
  ASSERT_TRUE(user.asks("> "));
  user.type("/system\n");
  ASSERT_TRUE(user.shows("ttt: there is no system message")) << user.screen();
  ASSERT_TRUE(user.asks("> "));
  user.type("\x03");
  ASSERT_TRUE(user.shows("ttt: Ctrl-C once more, or Ctrl-D, ends")) << user.screen();
  ASSERT_TRUE(user.asks("> "));
  user.type("\x03");
  EXPECT_EQ(user.finish(), 130) << user.screen();
  EXPECT_TRUE(user.is_as_before());
}

TEST_F(ChatToolTest, OtherSignalsEndItAndLeaveTheTerminalAsItWas) {
  const std::string m = endless_model();
  for (const bool while_it_answers : {false, true}) {
    TerminalProcess user = at_terminal(m, {"--ctx", "1000000"});
    ASSERT_TRUE(user.asks("> "));
    if (while_it_answers) {
      user.type("a\n");
      ASSERT_TRUE(user.shows("aaaaa"));
    }
    user.send(SIGTERM);
    EXPECT_EQ(user.finish(), 143) << user.screen();
    EXPECT_TRUE(user.is_as_before());
  }
  support::Process script(TTT_TOOL, {"chat", "-m", m, "--ctx", "1000000"}, {.input = "a\nb\n"});
  ASSERT_TRUE(script.wait_for_output(20));
  script.send(SIGINT);
  const Finished f = script.finish();
  EXPECT_EQ(f.status, 130);
  EXPECT_EQ(f.out, std::string(f.out.size() - 1, 'a') + "\n");  // the next line was not answered
}

TEST_F(ChatToolTest, WorksWithoutAHome) {
  TerminalProcess user(TTT_TOOL, {"chat", "-m", model()}, {{"HOME", ""}, {"XDG_STATE_HOME", ""}, {"TERM", "dumb"}});
  ASSERT_TRUE(user.asks("> "));
  user.type("a\n");
  ASSERT_TRUE(user.shows("xqz")) << user.screen();
  ASSERT_TRUE(user.asks("> "));
  user.type("\x04");
  EXPECT_EQ(user.finish(), 0);
}

TEST_F(ChatToolTest, SmolLM2AnswersThroughItsTemplate) {
  TTT_REQUIRE_MODEL(model, "TTT_SMOLLM2_GGUF");
  const Finished f = chat(model, {"--message", "What is the capital of France? Answer in one sentence.", "--format",
                                  "f32", "--kv-format", "f32", "--temp", "0"});
  expect_ok(f);
  EXPECT_EQ(f.out, "The capital of France is Paris.\n");
}

}  // namespace
}  // namespace ttt
