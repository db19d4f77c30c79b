#include "apps/ttt/standard_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "checkpoint/mapped_file.h"

namespace ttt::app {
namespace {

[[noreturn]] void fail_stdout() {
  // The write that failed may be long ago; another one says why.
  errno = 0;
  (void)!write(STDOUT_FILENO, "\n", 1);
  const int error = errno;
  const bool full = error == ENOSPC || error == EFBIG || error == EDQUOT;
  fail(full ? ErrorKind::kResources : ErrorKind::kIo,
       text("cannot write to stdout", error == 0 ? "" : ": ", error == 0 ? "" : std::strerror(error)));
}

std::string read_until_end(int fd, std::string_view name, std::int64_t limit, std::string_view what) {
  std::string all;
  std::array<char, 1 << 16> part{};
  for (;;) {
    const ssize_t got = read(fd, part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    require(got >= 0, ErrorKind::kIo, "cannot read from ", name, ": ", std::strerror(got < 0 ? errno : 0));
    if (got == 0) return all;
    all.append(part.data(), static_cast<std::size_t>(got));
    require(static_cast<std::int64_t>(all.size()) <= limit, ErrorKind::kBadData, name, ": ", what, " wanted at most ",
            limit, " bytes, got more");
  }
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

void hold_standard_files() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    // Reading a closed stdin and writing to a closed stdout go on to fail; what goes to a closed stderr is lost.
    const int held = open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_WRONLY);
    if (held > fd) close(held);
  }
}

void write_stdout(std::string_view s) {
  if (std::fwrite(s.data(), 1, s.size(), stdout) != s.size()) fail_stdout();
}

void finish_stdout() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) fail_stdout();
}

std::string read_input(const std::string& name, std::int64_t limit, std::string_view what) {
  if (name == "-") return read_until_end(STDIN_FILENO, "stdin", limit, what);
  std::error_code unknown;
  const auto type = std::filesystem::status(name, unknown).type();
  // read_small_file says what is wrong with anything else, and opens no device that has an effect when it is opened.
  if (type != std::filesystem::file_type::fifo && type != std::filesystem::file_type::character) {
    return read_small_file(name, limit, what);
  }
  const Descriptor file(open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  require(file.get() >= 0, ErrorKind::kIo, name, ": cannot open: ", std::strerror(errno));
  return read_until_end(file.get(), name, limit, what);
}

bool read_stdin_line(std::string& line) {
  finish_stdout();
  char* text = nullptr;
  std::size_t room = 0;
  errno = 0;
  const ssize_t length = getline(&text, &room, stdin);
  const std::unique_ptr<char, decltype(&std::free)> owner(text, &std::free);
  require(length >= 0 || std::feof(stdin) != 0, ErrorKind::kIo, "cannot read from stdin: ", std::strerror(errno));
  if (length < 0) return false;
  line.assign(text, static_cast<std::size_t>(length));
  if (line.ends_with('\n')) line.pop_back();
  return true;
}

}  // namespace ttt::app
