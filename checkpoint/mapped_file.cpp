#include "checkpoint/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/error.h"
#include "checkpoint/printable.h"

namespace ttt {
namespace {

// Of a link that leads nowhere the system says "no such file", and the user sees one.
std::string cannot_open(const std::string& path, int code) {
  std::error_code none;
  const bool link = code == ENOENT && std::filesystem::is_symlink(path, none);
  const std::string target = link ? std::filesystem::read_symlink(path, none).string() : std::string();
  return text(
      path, ": cannot open: ",
      link ? text("is a link to ", printable(target), ", which is missing") : std::generic_category().message(code));
}

std::string system_reason(int code) { return std::generic_category().message(code); }

class OpenedFile {
 public:
  // O_NONBLOCK: a FIFO without a writer must not hold the open.
  explicit OpenedFile(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (fd_ < 0) fail(ErrorKind::kIo, cannot_open(path, errno));
  }
  OpenedFile(const OpenedFile&) = delete;
  OpenedFile& operator=(const OpenedFile&) = delete;
  ~OpenedFile() { ::close(fd_); }

  std::int64_t regular_size(const std::string& path) const {
    struct stat s {};
    require(::fstat(fd_, &s) == 0, ErrorKind::kIo, path, ": cannot inspect: ", system_reason(errno));
    require(!S_ISDIR(s.st_mode), ErrorKind::kIo, path, ": wanted a file, got a directory");
    require(S_ISREG(s.st_mode), ErrorKind::kIo, path, ": wanted a regular file, got ",
            S_ISFIFO(s.st_mode)   ? "a FIFO"
            : S_ISSOCK(s.st_mode) ? "a socket"
                                  : "a device");
    return s.st_size;
  }

  void read_all(std::byte* to, std::int64_t size, const std::string& path) const {
    constexpr std::int64_t kChunk = std::int64_t{1} << 24;
    for (std::int64_t done = 0; done < size;) {
      const auto want = static_cast<std::size_t>(std::min(kChunk, size - done));
      const ssize_t got = ::pread(fd_, to + done, want, done);
      if (got < 0 && errno == EINTR) continue;
      require(got >= 0, ErrorKind::kIo, path, ": cannot read at byte ", done, ": ", system_reason(errno));
      require(got > 0, ErrorKind::kIo, path, ": shrank to ", done, " bytes while it was read, had ", size);
      done += got;
    }
  }

  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path, FileAccess access) {
  const std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path.string();
  file->access_ = access;
  // The system would open the name up to the NUL.
  require(file->path_.find('\0') == std::string::npos, ErrorKind::kIo, printable(file->path_),
          ": name holds a NUL byte");
  const OpenedFile opened(file->path_);
  const std::int64_t size = opened.regular_size(file->path_);
  if (size == 0) return file;
  const bool copy = access == FileAccess::kCopy;
  const int protection = copy ? PROT_READ | PROT_WRITE : PROT_READ;
  const int flags = copy ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_PRIVATE;
  void* p = ::mmap(nullptr, static_cast<std::size_t>(size), protection, flags, copy ? -1 : opened.fd(), 0);
  if (p == MAP_FAILED) {
    const int code = errno;
    fail(code == ENOMEM ? ErrorKind::kResources : ErrorKind::kIo,
         text(file->path_, ": cannot ", copy ? "find memory for a copy of " : "map ", human_bytes(size), ": ",
              system_reason(code)));
  }
  file->data_ = static_cast<std::byte*>(p);
  file->size_ = size;
  if (copy) {
    opened.read_all(file->data_, size, file->path_);
    ::mprotect(p, static_cast<std::size_t>(size), PROT_READ);
  }
  return file;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, static_cast<std::size_t>(size_));
}

MappedRange MappedFile::mapped_range() const {
  if (access_ == FileAccess::kCopy || data_ == nullptr) return {nullptr, 0, path_};
  return {data_, size_, path_};
}

void MappedFile::release(const std::byte* begin, std::int64_t count) const {
  // Of a copy these would be the only bytes there are.
  if (access_ == FileAccess::kCopy || data_ == nullptr) return;
  const std::int64_t page = ::sysconf(_SC_PAGESIZE);
  const std::int64_t first = (begin - data_ + page - 1) / page * page, last = (begin - data_ + count) / page * page;
  if (begin < data_ || begin - data_ + count > size_ || last <= first) return;
  ::madvise(data_ + first, static_cast<std::size_t>(last - first), MADV_DONTNEED);
}

std::string read_small_file(const std::filesystem::path& path, std::int64_t limit, std::string_view what) {
  const std::string name = path.string();
  require(name.find('\0') == std::string::npos, ErrorKind::kIo, printable(name), ": name holds a NUL byte");
  const OpenedFile opened(name);
  const std::int64_t size = opened.regular_size(name);
  require(size <= limit, ErrorKind::kBadData, name, ": ", what, " wanted at most ", human_bytes(limit), ", got ",
          human_bytes(size));
  std::string s(static_cast<std::size_t>(size), '\0');
  opened.read_all(reinterpret_cast<std::byte*>(s.data()), size, name);
  return s;
}

}  // namespace ttt
