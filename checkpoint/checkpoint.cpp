#include "checkpoint/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <system_error>

#include "base/error.h"
#include "checkpoint/checkpoint_builder.h"
#include "checkpoint/gguf_translate.h"
#include "checkpoint/printable.h"

namespace ttt {
namespace {

namespace fs = std::filesystem;

// What the reference's models put before the names of their backbones.
constexpr std::string_view kPrefix = "model.";

// The one model among the .gguf files of a directory: a file, or the first part of a set.
fs::path only_gguf(const fs::path& directory) {
  std::vector<std::string> models;
  for (const std::string& name : names_in(directory)) {
    const bool later_part = name.find("-of-") != std::string::npos && name.find("-00001-of-") == std::string::npos;
    // Vision encoders lie beside the language model that they belong to.
    if (name.ends_with(".gguf") && !later_part && !name.starts_with("mmproj")) models.push_back(name);
  }
  require(models.size() <= 1, ErrorKind::kUsage, directory.string(), ": holds ", models.size(),
          " GGUF models; name one: ", models.empty() ? "" : printable(models[0]), ", ",
          models.size() < 2 ? "" : printable(models[1]), models.size() > 2 ? ", ..." : "");
  return models.empty() ? fs::path() : directory / models[0];
}

void append_gguf_templates(const GgufFile& file, std::vector<ChatTemplateSource>& to) {
  constexpr std::string_view kKey = "tokenizer.chat_template";
  for (const std::string_view key : file.keys()) {
    const bool named = key.starts_with(kKey) && key.size() > kKey.size() + 1 && key[kKey.size()] == '.';
    if (key != kKey && !named) continue;
    const GgufValue& v = *file.find(key);
    if (v.is_array || v.type != GgufType::kString) continue;
    const std::string_view name = named ? key.substr(kKey.size() + 1) : std::string_view("default");
    to.push_back({std::string(name), std::string(file.string(key)), text(file.path(), ": ", key)});
  }
}

void append_tokenizer_config_templates(const fs::path& path, std::vector<ChatTemplateSource>& to) {
  const std::string where = path.string();
  const Json json =
      Json::parse(read_small_file(path, kTemplateLimit, "tokenizer_config.json"), where, {.bytes = kTemplateLimit});
  const Json* value = json.find("chat_template");
  if (value == nullptr || value->is_null()) return;
  const std::string field = where + ": chat_template";
  if (!value->is_array()) {
    to.push_back({"default", value->as_string(field), field});
    return;
  }
  for (const Json& one : value->as_array(field)) {
    to.push_back({one.at("name", field).as_string(field), one.at("template", field).as_string(field), field});
  }
}

}  // namespace

std::string Checkpoint::config_where() const {
  return kind_ == CheckpointKind::kGguf ? path_.string() : (path_ / "config.json").string();
}

const StoredTensor* Checkpoint::find(std::string_view name) const {
  const auto with_name = [&](std::string_view wanted) -> const StoredTensor* {
    const auto i = std::ranges::lower_bound(tensors_, wanted, {}, &StoredTensor::name);
    return i == tensors_.end() || i->name != wanted ? nullptr : &*i;
  };
  const StoredTensor* found = with_name(name);
  if (found != nullptr || !without_prefix_ || !name.starts_with(kPrefix)) return found;
  return with_name(name.substr(kPrefix.size()));
}

bool Checkpoint::same_values(std::string_view first, std::string_view second) const {
  const StoredTensor *a = find(first), *b = find(second);
  return a != nullptr && b != nullptr && a->format == b->format && a->shape == b->shape && a->bytes == b->bytes &&
         a->rotary_heads == b->rotary_heads && a->subtract_one == b->subtract_one && a->transposed == b->transposed &&
         a->assembled == nullptr && b->assembled == nullptr &&
         (a->bytes == 0 || std::memcmp(a->data, b->data, static_cast<std::size_t>(a->bytes)) == 0);
}

std::vector<std::string_view> Checkpoint::names() const {
  std::vector<std::string_view> names;
  names.reserve(tensors_.size());
  for (const StoredTensor& t : tensors_) names.push_back(t.name);
  return names;
}

std::int64_t Checkpoint::total_bytes() const {
  std::int64_t bytes = 0;
  for (const StoredTensor& t : tensors_) bytes += t.bytes;
  return bytes;
}

std::optional<fs::path> Checkpoint::file(std::string_view name) const {
  if (kind_ != CheckpointKind::kDirectory) return std::nullopt;
  std::error_code none;
  const fs::path path = path_ / name;
  // A link that leads nowhere is a file that cannot be opened, not an absent one.
  if (!fs::exists(fs::symlink_status(path, none))) return std::nullopt;
  return path;
}

std::vector<ChatTemplateSource> Checkpoint::chat_templates() const {
  std::vector<ChatTemplateSource> sources;
  if (gguf_) append_gguf_templates(*gguf_, sources);
  if (const auto path = file("chat_template.jinja")) {
    sources.push_back({"default", read_small_file(*path, kTemplateLimit, "chat_template.jinja"), path->string()});
  }
  if (const auto folder = file("additional_chat_templates")) {
    for (const std::string& name : names_in(*folder)) {
      if (!name.ends_with(".jinja")) continue;
      const fs::path path = *folder / name;
      sources.push_back({path.stem().string(), read_small_file(path, kTemplateLimit, name), path.string()});
    }
  }
  if (const auto path = tokenizer_config()) append_tokenizer_config_templates(*path, sources);
  return sources;
}

std::vector<MappedRange> Checkpoint::mapped_ranges() const {
  std::vector<MappedRange> ranges;
  for (const auto& file : files_) {
    MappedRange range = file->mapped_range();
    if (range.data != nullptr) ranges.push_back(std::move(range));
  }
  return ranges;
}

void Checkpoint::release(const StoredTensor& tensor) const {
  for (const auto& file : files_) {
    if (file->path() == tensor.file) file->release(tensor.data, tensor.bytes);
  }
}

void CheckpointBuilder::read_gguf(const fs::path& path, std::span<const GgufSpelling> spellings) {
  result_->kind_ = CheckpointKind::kGguf;
  result_->path_ = path;
  GgufFile file = GgufFile::open(path, access_);
  const GgufSpelling& spelling = spelling_of(file, spellings);
  ConfigReport report{.strict = options_.strict, .allow_unknown_keys = options_.allow_unknown_keys};
  result_->config_ = gguf_config(file, spelling, &report);
  result_->notes_ = std::move(report.notes);
  GgufTensors tensors = gguf_tensors(file, spelling, result_->config_);
  result_->tensors_ = std::move(tensors.tensors);
  if (!tensors.unnamed.empty()) {
    result_->notes_.push_back(text(path.string(), ": ", tensors.unnamed.size(), " tensors unknown to architecture ",
                                   spelling.architecture, ", first ", printable(tensors.unnamed.front())));
  }
  result_->files_ = file.files();
  result_->gguf_ = std::move(file);
}

std::unique_ptr<const Checkpoint> CheckpointBuilder::finish() {
  std::vector<StoredTensor>& all = result_->tensors_;
  std::sort(all.begin(), all.end(), [](const StoredTensor& a, const StoredTensor& b) { return a.name < b.name; });
  for (std::size_t i = 0; i < all.size(); ++i) {
    require(i == 0 || all[i].name != all[i - 1].name, ErrorKind::kBadData, all[i].file, ": tensor ",
            printable(all[i].name), " is held twice", i == 0 || all[i].file == all[i - 1].file ? "" : ", also by ",
            i == 0 || all[i].file == all[i - 1].file ? "" : all[i - 1].file);
  }
  result_->without_prefix_ =
      result_->kind_ == CheckpointKind::kDirectory &&
      std::ranges::none_of(all, [](const StoredTensor& t) { return t.name.starts_with(kPrefix); });
  return std::move(result_);
}

std::unique_ptr<const Checkpoint> open_checkpoint(const fs::path& path, std::span<const GgufSpelling> spellings,
                                                  const CheckpointOptions& options) {
  std::error_code code;
  const fs::file_status status = fs::status(path, code);
  require(!code || status.type() == fs::file_type::not_found, ErrorKind::kIo, path.string(),
          ": cannot open: ", code.message());
  require(fs::exists(status), ErrorKind::kIo, path.string(),
          ": no such file; wanted a Hugging Face model directory or a .gguf file");
  CheckpointBuilder builder(options);
  if (fs::is_directory(status)) {
    const bool has_config = fs::exists(path / "config.json", code);
    const bool is_directory = has_config && CheckpointBuilder::has_safetensors(path);
    const fs::path gguf = is_directory ? fs::path() : only_gguf(path);
    if (gguf.empty()) {
      builder.read_directory(path);
    } else {
      builder.read_gguf(gguf, spellings);
      if (has_config) builder.note(text(gguf.string(), " is read, config.json beside it is not"));
    }
    return builder.finish();
  }
  {
    const auto file = MappedFile::open(path);
    const bool gguf = looks_like_gguf(*file) || path.extension() == ".gguf";
    require(gguf, ErrorKind::kIo, path.string(),
            ": unknown type of file; wanted a Hugging Face model directory or a .gguf file");
  }
  builder.read_gguf(path, spellings);
  return builder.finish();
}

}  // namespace ttt
