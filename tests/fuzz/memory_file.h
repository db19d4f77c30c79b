#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "checkpoint/mapped_file.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define TTT_FUZZ_POISON(begin, bytes) ASAN_POISON_MEMORY_REGION(begin, bytes)
#define TTT_FUZZ_UNPOISON(begin, bytes) ASAN_UNPOISON_MEMORY_REGION(begin, bytes)
#endif
#endif
#ifndef TTT_FUZZ_POISON
#define TTT_FUZZ_POISON(begin, bytes) static_cast<void>(begin)
#define TTT_FUZZ_UNPOISON(begin, bytes) static_cast<void>(begin)
#endif

namespace ttt::fuzz {

// A file that lies in memory and has a path all the same.
class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) { require(fd_ >= 0, ErrorKind::kResources, "memfd_create"); }
  explicit MemoryFile(std::string_view bytes) : MemoryFile() { assign(std::as_bytes(std::span(bytes))); }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  void assign(std::span<const std::byte> bytes) {
    const bool written = ::ftruncate(fd_, static_cast<off_t>(bytes.size())) == 0 &&
                         ::pwrite(fd_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
    require(written, ErrorKind::kResources, "cannot write a memory file");
  }
  std::filesystem::path path() const { return text("/proc/self/fd/", fd_); }

 private:
  int fd_;
};

// Such a file, mapped. Reading between its end and the end of its last page is an error that AddressSanitizer finds.
class Mapped {
 public:
  explicit Mapped(const MemoryFile& file) : file_(MappedFile::open(file.path())) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::span<const std::byte> bytes = file_->bytes();
    begin_ = bytes.data() + bytes.size();
    bytes_ = (page - bytes.size() % page) % page;
    if (bytes_ > 0) TTT_FUZZ_POISON(begin_, bytes_);
  }
  ~Mapped() {
    if (bytes_ > 0) TTT_FUZZ_UNPOISON(begin_, bytes_);
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;

  const std::shared_ptr<const MappedFile>& file() const { return file_; }

 private:
  std::shared_ptr<const MappedFile> file_;
  const std::byte* begin_ = nullptr;
  std::size_t bytes_ = 0;
};

// A directory whose files lie in memory.
class MemoryDirectory {
 public:
  MemoryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "ttt-fuzz-XXXXXX").string();
    require(::mkdtemp(name.data()) != nullptr, ErrorKind::kIo, "mkdtemp");
    path_ = name;
  }
  ~MemoryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  MemoryDirectory(const MemoryDirectory&) = delete;
  MemoryDirectory& operator=(const MemoryDirectory&) = delete;

  void add(const std::string& name, const MemoryFile& file) const {
    std::filesystem::create_symlink(file.path(), path_ / name);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace ttt::fuzz
