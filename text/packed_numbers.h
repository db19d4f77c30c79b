#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/digits.h"

namespace ttt {

// Reads the numbers of text/unicode_tables.h.
class PackedNumbers {
 public:
  explicit PackedNumbers(std::string_view packed) : s_(packed) {}

  std::uint32_t number() {
    std::uint32_t v = 0;
    for (unsigned shift = 0;; shift += 5) {
      const std::uint32_t digit = static_cast<std::uint32_t>(base64_digit(s_[at_++]));
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
  std::string_view s_;
  std::size_t at_ = 0;
};

// Calls each(begin, end, value) for the ranges of a table of ranges, which cover all code points.
template <class Each>
void for_each_range(std::string_view packed, const Each& each) {
  PackedNumbers u(packed);
  std::uint32_t ranges = u.number();
  std::vector<std::uint32_t> values(u.number());
  for (auto& v : values) v = u.number();
  char32_t begin = 0;
  std::uint32_t value = 0;
  for (; ranges > 0; --ranges) {
    const char32_t end = begin + u.number();
    if (end > begin) each(begin, end, value);
    begin = end;
    value = values[u.number()];
  }
  each(begin, char32_t{0x110000}, value);
}

}  // namespace ttt
