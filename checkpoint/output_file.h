#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace ttt {

// Throws the error of a failed write, by errno: Error{kResources} where the disk, a quota or a limit on the size of
// files is exhausted, else Error{kIo}.
[[noreturn]] void fail_write(const std::filesystem::path& path, int error);

// A file that is written from its beginning to its end. It is removed unless finish() was called.
class OutputFile {
 public:
  // Creates `path`, which must not exist.
  explicit OutputFile(std::filesystem::path path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(const void* data, std::int64_t bytes);
  void pad_to(std::int64_t multiple);  // with zeros
  // Over the first bytes, of which there are as many.
  void rewrite_start(const void* data, std::int64_t bytes);
  std::int64_t size() const { return size_; }
  const std::filesystem::path& path() const { return path_; }
  // The bytes are on the disk when this returns.
  void finish();

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  bool finished_ = false;
  std::int64_t size_ = 0;
};

// A name beside `target` that no other process uses.
std::filesystem::path unfinished_name(const std::filesystem::path& target);

// Gives what was written its name. A file of that name is replaced; a directory only if it is empty.
void rename_finished(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace ttt
