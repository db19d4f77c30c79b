#include "runtime/load_tokenizer.h"

#include <filesystem>

#include "base/error.h"
#include "runtime/gguf_vocabulary.h"

namespace ttt {
namespace {

constexpr std::int64_t kTokenizerBytes = std::int64_t{256} << 20;

Json read_json(const std::filesystem::path& path, std::string_view what) {
  const JsonLimits limits{.bytes = kTokenizerBytes};
  return Json::parse(read_small_file(path, limits.bytes, what), path.string(), limits);
}

Tokenizer from_directory(const Checkpoint& checkpoint) {
  const std::string where = checkpoint.path().string();
  const auto file = checkpoint.tokenizer_json();
  if (!file) {
    require(!checkpoint.file("tokenizer.model"), ErrorKind::kUnsupported, where,
            ": tokenizer.model is not read; tokenizer.json is wanted beside it");
    fail(ErrorKind::kBadData, text(where, ": tokenizer.json is missing"));
  }
  const Json tokenizer = read_json(*file, "tokenizer.json");
  const auto config_file = checkpoint.tokenizer_config();
  if (!config_file) return Tokenizer::from_json(tokenizer, nullptr, file->string());
  const Json config = read_json(*config_file, "tokenizer_config.json");
  return Tokenizer::from_json(tokenizer, &config, file->string());
}

}  // namespace

Tokenizer load_tokenizer(const Checkpoint& checkpoint) {
  const GgufFile* gguf = checkpoint.gguf();
  return gguf != nullptr ? Tokenizer::from_gguf(gguf_vocabulary(*gguf), checkpoint.path().string())
                         : from_directory(checkpoint);
}

}  // namespace ttt
