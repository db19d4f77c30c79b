#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "checkpoint/checkpoint.h"

namespace ttt {

// Fills a Checkpoint from one container or the other.
class CheckpointBuilder {
 public:
  explicit CheckpointBuilder(const CheckpointOptions& options)
      : options_(options),
        access_(options.headers_only ? FileAccess::kMap : options.access),
        result_(std::make_unique<Checkpoint>()) {}

  void read_gguf(const std::filesystem::path& path, std::span<const GgufSpelling> spellings);
  void read_directory(const std::filesystem::path& path);
  void note(std::string what) { result_->notes_.push_back(std::move(what)); }
  static bool has_safetensors(const std::filesystem::path& directory);
  // Sorts, refuses a name that occurs twice, and hands the result over.
  std::unique_ptr<const Checkpoint> finish();

 private:
  void read_configuration();
  void read_sharded(const std::filesystem::path& index);
  void read_file(const std::filesystem::path& path);
  void join_scales();
  void drop_quantisation();
  [[noreturn]] void refuse_without_weights() const;

  CheckpointOptions options_;
  FileAccess access_;
  std::unique_ptr<Checkpoint> result_;
};

// Limits for JSON files of a checkpoint, in bytes.
inline constexpr std::int64_t kConfigLimit = std::int64_t{16} << 20;
inline constexpr std::int64_t kGenerationConfigLimit = std::int64_t{1} << 20;
inline constexpr std::int64_t kIndexLimit = std::int64_t{64} << 20;
inline constexpr std::int64_t kTemplateLimit = std::int64_t{16} << 20;

// Names in a directory, sorted; at most a few thousand. Error{kIo}.
std::vector<std::string> names_in(const std::filesystem::path& directory);

}  // namespace ttt
