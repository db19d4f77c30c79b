#include "apps/ttt/npy.h"

#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "apps/ttt/signals.h"
#include "apps/ttt/standard_files.h"
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

template <class T>
std::vector<std::int32_t> ids_from(std::string_view data, const std::string& where) {
  std::vector<std::int32_t> ids(data.size() / sizeof(T));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    T v;
    std::memcpy(&v, data.data() + i * sizeof(T), sizeof v);
    require(v >= INT32_MIN && v <= INT32_MAX, ErrorKind::kBadData, where, ": token id out of range: ", v);
    ids[i] = static_cast<std::int32_t>(v);
  }
  return ids;
}

// The text between `key` and the next comma that is not in brackets.
std::string_view field(std::string_view header, std::string_view key, const std::string& where) {
  const std::size_t at = header.find(key);
  require(at != std::string_view::npos, ErrorKind::kBadData, where, ": .npy header lacks ", key);
  std::string_view v = header.substr(at + key.size());
  v.remove_prefix(std::min(v.size(), v.find_first_not_of(": ")));
  const std::size_t end = v.starts_with('(') ? v.find(')') + 1 : v.find(',');
  return v.substr(0, end);
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

std::vector<std::int32_t> read_npy_ids(const std::filesystem::path& path) {
  static_assert(std::endian::native == std::endian::little);
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  const std::string where = path.string(), all = read_input(path.string(), kMost, "token ids");
  const std::string_view bytes = all;
  require(bytes.size() >= 10 && bytes.starts_with(kMagic.substr(0, 6)), ErrorKind::kBadData, where, ": no .npy file");
  const int version = static_cast<unsigned char>(bytes[6]);
  require(version >= 1 && version <= 3, ErrorKind::kUnsupported, where, ": .npy version wanted 1 to 3, got ", version);
  const bool long_header = version >= 2;
  const std::size_t before = long_header ? 12 : 10;
  std::uint32_t length = 0;
  require(bytes.size() >= before, ErrorKind::kBadData, where, ": .npy header is cut off");
  std::memcpy(&length, bytes.data() + 8, long_header ? 4 : 2);
  require(length <= bytes.size() - before, ErrorKind::kBadData, where, ": .npy header is cut off");
  const std::string_view header = bytes.substr(before, length), data = bytes.substr(before + length);
  const std::string_view type = field(header, "'descr'", where), shape = field(header, "'shape'", where);
  const bool wide = type == "'<i8'";
  require(wide || type == "'<i4'", ErrorKind::kBadData, where, ": ids wanted int32, got ", type);
  const std::size_t width = wide ? 8 : 4;
  const std::string wanted = text("(", data.size() / width, ",)");
  require(data.size() % width == 0 && shape == wanted, ErrorKind::kBadData, where, ": shape ", shape,
          " does not fit the ", data.size(), " bytes of data; ids wanted one dimension");
  return wide ? ids_from<std::int64_t>(data, where) : ids_from<std::int32_t>(data, where);
}

}  // namespace ttt::app
