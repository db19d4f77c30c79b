#include "runtime/load_chat_template.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf.h"
#include "checkpoint/json_file.h"
#include "runtime/load_tokenizer.h"
#include "text/token_files.h"

namespace ttt {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code unknown;
  return fs::exists(path, unknown);
}

ChatTemplates::Named read_template(const fs::path& path, std::string name) {
  return {.name = std::move(name),
          .where = path.string(),
          .source = read_small_file(path, TemplateLimits{}.source, "a template")};
}

std::vector<ChatTemplates::Named> template_files(const fs::path& directory) {
  std::vector<ChatTemplates::Named> all;
  if (const fs::path file = directory / "chat_template.jinja"; is_there(file)) {
    all.push_back(read_template(file, "default"));
  }
  std::error_code unknown;
  std::vector<fs::path> more;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory / "additional_chat_templates", unknown)) {
    if (entry.path().extension() == ".jinja") more.push_back(entry.path());
  }
  std::sort(more.begin(), more.end());
  for (const fs::path& file : more) {
    const std::string name = file.stem().string();
    std::erase_if(all, [&](const ChatTemplates::Named& t) { return t.name == name; });
    all.push_back(read_template(file, name));
  }
  return all;
}

ChatTemplates templates_of_directory(const fs::path& directory) {
  ChatTemplates found{.where = directory.string()};
  const std::optional<Json> config = read_json_if_there(directory / "tokenizer_config.json", kTokenizerFileBytes),
                            special = read_json_if_there(directory / "special_tokens_map.json", kTokenizerFileBytes);
  found.all = template_files(directory);
  const Json* in_config = config ? config->find("chat_template") : nullptr;
  if (found.all.empty() && in_config != nullptr) {
    found.all = read_chat_templates(*in_config, (directory / "tokenizer_config.json").string() + " chat_template");
  }
  const TokenizerFiles files{.config = config ? &*config : nullptr,
                             .special_tokens_map = special ? &*special : nullptr};
  for (const auto& [name, content] : named_tokens(files, directory.string())) {
    found.special_tokens.set(name + "_token", content);
  }
  return found;
}

ChatTemplates from_gguf(const fs::path& path) {
  const GgufFile file = GgufFile::open(path);
  ChatTemplates found{.where = path.string()};
  constexpr std::string_view kKey = "tokenizer.chat_template";
  for (const std::string_view key : file.keys()) {
    if (!key.starts_with(kKey)) continue;
    const std::string_view rest = key.substr(kKey.size());
    if (!rest.empty() && !rest.starts_with('.')) continue;  // tokenizer.chat_templates lists the names
    found.all.push_back({.name = rest.empty() ? "default" : std::string(rest.substr(1)),
                         .where = text(path.string(), " ", key),
                         .source = std::string(file.string(key))});
  }
  if (file.find("tokenizer.ggml.tokens") == nullptr) return found;
  const std::vector<std::string_view> tokens = file.strings("tokenizer.ggml.tokens");
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kNames{{{"bos", "bos_token"},
                                                                                 {"eos", "eos_token"},
                                                                                 {"unknown", "unk_token"},
                                                                                 {"seperator", "sep_token"},
                                                                                 {"padding", "pad_token"},
                                                                                 {"cls", "cls_token"},
                                                                                 {"mask", "mask_token"}}};
  for (const auto& [below, name] : kNames) {
    const std::string key = text("tokenizer.ggml.", below, "_token_id");
    if (file.find(key) == nullptr) continue;
    const std::int64_t id = file.integer(key);
    // Converters write an id that is no token where there is none.
    if (id < 0 || id >= static_cast<std::int64_t>(tokens.size())) continue;
    found.special_tokens.set(name, tokens[static_cast<std::size_t>(id)]);
  }
  return found;
}

}  // namespace

ChatTemplates load_chat_templates(const fs::path& path) {
  std::error_code unknown;
  if (!fs::is_directory(path, unknown)) return from_gguf(path);
  const fs::path vocabulary = path / kTokenizerGguf;
  return fs::exists(vocabulary, unknown) ? from_gguf(vocabulary) : templates_of_directory(path);
}

}  // namespace ttt
