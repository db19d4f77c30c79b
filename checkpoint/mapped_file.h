#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace ttt {

// Where a file lies in memory, so that a fault on it can be told in words: a mapped file that shrinks raises SIGBUS.
struct MappedRange {
  const std::byte* data = nullptr;
  std::int64_t bytes = 0;
  std::string file = {};
};

enum class FileAccess : std::uint8_t {
  kMap,   // read-only mapping: nothing is read before it is touched
  kCopy,  // read whole into anonymous memory: immune to later changes of the file
};

// The bytes of a regular file, read-only.
//
// Opening never blocks. Error{kIo}: cannot be opened or read (with the system's reason), is a directory, FIFO, socket
// or device. Error{kResources}: no memory for a copy.
class MappedFile {
 public:
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path,
                                                FileAccess access = FileAccess::kMap);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, static_cast<std::size_t>(size_)}; }
  std::int64_t size() const { return size_; }
  const std::string& path() const { return path_; }
  // Empty for copies, which cannot fault.
  MappedRange mapped_range() const;
  // Tells the system that these bytes are not needed for now; they stay readable. Nothing for copies.
  void release(const std::byte* begin, std::int64_t count) const;

 private:
  MappedFile() = default;
  std::byte* data_ = nullptr;
  std::int64_t size_ = 0;
  FileAccess access_ = FileAccess::kMap;
  std::string path_;
};

// A whole file as text. Error{kIo} as above; Error{kBadData} beyond `limit` bytes, naming `what` ("config.json").
std::string read_small_file(const std::filesystem::path& path, std::int64_t limit, std::string_view what);

}  // namespace ttt
