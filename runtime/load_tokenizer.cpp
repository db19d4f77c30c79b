#include "runtime/load_tokenizer.h"

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "base/error.h"
#include "checkpoint/json_file.h"
#include "runtime/gguf_vocabulary.h"

namespace ttt {
namespace {

namespace fs = std::filesystem;

// "spiece.model" is the older name of the same file.
constexpr std::array<std::string_view, 2> kSentencePiece = {"tokenizer.model", "spiece.model"};

std::optional<fs::path> first_of(const fs::path& directory, std::span<const std::string_view> names) {
  std::error_code unknown;
  for (const std::string_view name : names) {
    if (fs::exists(directory / name, unknown)) return directory / name;
  }
  return std::nullopt;
}

Tokenizer tokenizer_of_directory(const fs::path& directory) {
  const std::optional<Json> tokenizer = read_json_if_there(directory / "tokenizer.json", kTokenizerFileBytes),
                            config = read_json_if_there(directory / "tokenizer_config.json", kTokenizerFileBytes),
                            special = read_json_if_there(directory / "special_tokens_map.json", kTokenizerFileBytes),
                            added = read_json_if_there(directory / "added_tokens.json", kTokenizerFileBytes);
  const auto pointer = [](const std::optional<Json>& json) { return json ? &*json : nullptr; };
  const TokenizerFiles beside{
      .config = pointer(config), .special_tokens_map = pointer(special), .added_tokens = pointer(added)};
  if (tokenizer) return Tokenizer::from_json(*tokenizer, beside, (directory / "tokenizer.json").string());
  if (const auto path = first_of(directory, kSentencePiece)) {
    return Tokenizer::from_sentencepiece(read_small_file(*path, kTokenizerFileBytes, path->filename().string()), beside,
                                         path->string());
  }
  const std::optional<Json> vocab = read_json_if_there(directory / "vocab.json", kTokenizerFileBytes);
  std::error_code unknown;
  const fs::path merges = directory / "merges.txt", lines = directory / "vocab.txt";
  if (vocab && fs::exists(merges, unknown)) {
    return Tokenizer::from_merges(*vocab, read_small_file(merges, kTokenizerFileBytes, "merges.txt"), beside,
                                  directory.string());
  }
  if (fs::exists(lines, unknown)) {
    return Tokenizer::from_vocab_txt(read_small_file(lines, kTokenizerFileBytes, "vocab.txt"), beside, lines.string());
  }
  fail(ErrorKind::kBadData,
       text(directory.string(),
            ": tokenizer.json is missing, and so are tokenizer.model, vocab.json with merges.txt, and "
            "vocab.txt"));
}

}  // namespace

bool has_tokenizer(const fs::path& directory) {
  constexpr std::array<std::string_view, 3> kOthers = {"tokenizer.json", "vocab.json", "vocab.txt"};
  std::error_code unknown;
  return fs::exists(directory / kTokenizerGguf, unknown) || first_of(directory, kOthers) ||
         first_of(directory, kSentencePiece);
}

Tokenizer load_tokenizer(const Checkpoint& checkpoint) {
  const GgufFile* gguf = checkpoint.gguf();
  if (gguf == nullptr) return tokenizer_of_directory(checkpoint.path());
  return Tokenizer::from_gguf(gguf_vocabulary(*gguf), checkpoint.path().string());
}

TextLimit read_text_limit(const Checkpoint& checkpoint) {
  TextLimit limit;
  if (checkpoint.gguf() != nullptr) return limit;
  const std::optional<Json> config =
      read_json_if_there(checkpoint.path() / "tokenizer_config.json", kTokenizerFileBytes);
  if (!config) return limit;
  const std::string where = (checkpoint.path() / "tokenizer_config.json").string();
  if (const Json* most = config->find("model_max_length"); most != nullptr && !most->is_null()) {
    const double value = most->as_number(where + ": model_max_length");
    require(value >= 1, ErrorKind::kBadData, where, ": model_max_length wanted at least 1, got ", value);
    // The reference writes 1e30 where there is none.
    constexpr double kMost = 1 << 30;
    if (value <= kMost) limit.ids = most->as_integer(where + ": model_max_length");
  }
  if (const Json* side = config->find("truncation_side"); side != nullptr && !side->is_null()) {
    const std::string& name = side->as_string(where + ": truncation_side");
    require(name == "left" || name == "right", ErrorKind::kBadData, where,
            ": truncation_side wanted left or right, got \"", name, "\"");
    limit.keeps_end = name == "left";
  }
  return limit;
}

Tokenizer load_tokenizer(const fs::path& path) {
  std::error_code unknown;
  const fs::path vocabulary = path / kTokenizerGguf;
  if (fs::exists(vocabulary, unknown)) return load_tokenizer(vocabulary);
  if (fs::is_directory(path, unknown)) return tokenizer_of_directory(path);
  return Tokenizer::from_gguf(gguf_vocabulary(GgufFile::open(path)), path.string());
}

}  // namespace ttt
