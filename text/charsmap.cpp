#include "text/charsmap.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/digits.h"
#include "base/error.h"
#include "base/utf8.h"
#include "text/graphemes.h"

namespace ttt {
namespace {

// Parts of an entry of the double array.
bool has_leaf(std::uint32_t unit) { return (unit & (1U << 8)) != 0; }
std::uint32_t label(std::uint32_t unit) { return unit & 0x800000FFU; }
std::uint32_t offset(std::uint32_t unit) { return (unit >> 10) << ((unit & (1U << 9)) != 0 ? 8 : 0); }

std::uint32_t little_endian(const char* p) {
  const auto byte = [&](std::size_t i) { return std::uint32_t{static_cast<unsigned char>(p[i])}; };
  return byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
}

}  // namespace

Charsmap Charsmap::parse(std::string_view data, std::string_view where) {
  require(data.size() >= 4, ErrorKind::kBadData, where, ": a precompiled charsmap wanted at least 4 bytes, got ",
          data.size());
  const std::uint32_t bytes = little_endian(data.data());
  data.remove_prefix(4);
  require(bytes % 4 == 0 && bytes > 0 && bytes <= data.size(), ErrorKind::kBadData, where,
          ": the trie of a precompiled charsmap wanted whole entries within ", data.size(), " bytes, got ", bytes);
  Charsmap map;
  map.trie_.reserve(bytes / 4);
  for (std::size_t i = 0; i < bytes; i += 4) map.trie_.push_back(little_endian(data.data() + i));
  map.texts_ = data.substr(bytes);
  require(is_valid_utf8(map.texts_), ErrorKind::kBadData, where,
          ": the texts of a precompiled charsmap are no valid UTF-8");
  map.index_ascii();
  return map;
}

void Charsmap::index_ascii() {
  for (std::size_t c = 0; c < ascii_.size(); ++c) {
    const char character = static_cast<char>(c);
    const auto text = replacement(std::string_view(&character, 1));
    ascii_[c] = text ? static_cast<std::int32_t>(text->data() - texts_.data()) : -1;
  }
}

std::optional<std::string_view> Charsmap::replacement(std::string_view s) const {
  std::size_t at = offset(trie_[0]);
  for (const char c : s) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) break;
    at ^= byte;
    if (at >= trie_.size() || label(trie_[at]) != byte) break;
    const std::uint32_t unit = trie_[at];
    at ^= offset(unit);
    if (!has_leaf(unit)) continue;
    if (at >= trie_.size()) break;
    const std::size_t begin = trie_[at] & 0x7FFFFFFFU;
    // Within a character: no map that was made for use.
    if (begin > texts_.size() || (begin < texts_.size() && (static_cast<unsigned char>(texts_[begin]) & 0xC0) == 0x80))
      break;
    const std::size_t end = std::min(texts_.find('\0', begin), texts_.size());
    return std::string_view(texts_).substr(begin, end - begin);
  }
  return std::nullopt;
}

std::string Charsmap::run(std::string_view s) const {
  constexpr std::size_t kLongCluster = 6;
  const auto ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  std::string out;
  out.reserve(s.size());
  const auto put = [&](std::string_view part) {
    const auto text = replacement(part);
    out += text ? *text : part;
  };
  for (std::size_t i = 0; i < s.size();) {
    // Two characters of ASCII are of two clusters, but for a line end.
    if (ascii(s[i]) && (i + 1 == s.size() || (ascii(s[i + 1]) && s[i] != '\r'))) {
      const std::int32_t text = ascii_[static_cast<std::size_t>(s[i])];
      if (text < 0) {
        out.push_back(s[i]);
      } else {
        out += std::string_view(texts_.data() + text);
      }
      ++i;
      continue;
    }
    const std::size_t end = grapheme_end(s, i);
    const std::string_view cluster = s.substr(i, end - i);
    i = end;
    if (cluster.size() < kLongCluster) {
      if (const auto text = replacement(cluster)) {
        out += *text;
        continue;
      }
    }
    for (std::size_t k = 0; k < cluster.size(); k += utf8_step(cluster[k])) {
      put(cluster.substr(k, utf8_step(cluster[k])));
    }
  }
  return out;
}

std::string decode_base64(std::string_view s, std::string_view where) {
  const auto digit = [&](char c) -> std::uint32_t {
    const int value = base64_digit(c);
    require(value >= 0, ErrorKind::kBadData, where, ": a character that is no digit of base 64");
    return static_cast<std::uint32_t>(value);
  };
  require(s.size() % 4 == 0, ErrorKind::kBadData, where, ": base 64 wanted groups of 4 characters, got ", s.size());
  std::size_t padding = 0;
  while (padding < 2 && !s.empty() && s.back() == '=') {
    s.remove_suffix(1);
    ++padding;
  }
  std::string out;
  out.reserve(s.size() / 4 * 3 + 3);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : s) {
    bits = bits << 6 | digit(c);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<char>(bits >> count & 255));
  }
  return out;
}

}  // namespace ttt
