#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "base/error.h"

namespace ttt {

// Arithmetic on sizes that come from outside. Every function throws Error{kBadData} that names `what`
// instead of wrapping; sizes are never negative.

inline std::int64_t checked_add(std::int64_t a, std::int64_t b, std::string_view what) {
  std::int64_t r = 0;
  require(a >= 0 && b >= 0 && !__builtin_add_overflow(a, b, &r), ErrorKind::kBadData, what, ": size overflows: ", a,
          " + ", b);
  return r;
}

inline std::int64_t checked_mul(std::int64_t a, std::int64_t b, std::string_view what) {
  std::int64_t r = 0;
  require(a >= 0 && b >= 0 && !__builtin_mul_overflow(a, b, &r), ErrorKind::kBadData, what, ": size overflows: ", a,
          " x ", b);
  return r;
}

inline std::int64_t checked_product(std::initializer_list<std::int64_t> factors, std::string_view what) {
  std::int64_t r = 1;
  for (const std::int64_t f : factors) r = checked_mul(r, f, what);
  return r;
}

// The least multiple of `unit` (> 0) that is not below `n`.
inline std::int64_t checked_round_up(std::int64_t n, std::int64_t unit, std::string_view what) {
  require(unit > 0, ErrorKind::kBadData, what, ": alignment wanted a positive number, got ", unit);
  return checked_add(n, unit - 1, what) / unit * unit;
}

// A 64-bit count of a file as a size; counts beyond 2^63 are refused.
inline std::int64_t checked_size(std::uint64_t n, std::string_view what) {
  require(n <= static_cast<std::uint64_t>(INT64_MAX), ErrorKind::kBadData, what, ": size wanted at most 2^63 - 1, got ",
          n);
  return static_cast<std::int64_t>(n);
}

inline std::int64_t div_up(std::int64_t n, std::int64_t unit) { return (n + unit - 1) / unit; }

}  // namespace ttt
