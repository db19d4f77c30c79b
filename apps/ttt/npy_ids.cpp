#include "apps/ttt/npy_ids.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "checkpoint/printable.h"

namespace ttt::app {
namespace {

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

std::vector<std::int32_t> parse_npy_ids(std::string_view bytes, const std::string& where) {
  static_assert(std::endian::native == std::endian::little);
  require(bytes.size() >= 10 && bytes.starts_with("\x93NUMPY"), ErrorKind::kBadData, where, ": no .npy file");
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
  require(wide || type == "'<i4'", ErrorKind::kBadData, where, ": ids wanted int32, got ", printable(type));
  const std::size_t width = wide ? 8 : 4;
  const std::string wanted = text("(", data.size() / width, ",)");
  require(data.size() % width == 0 && shape == wanted, ErrorKind::kBadData, where, ": shape ", printable(shape),
          " does not fit the ", data.size(), " bytes of data; ids wanted one dimension");
  return wide ? ids_from<std::int64_t>(data, where) : ids_from<std::int32_t>(data, where);
}

}  // namespace ttt::app
