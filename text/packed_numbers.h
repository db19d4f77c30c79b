#pragma once

#include <cstdint>
#include <string_view>

namespace ttt {

// Reads the numbers of text/unicode_tables.h.
class PackedNumbers {
 public:
  explicit PackedNumbers(std::string_view packed) : s_(packed) {}

  std::uint32_t number() {
    std::uint32_t v = 0;
    for (unsigned shift = 0;; shift += 5) {
      const std::uint32_t digit = value(s_[at_++]);
      v |= (digit & 31) << shift;
      if (digit < 32) return v;
    }
  }

  // Adds a signed step to `v`.
  void step(char32_t& v) {
    const std::uint32_t n = number();
    v = (n & 1) != 0 ? v - (n + 1) / 2 : v + n / 2;
  }

 private:
  static std::uint32_t value(char c) {
    if (c >= 'A' && c <= 'Z') return static_cast<std::uint32_t>(c - 'A');
    if (c >= 'a' && c <= 'z') return static_cast<std::uint32_t>(c - 'a' + 26);
    if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0' + 52);
    return c == '+' ? 62 : 63;
  }

  std::string_view s_;
  std::size_t at_ = 0;
};

}  // namespace ttt
