#include "runtime/gguf_vocabulary.h"

#include "base/error.h"

namespace ttt {
namespace {

constexpr std::string_view kPrefix = "tokenizer.ggml.";

std::vector<std::string> strings(const GgufFile& file, std::string_view below) {
  const std::string key = text(kPrefix, below);
  if (file.find(key) == nullptr) return {};
  const std::vector<std::string_view> views = file.strings(key);
  return {views.begin(), views.end()};
}

std::optional<std::int64_t> id(const GgufFile& file, std::string_view below) {
  const std::string key = text(kPrefix, below, "_token_id");
  if (file.find(key) == nullptr) return std::nullopt;
  return file.integer(key);
}

// Padding and unknown text need no id to read a text; files have 2^32 - 1 for "none", and ids that were never added.
std::optional<std::int64_t> id_below(const GgufFile& file, std::string_view below, std::size_t tokens) {
  const std::optional<std::int64_t> found = id(file, below);
  const bool known = found && *found >= 0 && static_cast<std::size_t>(*found) < tokens;
  return known ? found : std::nullopt;
}

std::optional<bool> flag(const GgufFile& file, std::string_view below) {
  const std::string key = text(kPrefix, below);
  if (file.find(key) == nullptr) return std::nullopt;
  return file.boolean(key);
}

std::int32_t token_type(std::int64_t type, const GgufFile& file) {
  require(type >= 0 && type <= 64, ErrorKind::kBadData, file.path(),
          ": key tokenizer.ggml.token_type wanted 0 .. 64, got ", type);
  return static_cast<std::int32_t>(type);
}

}  // namespace

GgufVocabulary gguf_vocabulary(const GgufFile& file) {
  GgufVocabulary v;
  v.model = std::string(file.string("tokenizer.ggml.model"));
  if (file.find("tokenizer.ggml.pre") != nullptr) v.pre = std::string(file.string("tokenizer.ggml.pre"));
  v.tokens = strings(file, "tokens");
  require(!v.tokens.empty(), ErrorKind::kBadData, file.path(), ": key tokenizer.ggml.tokens is missing or empty");
  v.merges = strings(file, "merges");
  require(v.model != "gpt2" || file.find("tokenizer.ggml.merges") != nullptr, ErrorKind::kBadData, file.path(),
          ": key tokenizer.ggml.merges is missing");
  if (file.find("tokenizer.ggml.scores") != nullptr) {
    for (const double s : file.numbers("tokenizer.ggml.scores")) v.scores.push_back(static_cast<float>(s));
  }
  if (file.find("tokenizer.ggml.token_type") != nullptr) {
    for (const std::int64_t t : file.integers("tokenizer.ggml.token_type")) v.types.push_back(token_type(t, file));
  }
  v.bos = id(file, "bos");
  v.eos = id(file, "eos");
  v.eot = id(file, "eot");
  v.unk = id_below(file, "unknown", v.tokens.size());
  v.pad = id_below(file, "padding", v.tokens.size());
  v.add_bos = flag(file, "add_bos_token");
  v.add_eos = flag(file, "add_eos_token");
  v.add_space_prefix = flag(file, "add_space_prefix");
  return v;
}

}  // namespace ttt
