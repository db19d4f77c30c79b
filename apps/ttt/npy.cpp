#include "apps/ttt/npy.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "apps/ttt/signals.h"
#include "base/error.h"

namespace ttt::app {
namespace {

constexpr std::string_view kMagic("\x93NUMPY\x01\x00", 8);
constexpr std::size_t kAlignment = 64;

[[noreturn]] void fail_write(const std::filesystem::path& path) {
  const int error = errno;
  const bool full = error == ENOSPC || error == EFBIG || error == EDQUOT;
  fail(full ? ErrorKind::kResources : ErrorKind::kIo, text(path.string(), ": cannot write: ", std::strerror(error)));
}

}  // namespace

NpyWriter::NpyWriter(std::filesystem::path path, std::int64_t rows, std::int64_t columns) : path_(std::move(path)) {
  std::error_code none;
  const std::filesystem::file_status status = std::filesystem::status(path_, none);
  // A device or a pipe is written to, never replaced; of a link, what it names is replaced.
  const bool direct = std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
  if (!direct && std::filesystem::is_symlink(path_, none) && std::filesystem::exists(status)) {
    path_ = std::filesystem::canonical(path_, none);
  }
  temporary_ = path_;
  if (!direct) temporary_ += text(".", static_cast<std::int64_t>(getpid()), ".tmp");
  {
    const SignalsHeld held;
    errno = 0;
    file_ = std::fopen(temporary_.c_str(), "wb");
    if (file_ == nullptr) fail_write(path_);
    if (!direct) set_unfinished_file(temporary_.c_str());
  }
  std::string header = text("{'descr': '<f4', 'fortran_order': False, 'shape': (", rows, ", ", columns, "), }");
  const std::size_t before = kMagic.size() + 2;
  header.append(kAlignment - 1 - (before + header.size()) % kAlignment, ' ');
  header.push_back('\n');
  const auto length = static_cast<std::uint16_t>(header.size());
  write_bytes(kMagic.data(), kMagic.size());
  write_bytes(&length, sizeof length);
  write_bytes(header.data(), header.size());
}

NpyWriter::~NpyWriter() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  discard();
}

void NpyWriter::discard() {
  std::error_code ignored;
  set_unfinished_file(nullptr);
  if (temporary_ != path_) std::filesystem::remove(temporary_, ignored);
}

void NpyWriter::write_bytes(const void* data, std::size_t bytes) {
  errno = 0;
  if (std::fwrite(data, 1, bytes, file_) != bytes) fail_write(path_);
}

void NpyWriter::write(std::span<const float> values) { write_bytes(values.data(), values.size_bytes()); }

void NpyWriter::finish() {
  errno = 0;
  if (std::fflush(file_) != 0) fail_write(path_);
  std::FILE* file = std::exchange(file_, nullptr);
  const bool written = std::fclose(file) == 0;
  if (written && (temporary_ == path_ || std::rename(temporary_.c_str(), path_.c_str()) == 0)) {
    set_unfinished_file(nullptr);
    return;
  }
  const int error = errno;
  discard();
  errno = error;
  fail_write(path_);
}

}  // namespace ttt::app
