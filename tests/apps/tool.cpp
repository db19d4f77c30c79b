#include "apps/tool.h"

#include <algorithm>
#include <utility>

namespace ttt::support {

Finished tool(std::vector<std::string> arguments, const ProcessOptions& options) {
  return run(TTT_TOOL, std::move(arguments), options);
}

Json ToolTest::config(std::int64_t positions) {
  Json c = tiny_config(kVocab, positions);
  c.set("bos_token_id", kBegin);
  c.set("eos_token_id", kEndOfTurn);
  return c;
}

void ToolTest::add_tokenizer(const fs::path& directory, const std::string& name) {
  const fs::path from = fs::path(TTT_SOURCE_DIR) / "tests/golden/tokenizers" / name;
  fs::copy_file(from / "tokenizer.json", directory / "tokenizer.json", fs::copy_options::overwrite_existing);
}

std::string ToolTest::random_model(const Json& c) const {
  const fs::path model = path("random");
  write_random_checkpoint(model, c, {});
  add_tokenizer(model);
  return model;
}

std::string ToolTest::constant_model(std::int64_t likeliest, const Json& c) const {
  const fs::path model = path("constant");
  write_constant_checkpoint(model, c, [&](std::int64_t id) { return id == likeliest ? 5.0f : 0.0f; });
  add_tokenizer(model);
  return model;
}

fs::path ToolTest::path(const std::string& name) const { return directory_.path() / name; }

std::string ToolTest::file(const std::string& name, std::string_view bytes) const {
  write_file(path(name), bytes);
  return path(name);
}

void ToolTest::expect_error(const Finished& f, int status, const std::vector<std::string>& parts) {
  EXPECT_EQ(f.status, status) << f.err;
  EXPECT_TRUE(f.err.starts_with("ttt: error: ")) << f.err;
  EXPECT_EQ(std::ranges::count(f.err, '\n'), 1) << f.err;
  EXPECT_TRUE(f.err.ends_with('\n')) << f.err;
  EXPECT_EQ(f.out, "");
  for (const std::string& part : parts) EXPECT_NE(f.err.find(part), std::string::npos) << part << "\n" << f.err;
}

void ToolTest::expect_ok(const Finished& f) {
  EXPECT_EQ(f.status, 0) << f.err;
  EXPECT_EQ(f.err, "");
}

}  // namespace ttt::support
