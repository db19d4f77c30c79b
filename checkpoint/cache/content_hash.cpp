#include "checkpoint/cache/content_hash.h"

#include <array>
#include <cstring>

namespace ttt {
namespace {

__extension__ using Wide = unsigned __int128;

// Both halves of the product, as wyhash takes them.
std::uint64_t mixed(std::uint64_t x, std::uint64_t y) {
  const Wide product = Wide{x} * y;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t word_at(const std::byte* p) {
  std::uint64_t w;
  std::memcpy(&w, p, sizeof w);
  return w;
}

}  // namespace

void ContentHash::add(std::span<const std::byte> bytes) {
  constexpr std::uint64_t kA = 0xA0761D6478BD642Fu, kB = 0xE7037ED1A0B428DBu, kC = 0x8EBC6AF09C88C6E3u;
  std::uint64_t a = a_, b = b_;
  const std::byte* p = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 16; left -= 16, p += 16) {
    const std::uint64_t x = word_at(p), y = word_at(p + 8);
    a = mixed(a ^ x ^ kA, y ^ kB) + b;
    b = mixed(b ^ y ^ kC, x ^ kA) ^ a;
  }
  std::array<std::byte, 16> last{};
  if (left > 0) std::memcpy(last.data(), p, left);
  a = mixed(a ^ word_at(last.data()) ^ kB, word_at(last.data() + 8) ^ bytes.size() ^ kC) + b;
  b = mixed(b ^ bytes.size() ^ kA, a ^ kB) ^ a;
  a_ = a;
  b_ = b;
}

void ContentHash::add(std::string_view s) { add(std::as_bytes(std::span(s.data(), s.size()))); }

void ContentHash::add(std::int64_t n) { add(std::as_bytes(std::span(&n, 1))); }

std::string ContentHash::hex() const {
  std::string s;
  for (const std::uint64_t word : {b_, a_}) {
    for (int shift = 60; shift >= 0; shift -= 4) s.push_back("0123456789abcdef"[(word >> shift) & 15u]);
  }
  return s;
}

}  // namespace ttt
