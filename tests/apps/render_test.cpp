#include <fstream>

#include "apps/tool.h"

namespace ttt {
namespace {

using support::Finished;
using support::tool;

// A GGUF file of metadata alone: strings, lists of strings, and u32 numbers.
class GgufMetadata {
 public:
  void add(const std::string& key, const std::string& value) {
    begin(key, 8);
    put(value);
  }
  void add(const std::string& key, std::uint32_t value) {
    begin(key, 4);
    number(value);
  }
  void add(const std::string& key, const std::vector<std::string>& values) {
    begin(key, 9);
    number(std::uint32_t{8});
    number(std::uint64_t{values.size()});
    for (const std::string& v : values) put(v);
  }
  std::string file() const {
    GgufMetadata all;
    all.bytes_ = "GGUF";
    all.number(std::uint32_t{3});
    all.number(std::uint64_t{0});
    all.number(count_);
    return all.bytes_ + bytes_;
  }

 private:
  template <class T>
  void number(T v) {
    bytes_.append(reinterpret_cast<const char*>(&v), sizeof v);
  }
  void put(const std::string& s) {
    number(std::uint64_t{s.size()});
    bytes_ += s;
  }
  void begin(const std::string& key, std::uint32_t type) {
    put(key);
    number(type);
    ++count_;
  }

  std::string bytes_;
  std::uint64_t count_ = 0;
};

class RenderToolTest : public support::ToolTest {
 protected:
  static constexpr const char* kHello = R"({"messages": [{"role": "user", "content": "Hello <|x|>"}]})";
  static constexpr const char* kWithTools =
      R"({"messages": [{"role": "user", "content": "Hi"}], "tools": [{"name": "t"}]})";
  RenderToolTest() : model_(path("model")) { support::fs::create_directories(model_); }

  static Finished render(std::vector<std::string> arguments, const std::string& input = kHello) {
    arguments.insert(arguments.begin(), "render");
    return tool(arguments, {.input = input});
  }
  static std::string prompt(std::vector<std::string> arguments, const std::string& input = kHello) {
    const Finished f = render(std::move(arguments), input);
    expect_ok(f);
    return f.out;
  }
  std::string beside(const std::string& name, std::string_view bytes) const {
    support::fs::create_directories((model_ / name).parent_path());
    support::write_file(model_ / name, bytes);
    return model_ / name;
  }
  support::fs::path model_;
};

TEST_F(RenderToolTest, WritesThePromptAndNothingElse) {
  const std::string source =
      file("t.jinja",
           "{{ bos_token }}{% for m in messages %}\n<{{ m.role }}>{{ m.content }}\n{% endfor %}\n"
           "{% if add_generation_prompt %}<assistant>{% endif %}{{ more }}\n");
  EXPECT_EQ(prompt({"--template", source}), "<user>Hello <|x|>\n");
  EXPECT_EQ(prompt({"--template", source, "--special", R"({"bos_token": "<s>"})"}), "<s><user>Hello <|x|>\n");
  const std::string request =
      file("request.json",
           R"({"messages": [{"role": "user", "content": "\u00e9\n"}], "add_generation_prompt": true, "more": 5})");
  EXPECT_EQ(prompt({"--template", source, "--input", request}, ""), "<user>\xc3\xa9\n\n<assistant>5");
  EXPECT_EQ(prompt({"--template", source, "-i", "-"}), "<user>Hello <|x|>\n");
}

TEST_F(RenderToolTest, TemplatesOfADirectory) {
  const auto of = [&](std::vector<std::string> more, const char* input = kHello) {
    more.insert(more.begin(), {"-m", model_});
    return prompt(more, input);
  };
  expect_error(render({"-m", model_}), 3, {model_, "there is no chat template"});
  beside("tokenizer_config.json",
         R"({"chat_template": "config {{ bos_token }}{{ eos_token }}{{ image_token }}{{ pad_token is defined }}",
      "bos_token": "<s>", "eos_token": {"__type": "AddedToken", "content": "</s>"}, "image_token": "<i>", "pad_token": null})");
  EXPECT_EQ(of({}), "config <s></s><i>False");
  beside("special_tokens_map.json", R"({"pad_token": {"content": "<p>"}})");
  EXPECT_EQ(of({}), "config <s></s><i>True");
  EXPECT_EQ(of({"--special", R"({"bos_token": "B"})"}), "config B</s><i>True");
  expect_error(render({"-m", model_, "--template-name", "x"}), 2, {"there is no chat template \"x\"", "default"});

  beside(
      "tokenizer_config.json",
      R"({"chat_template": [{"name": "default", "template": "D"}, {"name": "tool_use", "template": "T{{ tools | length }}"},
      {"name": "rag", "template": "R"}]})");
  EXPECT_EQ(of({}), "D");
  EXPECT_EQ(of({}, kWithTools), "T1");
  EXPECT_EQ(of({"--template-name", "rag"}, kWithTools), "R");

  beside("chat_template.jinja", "file\n");
  EXPECT_EQ(of({}, kWithTools), "file");
  beside("additional_chat_templates/tool_use.jinja", "with tools");
  EXPECT_EQ(of({}), "file");
  EXPECT_EQ(of({}, kWithTools), "with tools");
  expect_error(render({"-m", model_, "--template-name", "rag"}), 2, {"default, tool_use"});
}

TEST_F(RenderToolTest, TemplatesOfAGgufFile) {
  GgufMetadata m;
  m.add("general.architecture", std::string("llama"));
  m.add("tokenizer.chat_template", std::string("{{ bos_token }}{{ eos_token is defined }}{{ messages[0].content }}"));
  m.add("tokenizer.chat_template.tool_use", std::string("tools{{ unk_token }}"));
  m.add("tokenizer.chat_templates", std::vector<std::string>{"tool_use"});
  m.add("tokenizer.ggml.tokens", std::vector<std::string>{"<u>", "<s>"});
  m.add("tokenizer.ggml.bos_token_id", std::uint32_t{1});
  m.add("tokenizer.ggml.unknown_token_id", std::uint32_t{0});
  m.add("tokenizer.ggml.eos_token_id", std::uint32_t{7});
  const std::string gguf = file("model.gguf", m.file());
  EXPECT_EQ(prompt({"-m", gguf}), "<s>FalseHello <|x|>");
  EXPECT_EQ(prompt({"-m", gguf}, kWithTools), "tools<u>");
  EXPECT_EQ(prompt({"-m", gguf, "--template-name", "tool_use"}), "tools<u>");
}

TEST_F(RenderToolTest, ErrorsHaveTheirStatus) {
  const std::string good = file("good.jinja", "x"), broken = file("broken.jinja", "a\n{% if %}"),
                    raises = file("raises.jinja", "\n{{ raise_exception('No!') }}"),
                    other = file("other.jinja", "{% include 'x' %}");
  expect_error(render({}), 2, {"one of -m and --template"});
  expect_error(render({"-m", model_, "--template", good}), 2, {"one of -m and --template"});
  expect_error(render({"--template", good, "--template-name", "x"}), 2, {"-m is wanted"});
  expect_error(render({"--template", "-"}), 2, {"standard input"});
  expect_error(render({"--template", broken}), 3, {broken + " line 2: Expected an expression"});
  expect_error(render({"--template", raises}), 3, {raises + " line 2: No!"});
  expect_error(render({"--template", good}, "{"), 3, {"stdin: not JSON"});
  expect_error(render({"--template", good}, "{}"), 3, {"messages"});
  expect_error(render({"--template", good}, R"({"messages": [{}], "n": 12345678901234567890})"), 3,
               {"stdin: not JSON at byte 44: an integer is beyond 64 bits"});
  expect_error(render({"--template", good, "--special", "[]"}), 3, {"--special"});
  expect_error(render({"--template", path("absent")}), 4, {"absent"});
  expect_error(render({"--template", good, "--input", path("absent")}), 4, {"absent"});
  expect_error(render({"-m", path("absent")}), 4, {"absent"});
  expect_error(render({"--template", other}), 6, {other + " line 1: {% include %}"});
}

}  // namespace
}  // namespace ttt
