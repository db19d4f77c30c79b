#include "checkpoint/cache/weight_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <system_error>

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/cache/content_hash.h"
#include "checkpoint/cache/layout_fingerprint.h"
#include "checkpoint/checkpoint_builder.h"
#include "checkpoint/output_file.h"

namespace ttt {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "TTTCACHE", kEnding = ".tttcache", kUnfinished = ".tmp";
constexpr std::int64_t kVersion = 1, kAlignment = 64, kHeaderBytes = 64, kMostIndexBytes = std::int64_t{256} << 20;
// Left free on the disk.
constexpr std::int64_t kReserve = std::int64_t{256} << 20;
constexpr std::int64_t kAbandoned = 24 * 3600;  // seconds after which an unfinished file is nobody's

// The first bytes of a file; data follows, then the index as JSON text.
struct Header {
  std::array<char, 8> magic = {};
  std::int64_t version = 0, file_bytes = 0, index_offset = 0, index_bytes = 0;
  std::uint64_t index_checksum = 0, header_checksum = 0;
  std::int64_t unused = 0;
};
static_assert(sizeof(Header) == kHeaderBytes);

std::uint64_t checksum(std::span<const std::byte> bytes) {
  ContentHash h;
  h.add(bytes);
  return h.low();
}

std::uint64_t checksum_of(Header h) {
  h.header_checksum = 0;
  return checksum(std::as_bytes(std::span(&h, 1)));
}

fs::path path_of(const fs::path& directory, const std::string& key) { return directory / (key + std::string(kEnding)); }

// What is wrong with a file; nothing for one that can be used.
std::string problem_of(const MappedFile& file, Header& h) {
  if (file.size() < kHeaderBytes) return "is shorter than its header";
  std::memcpy(&h, file.bytes().data(), sizeof h);
  if (std::string_view(h.magic.data(), h.magic.size()) != kMagic) return "is no file of the cache";
  if (h.version != kVersion) return text("has version ", h.version, ", wanted ", kVersion);
  if (h.header_checksum != checksum_of(h)) return "has a broken header";
  if (h.file_bytes != file.size()) return text("has ", file.size(), " bytes, wanted ", h.file_bytes);
  const bool inside = h.index_offset >= kHeaderBytes && h.index_bytes >= 0 && h.index_bytes <= kMostIndexBytes &&
                      h.index_offset <= file.size() - h.index_bytes;
  if (!inside) return "has an index outside of it";
  const auto index =
      file.bytes().subspan(static_cast<std::size_t>(h.index_offset), static_cast<std::size_t>(h.index_bytes));
  return checksum(index) == h.index_checksum ? "" : "has a broken index";
}

std::string_view index_text(const MappedFile& file, const Header& h) {
  return {reinterpret_cast<const char*>(file.bytes().data()) + h.index_offset, static_cast<std::size_t>(h.index_bytes)};
}

bool is_cache_file(const std::string& name) { return name.ends_with(kEnding); }
bool is_unfinished(const std::string& name) {
  return name.find(std::string(kEnding) + ".") != std::string::npos && name.ends_with(kUnfinished);
}

std::vector<std::string> names_or_none(const fs::path& directory) {
  std::error_code none;
  return fs::is_directory(directory, none) ? names_in(directory) : std::vector<std::string>();
}

void remove_file(const fs::path& path) {
  std::error_code ignored;
  fs::remove(path, ignored);
}

std::int64_t used_at(const fs::path& path) {
  struct stat s {};
  return ::stat(path.c_str(), &s) == 0 ? s.st_mtim.tv_sec : 0;
}

void keep_within(const WeightCacheOptions& options, const fs::path& kept) {
  struct Known {
    fs::path path;
    std::int64_t used, bytes;
  };
  std::vector<Known> all;
  std::int64_t total = 0;
  const auto now = static_cast<std::int64_t>(std::time(nullptr));
  for (const std::string& name : names_or_none(options.directory)) {
    const fs::path path = options.directory / name;
    if (is_unfinished(name) && used_at(path) < now - kAbandoned) remove_file(path);
    if (!is_cache_file(name)) continue;
    std::error_code code;
    const auto bytes = static_cast<std::int64_t>(fs::file_size(path, code));
    if (code) continue;  // removed by another process
    total += bytes;
    if (path != kept) all.push_back({path, used_at(path), bytes});
  }
  std::ranges::sort(all, {}, &Known::used);
  for (const Known& file : all) {
    if (total <= options.most_bytes) return;
    remove_file(file.path);
    total -= file.bytes;
  }
}

}  // namespace

std::string cache_key(const Checkpoint& checkpoint, std::span<const std::string> keys) {
  constexpr std::int64_t kSamples = 64, kSample = 4096;
  ContentHash h;
  h.add(kVersion);
  h.add(std::string_view(layout_fingerprint()));
  for (const auto& file : checkpoint.files()) {
    struct stat s {};
    if (::stat(file->path().c_str(), &s) == 0) {
      h.add(std::int64_t{s.st_mtim.tv_sec});
      h.add(std::int64_t{s.st_mtim.tv_nsec});
    }
    const std::span<const std::byte> bytes = file->bytes();
    const std::int64_t size = file->size(), room = std::max<std::int64_t>(size - kSample, 0);
    h.add(size);
    for (std::int64_t i = 0; i < kSamples; ++i) {
      const auto at = static_cast<std::size_t>(room / (kSamples - 1) * i + room % (kSamples - 1) * i / (kSamples - 1));
      h.add(bytes.subspan(at, static_cast<std::size_t>(std::min(kSample, size))));
    }
  }
  // It says how quantised weights are meant.
  if (const auto config = checkpoint.file("config.json")) {
    h.add(std::string_view(read_small_file(*config, kConfigLimit, "config.json")));
  }
  for (const std::string& key : keys) h.add(std::string_view(key));
  return h.hex();
}

std::shared_ptr<const CachedWeights> open_cached(const fs::path& path) {
  const auto result = std::make_shared<CachedWeights>();
  result->file_ = MappedFile::open(path);
  Header h;
  const std::string problem = problem_of(*result->file_, h);
  require(problem.empty(), ErrorKind::kBadData, path.string(), " ", problem);
  const Json index = Json::parse(index_text(*result->file_, h), path.string(), {.bytes = kMostIndexBytes});
  for (const Json& entry : index.at("parts", path.string()).as_array(path.string())) {
    const Json::Array& values = entry.as_array(path.string());
    require(values.size() == 4, ErrorKind::kBadData, path.string(), " has a broken index");
    CachedWeights::Part part{.offset = values[1].as_integer(path.string()),
                             .bytes = values[2].as_integer(path.string())};
    part.checksum = static_cast<std::uint64_t>(values[3].as_integer(path.string()));
    const bool inside = part.offset >= kHeaderBytes && part.offset % kAlignment == 0 && part.bytes >= 0 &&
                        part.offset <= h.index_offset && part.bytes <= h.index_offset - part.offset;
    require(inside, ErrorKind::kBadData, path.string(), " has a part outside of it");
    result->parts_.emplace(values[0].as_string(path.string()), part);
  }
  return result;
}

std::shared_ptr<const CachedWeights> CachedWeights::open(const fs::path& directory, const std::string& key) {
  const fs::path path = path_of(directory, key);
  std::error_code none;
  if (!fs::exists(path, none)) return nullptr;
  try {
    std::shared_ptr<const CachedWeights> found = open_cached(path);
    // Marks it as used; of no consequence where that is not permitted.
    ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);
    return found;
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::kBadData) remove_file(path);
    return nullptr;
  }
}

const std::byte* CachedWeights::find(const std::string& name, std::int64_t bytes) const {
  const auto part = parts_.find(name);
  if (part == parts_.end() || part->second.bytes != bytes) return nullptr;
  return file_->bytes().data() + part->second.offset;
}

bool CachedWeights::is_sound() const {
  return std::ranges::all_of(parts_, [&](const auto& named) {
    const Part& part = named.second;
    return checksum(file_->bytes().subspan(static_cast<std::size_t>(part.offset),
                                           static_cast<std::size_t>(part.bytes))) == part.checksum;
  });
}

bool write_cached(const WeightCacheOptions& options, const std::string& key, const std::string& source,
                  std::span<const CachedPart> parts) {
  std::int64_t total = kHeaderBytes;
  for (const CachedPart& part : parts) total += part.bytes + kAlignment;
  if (total > options.most_bytes) return false;
  std::error_code code;
  fs::create_directories(options.directory, code);
  if (code) fail_write(options.directory, code.value());
  struct statvfs disk {};
  if (::statvfs(options.directory.c_str(), &disk) == 0 &&
      static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize) < static_cast<double>(total + kReserve)) {
    return false;
  }
  const fs::path path = path_of(options.directory, key);
  const fs::path unfinished = unfinished_name(path);
  {
    // The header comes first and says last what there is: it is written over zeros.
    OutputFile file(unfinished);
    const Header nothing;
    file.write(&nothing, sizeof nothing);
    Json::Array index;
    for (const CachedPart& part : parts) {
      file.pad_to(kAlignment);
      index.emplace_back(
          Json::Array{part.name, file.size(), part.bytes,
                      static_cast<std::int64_t>(checksum({part.data, static_cast<std::size_t>(part.bytes)}))});
      file.write(part.data, part.bytes);
    }
    file.pad_to(kAlignment);
    const std::string described = Json(Json::Object{{"source", source}, {"parts", std::move(index)}}).dump();
    Header h{.version = kVersion,
             .file_bytes = file.size() + std::ssize(described),
             .index_offset = file.size(),
             .index_bytes = std::ssize(described),
             .index_checksum = checksum(std::as_bytes(std::span(described.data(), described.size())))};
    std::ranges::copy(kMagic, h.magic.begin());
    h.header_checksum = checksum_of(h);
    file.write(described.data(), std::ssize(described));
    file.rewrite_start(&h, sizeof h);
    file.finish();
  }
  rename_finished(unfinished, path);
  keep_within(options, path);
  return true;
}

std::vector<CacheFile> list_cache(const fs::path& directory) {
  std::vector<CacheFile> files;
  for (const std::string& name : names_or_none(directory)) {
    if (!is_cache_file(name)) continue;
    CacheFile file{.path = directory / name};
    file.used = used_at(file.path);
    try {
      const auto mapped = MappedFile::open(file.path);
      file.bytes = mapped->size();
      Header h;
      file.readable = problem_of(*mapped, h).empty();
      if (file.readable) {
        const Json index = Json::parse(index_text(*mapped, h), file.path.string(), {.bytes = kMostIndexBytes});
        file.source = index.at("source", file.path.string()).as_string(file.path.string());
      }
    } catch (const Error&) {
      file.readable = false;  // it may have been removed meanwhile
    }
    files.push_back(std::move(file));
  }
  return files;
}

std::int64_t clear_cache(const fs::path& directory) {
  std::int64_t bytes = 0;
  for (const std::string& name : names_or_none(directory)) {
    if (!is_cache_file(name) && !is_unfinished(name)) continue;
    std::error_code code;
    const auto size = static_cast<std::int64_t>(fs::file_size(directory / name, code));
    if (fs::remove(directory / name, code) && size > 0) bytes += size;
  }
  return bytes;
}

}  // namespace ttt
