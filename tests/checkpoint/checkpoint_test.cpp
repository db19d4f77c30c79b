#include "checkpoint/checkpoint.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "models/llama/llama_gguf.h"
#include "tests/checkpoint/test_files.h"

namespace ttt {
namespace {

using testing::expect_error;
using testing::GgufWriter;
using testing::SafetensorsWriter;
using testing::TempDir;

std::string one_tensor(const std::string& name) { return SafetensorsWriter().add(name, "F32", {1}, "1234").bytes(); }

class Directory : public ::testing::Test {
 protected:
  std::unique_ptr<const Checkpoint> open() const {
    const std::span<const GgufSpelling> spellings = llama_gguf_spellings();
    return open_checkpoint(dir_.path(), spellings);
  }
  void refuses(ErrorKind kind, std::string_view message) const {
    expect_error(kind, message, [&] { open(); });
  }
  void write_config(std::string_view json = R"({"model_type":"llama"})") const { dir_.write("config.json", json); }
  // Two shards and their index.
  void write_shards() const {
    write_config();
    dir_.write("model-00001-of-00002.safetensors", one_tensor("a"));
    dir_.write("model-00002-of-00002.safetensors", one_tensor("b"));
    write_index("model-00002-of-00002.safetensors");
  }
  void write_index(std::string_view shard_of_b, std::string_view total = "8") const {
    dir_.write("model.safetensors.index.json",
               text(R"({"metadata":{"total_size":)", total,
                    R"(},"weight_map":{"a":"model-00001-of-00002.safetensors","b":")", shard_of_b, "\"}}"));
  }
  TempDir dir_;
};

TEST_F(Directory, single_file) {
  write_config(R"({"model_type":"llama","auto_map":{"AutoModel":"x.Y"}})");
  dir_.write("generation_config.json", R"({"temperature":0.6})");
  dir_.write("model.safetensors", one_tensor("a"));
  dir_.write("tokenizer.json", "{}");
  const auto c = open();
  EXPECT_EQ(c->kind(), CheckpointKind::kDirectory);
  EXPECT_EQ(c->config().at("model_type", "").as_string(""), "llama");
  EXPECT_EQ(c->generation_config().at("temperature", "").as_number(""), 0.6);
  EXPECT_EQ(c->names(), (std::vector<std::string_view>{"a"}));
  EXPECT_EQ(c->total_bytes(), 4);
  EXPECT_EQ(c->find("b"), nullptr);
  EXPECT_TRUE(c->tokenizer_json().has_value());
  EXPECT_FALSE(c->tokenizer_config().has_value());
  EXPECT_EQ(c->gguf(), nullptr);
  EXPECT_EQ(c->mapped_ranges().size(), 1U);
  ASSERT_EQ(c->notes().size(), 1U);
  EXPECT_NE(c->notes()[0].find("auto_map"), std::string::npos);
  EXPECT_TRUE(open_checkpoint(dir_.path(), {}, {.access = FileAccess::kCopy})->mapped_ranges().empty());
  EXPECT_EQ(
      open_checkpoint(dir_.path(), {}, {.access = FileAccess::kCopy, .headers_only = true})->mapped_ranges().size(),
      1U);
}

TEST_F(Directory, missing_path) {
  expect_error(ErrorKind::kIo, "no such file; wanted a Hugging Face model directory or a .gguf file",
               [&] { open_checkpoint(dir_.path() / "none", {}); });
  expect_error(ErrorKind::kIo, "unknown type of file", [&] { open_checkpoint(dir_.write("a.txt", "hello"), {}); });
  std::filesystem::create_symlink("loop", dir_.path() / "loop");
  expect_error(ErrorKind::kIo, "cannot open", [&] { open_checkpoint(dir_.path() / "loop", {}); });
  ASSERT_EQ(::mkfifo((dir_.path() / "fifo").c_str(), 0600), 0);
  expect_error(ErrorKind::kIo, "a FIFO", [&] { open_checkpoint(dir_.path() / "fifo", {}); });
}

TEST_F(Directory, no_config) {
  refuses(ErrorKind::kBadData, "config.json is missing; the directory is empty");
  dir_.write("model.safetensors", one_tensor("a"));
  refuses(ErrorKind::kBadData, "config.json is missing; there is: 'model.safetensors'");
}

TEST_F(Directory, bad_config) {
  dir_.write("model.safetensors", one_tensor("a"));
  for (const std::string_view json : {"", "[1]", "{", "\xff\xfe{\0}\0", "{\"a\":1,\"a\":2}"}) {
    write_config(json);
    refuses(ErrorKind::kBadData, "config.json");
  }
  write_config(std::string((16 << 20) + 1, ' '));
  refuses(ErrorKind::kBadData, "config.json wanted at most 16.7 MB");
  write_config();
  dir_.write("generation_config.json", "3");
  refuses(ErrorKind::kBadData, "generation_config.json: wanted an object");
}

TEST_F(Directory, no_weights) {
  write_config();
  refuses(ErrorKind::kBadData,
          "no weights: wanted model.safetensors or model.safetensors.index.json; there is: 'config.json'");
  dir_.write("pytorch_model.bin", "x");
  refuses(ErrorKind::kUnsupported, "pickle is not loaded");
  dir_.write("model.safetensors.incomplete", "x");
  refuses(ErrorKind::kIo, "a download is unfinished: 'model.safetensors.incomplete'");
}

TEST_F(Directory, shards) {
  write_shards();
  const auto c = open();
  EXPECT_EQ(c->names(), (std::vector<std::string_view>{"a", "b"}));
  EXPECT_EQ(c->mapped_ranges().size(), 2U);
  EXPECT_TRUE(c->notes().empty());
}

TEST_F(Directory, missing_shard) {
  write_shards();
  std::filesystem::remove(dir_.path() / "model-00002-of-00002.safetensors");
  refuses(ErrorKind::kIo, "1 of 2 shards present, missing model-00002-of-00002.safetensors");
  dir_.write("model-00002-of-00002.safetensors.part", "x");
  refuses(ErrorKind::kIo, "a download is unfinished: 'model-00002-of-00002.safetensors.part'");
}

TEST_F(Directory, shard_names) {
  write_shards();
  const std::string longest(10000, 'x');
  for (const std::string& name :
       {std::string("../../x.safetensors"), std::string("/etc/x.safetensors"), std::string("a\\\\x.safetensors"),
        std::string("a\\u0000.safetensors"), std::string("CON"), longest + ".safetensors", std::string(".safetensors"),
        std::string("..safetensors"), std::string(), std::string("C:x.safetensors")}) {
    write_index(name);
    refuses(ErrorKind::kBadData, "leaves the directory or is no name of a .safetensors file");
  }
}

TEST_F(Directory, index_contradicts_shards) {
  write_shards();
  dir_.write("model-00002-of-00002.safetensors", one_tensor("c"));
  refuses(ErrorKind::kBadData,
          "tensor 'b' is said to be in 'model-00002-of-00002.safetensors', which does not hold it");
  dir_.write("model-00002-of-00002.safetensors",
             SafetensorsWriter().add("a", "F32", {1}, "1234").add("b", "F32", {1}, "1234").bytes());
  refuses(ErrorKind::kBadData, "tensor 'a' is held twice, also by ");
}

TEST_F(Directory, index_notes) {
  write_shards();
  write_index("model-00002-of-00002.safetensors", "9");
  EXPECT_NE(open()->notes().at(0).find("total_size wanted 8, got 9"), std::string::npos);
  dir_.write("model-00002-of-00002.safetensors",
             SafetensorsWriter().add("b", "F32", {1}, "1234").add("c", "F32", {1}, "1234").bytes());
  EXPECT_NE(open()->notes().at(0).find("1 tensors of the shards are not listed"), std::string::npos);
}

TEST_F(Directory, bad_index) {
  write_shards();
  for (const std::string_view json :
       {"[]", "{}", R"({"weight_map":[]})", R"({"weight_map":{"a":1}})", R"({"weight_map":{}})"}) {
    dir_.write("model.safetensors.index.json", json);
    refuses(ErrorKind::kBadData, "model.safetensors.index.json");
  }
}

TEST_F(Directory, cache_layout_of_links) {
  const TempDir cache;
  cache.write("blobs/1", R"({"model_type":"llama"})");
  cache.write("blobs/2", one_tensor("a"));
  const auto snapshot = cache.path() / "snapshots/abc";
  std::filesystem::create_directories(snapshot);
  std::filesystem::create_symlink("../../blobs/1", snapshot / "config.json");
  std::filesystem::create_symlink("../../blobs/2", snapshot / "model.safetensors");
  EXPECT_NE(open_checkpoint(snapshot, {})->find("a"), nullptr);
  // A link that leads nowhere is told from an absent file.
  std::filesystem::rename(cache.path() / "blobs/2", cache.path() / "blobs/3");
  expect_error(ErrorKind::kIo, "model.safetensors: cannot open: is a link to '../../blobs/2', which is missing",
               [&] { open_checkpoint(snapshot, {}); });
  std::filesystem::create_symlink("generation_config.json", snapshot / "generation_config.json");
  expect_error(ErrorKind::kIo, "generation_config.json: cannot open", [&] { open_checkpoint(snapshot, {}); });
  std::filesystem::remove(snapshot / "generation_config.json");
  std::filesystem::remove(snapshot / "model.safetensors");
  cache.write("blobs/2.incomplete", "x");
  expect_error(ErrorKind::kIo, "unfinished: '../../blobs/2.incomplete'", [&] { open_checkpoint(snapshot, {}); });
}

TEST_F(Directory, chat_templates) {
  write_config();
  dir_.write("model.safetensors", one_tensor("a"));
  dir_.write("tokenizer_config.json", R"({"chat_template":"old"})");
  EXPECT_EQ(open()->chat_templates().at(0).text, "old");
  dir_.write("tokenizer_config.json",
             R"({"chat_template":[{"name":"default","template":"x"},{"name":"tool_use","template":"y"}]})");
  EXPECT_EQ(open()->chat_templates().at(1).name, "tool_use");
  dir_.write("chat_template.jinja", "new");
  dir_.write("additional_chat_templates/rag.jinja", "r");
  const auto all = open()->chat_templates();
  EXPECT_EQ(all.at(0).text, "new");
  EXPECT_EQ(all.at(1).name, "rag");
  EXPECT_EQ(all.size(), 4U);
}

TEST_F(Directory, gguf_inside) {
  const std::string file = GgufWriter().string("general.architecture", "none").bytes();
  dir_.write("m.gguf", file);
  refuses(ErrorKind::kUnsupported, "general.architecture 'none' is not supported; supported are: llama");
  dir_.write("mmproj-m.gguf", file);
  refuses(ErrorKind::kUnsupported, "'none'");
  dir_.write("n.gguf", file);
  refuses(ErrorKind::kUsage, "holds 2 GGUF models; name one: 'm.gguf', 'n.gguf'");
}

}  // namespace
}  // namespace ttt
