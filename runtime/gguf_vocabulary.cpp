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
  v.eom = id(file, "eom");
  v.fim_pad = id(file, "fim_pad");
  v.fim_rep = id(file, "fim_rep");
  v.fim_sep = id(file, "fim_sep");
  v.unk = id(file, "unknown");
  v.pad = id(file, "padding");
  v.add_bos = flag(file, "add_bos_token");
  v.add_eos = flag(file, "add_eos_token");
  v.add_space_prefix = flag(file, "add_space_prefix");
  v.sep = id(file, "seperator");
  v.remove_extra_whitespaces = flag(file, "remove_extra_whitespaces");
  v.lowercase = flag(file, "normalizer.lowercase");
  v.strip_accents = flag(file, "normalizer.strip_accents");
  if (file.find("tokenizer.ggml.precompiled_charsmap") != nullptr) {
    for (const std::int64_t byte : file.integers("tokenizer.ggml.precompiled_charsmap")) {
      v.charsmap.push_back(static_cast<char>(byte));
    }
  }
  return v;
}

}  // namespace ttt
