#include "apps/ttt/npy_ids.h"

#include <algorithm>
#include <bit>
#include <charconv>
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

// The parts of a file of any array.
struct NpyParts {
  std::string_view header, type, shape, data;
};

NpyParts parts_of(std::string_view bytes, const std::string& where) {
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
  return {header, type, shape, data};
}

}  // namespace

std::vector<std::int32_t> parse_npy_ids(std::string_view bytes, const std::string& where) {
  const auto [header, type, shape, data] = parts_of(bytes, where);
  const bool wide = type == "'<i8'";
  require(wide || type == "'<i4'", ErrorKind::kBadData, where, ": ids wanted int32, got ", printable(type));
  const std::size_t width = wide ? 8 : 4;
  const std::string wanted = text("(", data.size() / width, ",)");
  require(data.size() % width == 0 && shape == wanted, ErrorKind::kBadData, where, ": shape ", printable(shape),
          " does not fit the ", data.size(), " bytes of data; ids wanted one dimension");
  return wide ? ids_from<std::int64_t>(data, where) : ids_from<std::int32_t>(data, where);
}

NpyFloats parse_npy_floats(std::string_view bytes, const std::string& where) {
  const NpyParts parts = parts_of(bytes, where);
  require(parts.type == "'<f4'", ErrorKind::kBadData, where, ": values wanted float32, got ", printable(parts.type));
  require(field(parts.header, "'fortran_order'", where) == "False", ErrorKind::kBadData, where,
          ": the array wanted rows last (C order)");
  NpyFloats array;
  std::int64_t elements = 1;
  constexpr std::int64_t kMost = std::int64_t{1} << 32;
  const std::string_view s = parts.shape;
  for (std::size_t i = 0; i < s.size();) {
    std::int64_t extent = 0;
    const auto r = std::from_chars(s.data() + i, s.data() + s.size(), extent);
    if (r.ec != std::errc{}) {
      require(s[i] == '(' || s[i] == ')' || s[i] == ',' || s[i] == ' ', ErrorKind::kBadData, where, ": shape ",
              printable(s), " is not one");
      ++i;
      continue;
    }
    require(extent >= 0 && extent <= kMost && (extent == 0 || elements <= kMost / extent) && array.shape.size() < 4,
            ErrorKind::kBadData, where, ": shape ", printable(s), " is not one of at most 4 extents");
    array.shape.push_back(extent);
    elements *= extent;
    i = static_cast<std::size_t>(r.ptr - s.data());
  }
  require(parts.data.size() == static_cast<std::size_t>(elements) * sizeof(float), ErrorKind::kBadData, where,
          ": shape ", printable(s), " does not fit the ", parts.data.size(), " bytes of data");
  array.values.resize(static_cast<std::size_t>(elements));
  if (elements > 0) std::memcpy(array.values.data(), parts.data.data(), parts.data.size());
  return array;
}

}  // namespace ttt::app
