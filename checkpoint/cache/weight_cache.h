#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace ttt {

// Converted and packed weights on disk, so that the next start maps them instead of making them (docs/quantize.md, "The
// cache"). One file holds all weights that one model needs in one choice of formats on one rank. Files are written
// under other names and renamed, so that readers and writers of any number of processes never see a part of one; a file
// that is removed stays readable where it is mapped.

struct WeightCacheOptions {
  std::filesystem::path directory = {};              // made when the first file is written; empty: no cache
  std::int64_t most_bytes = std::int64_t{32} << 30;  // of all files; the longest unused are removed
};

// Identifies the weights of a file: the contents of the checkpoint, what is made of them, and how this build lays them
// out. Of each file of the checkpoint these count: its size, the time of its last change, and 4 KiB at its beginning,
// at its end and at 62 places between. Reading all of it would take as long as packing it. keys: of WeightStore, what
// is made.
std::string cache_key(const Checkpoint& checkpoint, std::span<const std::string> keys);

// One file in use: weights by the names that WeightStore gives them.
class CachedWeights {
 public:
  // Null when there is no such file, or none that is whole and of this version; such a file is removed.
  static std::shared_ptr<const CachedWeights> open(const std::filesystem::path& directory, const std::string& key);

  // Aligned to 64 bytes; null when the file does not hold `bytes` bytes under that name.
  const std::byte* find(const std::string& name, std::int64_t bytes) const;
  MappedRange mapped_range() const { return file_->mapped_range(); }
  const std::string& path() const { return file_->path(); }
  // Whether all data has the checksum that it was written with. Reads everything.
  bool is_sound() const;

 private:
  struct Part {
    std::int64_t offset = 0, bytes = 0;
    std::uint64_t checksum = 0;
  };
  friend std::shared_ptr<const CachedWeights> open_cached(const std::filesystem::path& path);
  std::shared_ptr<const MappedFile> file_;
  std::map<std::string, Part, std::less<>> parts_;
};

struct CachedPart {
  std::string name = {};
  const std::byte* data = nullptr;
  std::int64_t bytes = 0;
};

// Writes a file and then removes the longest unused ones until the directory is within its limit. False when `parts`
// alone are beyond the limit, or leave too little of the disk free: nothing is written then. Errors are those of
// OutputFile.
bool write_cached(const WeightCacheOptions& options, const std::string& key, const std::string& source,
                  std::span<const CachedPart> parts);

// What a directory holds.
struct CacheFile {
  std::filesystem::path path = {};
  std::string source = {};  // of the checkpoint when it was written
  std::int64_t bytes = 0;
  std::int64_t used = 0;  // seconds since 1970
  bool readable = false;  // whole, and of this version
};
std::vector<CacheFile> list_cache(const std::filesystem::path& directory);
// Removes all files of the cache, unfinished ones too; returns their bytes.
std::int64_t clear_cache(const std::filesystem::path& directory);

}  // namespace ttt
