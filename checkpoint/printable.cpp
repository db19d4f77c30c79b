#include "checkpoint/printable.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/error.h"
#include "base/utf8.h"

namespace ttt {
namespace {

// At the begin of `s`, a character of `length` bytes. U+0080 to U+009F are terminal controls as well.
bool is_control(std::string_view s, std::size_t length) {
  const auto byte = static_cast<unsigned char>(s[0]);
  return byte < 0x20 || byte == 0x7F || (byte == 0xC2 && length == 2 && (s[1] & 0x60) == 0);
}

}  // namespace

std::string printable(std::string_view untrusted) {
  constexpr std::size_t kShown = 120;
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string s = "'";
  std::size_t i = 0;
  while (i < untrusted.size() && i < kShown) {
    const auto byte = static_cast<unsigned char>(untrusted[i]);
    const std::size_t length = utf8_length(untrusted.substr(i));
    if (length > 0 && !is_control(untrusted.substr(i), length)) {
      s.append(untrusted.substr(i, length));
      i += length;
    } else {
      s.append("\\x").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
      ++i;
    }
  }
  s.push_back('\'');
  if (i < untrusted.size()) s.append(text("... (", untrusted.size(), " bytes)"));
  return s;
}

std::string on_one_line(std::string text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = std::max<std::size_t>(utf8_length(std::string_view(text).substr(i)), 1);
    if (is_control(std::string_view(text).substr(i), length)) text.replace(i, length, length, ' ');
    i += length;
  }
  return text;
}

std::string human_bytes(std::int64_t bytes) {
  constexpr std::array<std::string_view, 6> kUnits{"kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) return text(bytes, bytes == 1 ? " byte" : " bytes");
  std::int64_t tenths = bytes / 100;  // of a kB
  std::size_t unit = 0;
  while (tenths >= 10000 && unit + 1 < kUnits.size()) {
    tenths /= 1000;
    ++unit;
  }
  return text(tenths / 10, ".", tenths % 10, " ", kUnits[unit]);
}

}  // namespace ttt
