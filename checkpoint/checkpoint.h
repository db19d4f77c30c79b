#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "checkpoint/gguf.h"
#include "checkpoint/gguf_spelling.h"
#include "checkpoint/mapped_file.h"
#include "checkpoint/stored_tensor.h"

namespace ttt {

enum class CheckpointKind : std::uint8_t { kDirectory, kGguf };

struct CheckpointOptions {
  FileAccess access = FileAccess::kMap;
  // The weights will not be read (plan, inspect): files are always mapped, whatever `access` is, and not read.
  bool headers_only = false;
  // Of GGUF metadata, as ConfigReport has them.
  bool strict = false, allow_unknown_keys = false;
};

struct ChatTemplateSource {
  std::string name = "default";
  std::string text = {};
  std::string where = {};  // file, or file and key
};

// In a directory that was written from a GGUF file: its metadata, for the vocabulary and chat templates.
inline constexpr std::string_view kTokenizerGguf = "tokenizer.gguf";

// A model on disk, whatever its container: a Hugging Face configuration, and tensors under Hugging Face names.
// Only headers have been read. Tensors point into files that live as long as this object.
class Checkpoint {
 public:
  CheckpointKind kind() const { return kind_; }
  const std::filesystem::path& path() const { return path_; }

  const Json& config() const { return config_; }
  const Json& generation_config() const { return generation_config_; }  // null: there is none
  std::string config_where() const;  // for messages: ".../config.json", or the GGUF file
  std::string index_where() const { return (path_ / "model.safetensors.index.json").string(); }

  const std::vector<StoredTensor>& tensors() const { return tensors_; }  // sorted by name
  // Also finds a tensor under its name without "model.", as in the directory of a backbone that was saved alone.
  const StoredTensor* find(std::string_view name) const;
  // Whether both tensors exist and have the same bytes in the same form. Reads them.
  bool same_values(std::string_view a, std::string_view b) const;
  std::vector<std::string_view> names() const;
  std::int64_t total_bytes() const;  // of all tensors

  // The file of that name in the directory ("tokenizer.json"); nothing when it is absent or this is not a directory.
  std::optional<std::filesystem::path> file(std::string_view name) const;
  std::optional<std::filesystem::path> tokenizer_json() const { return file("tokenizer.json"); }
  std::optional<std::filesystem::path> tokenizer_config() const { return file("tokenizer_config.json"); }
  const GgufFile* gguf() const { return gguf_ ? &*gguf_ : nullptr; }  // its vocabulary is in its metadata
  // Every chat template, in order of preference: chat_template.jinja, then tokenizer_config.json; or GGUF metadata.
  std::vector<ChatTemplateSource> chat_templates() const;

  // Warnings for the user.
  const std::vector<std::string>& notes() const { return notes_; }
  std::vector<MappedRange> mapped_ranges() const;
  const std::vector<std::shared_ptr<const MappedFile>>& files() const { return files_; }
  void release(const StoredTensor& tensor) const;  // MappedFile::release of its bytes

 private:
  friend class CheckpointBuilder;
  CheckpointKind kind_ = CheckpointKind::kDirectory;
  std::filesystem::path path_;
  Json config_, generation_config_;
  std::vector<StoredTensor> tensors_;
  std::vector<std::shared_ptr<const MappedFile>> files_;
  std::optional<GgufFile> gguf_;
  std::vector<std::string> notes_;
  bool without_prefix_ = false;
};

// `path`: a Hugging Face directory, a .gguf file (any part of a split set), or a directory that holds one such file
// and no safetensors with a config.json. `spellings`: the architectures that GGUF files may have.
//
// Error{kIo}: path, a shard or a file missing or unreadable. Error{kBadData}: contradictions. Error
// {kUsage}: a directory with several GGUF models. Error{kUnsupported}: pickled weights only, an architecture without
// spelling, a metadata key that changes results.
std::unique_ptr<const Checkpoint> open_checkpoint(const std::filesystem::path& path,
                                                  std::span<const GgufSpelling> spellings,
                                                  const CheckpointOptions& options = {});

}  // namespace ttt
