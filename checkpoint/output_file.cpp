#include "checkpoint/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"

namespace ttt {

void fail_write(const std::filesystem::path& path, int error) {
  const bool full = error == ENOSPC || error == EFBIG || error == EDQUOT;
  fail(full ? ErrorKind::kResources : ErrorKind::kIo,
       text(path.string(), ": cannot write: ", std::generic_category().message(error)));
}

OutputFile::OutputFile(std::filesystem::path path) : path_(std::move(path)) {
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd_ < 0) fail_write(path_, errno);
}

OutputFile::~OutputFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!finished_) ::unlink(path_.c_str());
}

void OutputFile::write(const void* data, std::int64_t bytes) {
  constexpr std::int64_t kMost = std::int64_t{1} << 24;
  const char* from = static_cast<const char*>(data);
  for (std::int64_t done = 0; done < bytes;) {
    const ssize_t n = ::write(fd_, from + done, static_cast<std::size_t>(std::min(kMost, bytes - done)));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail_write(path_, n < 0 ? errno : ENOSPC);
    done += n;
    size_ += n;
  }
}

void OutputFile::pad_to(std::int64_t multiple) {
  const std::vector<char> zeros(static_cast<std::size_t>((multiple - size_ % multiple) % multiple));
  write(zeros.data(), std::ssize(zeros));
}

void OutputFile::rewrite_start(const void* data, std::int64_t bytes) {
  const ssize_t n = ::pwrite(fd_, data, static_cast<std::size_t>(bytes), 0);
  if (n != bytes) fail_write(path_, n < 0 ? errno : ENOSPC);
}

void OutputFile::finish() {
  // Some file systems allocate late, and tell of a full disk here.
  if (::fsync(fd_) != 0 && errno != EINVAL && errno != EROFS) fail_write(path_, errno);
  const int closed = ::close(std::exchange(fd_, -1));
  if (closed != 0) fail_write(path_, errno);
  finished_ = true;
}

std::filesystem::path unfinished_name(const std::filesystem::path& target) {
  static std::atomic<std::int64_t> count{0};
  std::filesystem::path name = target;
  while (!name.has_filename() && name.has_parent_path()) name = name.parent_path();  // "DIRECTORY/"
  name += text(".", static_cast<std::int64_t>(::getpid()), "-", ++count, ".tmp");
  return name;
}

void rename_finished(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) fail_write(to, errno);
}

}  // namespace ttt
