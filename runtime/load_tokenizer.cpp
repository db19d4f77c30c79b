#include "runtime/load_tokenizer.h"

#include <optional>

#include "base/error.h"
#include "runtime/gguf_vocabulary.h"

namespace ttt {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kTokenizerBytes = std::int64_t{256} << 20;

std::optional<Json> read_json(const fs::path& directory, std::string_view name) {
  const fs::path path = directory / name;
  std::error_code unknown;
  if (!fs::exists(path, unknown)) return std::nullopt;
  const JsonLimits limits{.bytes = kTokenizerBytes};
  return Json::parse(read_small_file(path, limits.bytes, name), path.string(), limits);
}

Tokenizer from_directory(const fs::path& directory) {
  const std::string where = directory.string();
  const std::optional<Json> tokenizer = read_json(directory, "tokenizer.json");
  if (!tokenizer) {
    std::error_code unknown;
    require(!fs::exists(directory / "tokenizer.model", unknown), ErrorKind::kUnsupported, where,
            ": tokenizer.model is not read; tokenizer.json is wanted beside it");
    fail(ErrorKind::kBadData, text(where, ": tokenizer.json is missing"));
  }
  const std::optional<Json> config = read_json(directory, "tokenizer_config.json"),
                            special = read_json(directory, "special_tokens_map.json"),
                            added = read_json(directory, "added_tokens.json");
  const auto pointer = [](const std::optional<Json>& json) { return json ? &*json : nullptr; };
  return Tokenizer::from_json(
      *tokenizer, {.config = pointer(config), .special_tokens_map = pointer(special), .added_tokens = pointer(added)},
      (directory / "tokenizer.json").string());
}

}  // namespace

Tokenizer load_tokenizer(const Checkpoint& checkpoint) {
  const GgufFile* gguf = checkpoint.gguf();
  if (gguf == nullptr) return from_directory(checkpoint.path());
  return Tokenizer::from_gguf(gguf_vocabulary(*gguf), checkpoint.path().string());
}

Tokenizer load_tokenizer(const fs::path& path) {
  std::error_code unknown;
  if (fs::is_directory(path, unknown)) return from_directory(path);
  return Tokenizer::from_gguf(gguf_vocabulary(GgufFile::open(path)), path.string());
}

}  // namespace ttt
