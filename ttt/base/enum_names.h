#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace ttt {

// The names of an enumeration's values, in their order, which begins at 0.
template <std::size_t kCount>
using EnumNames = std::array<std::string_view, kCount>;

// Empty beyond the last value, as fields.h expects it of name_of.
template <class E, std::size_t kCount>
constexpr std::string_view name_in(const EnumNames<kCount>& names, E value) {
  const auto i = static_cast<std::size_t>(value);
  return i < kCount ? names[i] : std::string_view();
}

template <class E, std::size_t kCount>
constexpr std::optional<E> value_in(const EnumNames<kCount>& names, std::string_view name) {
  for (std::size_t i = 0; i < kCount; ++i) {
    if (names[i] == name) return static_cast<E>(i);
  }
  return std::nullopt;
}

}  // namespace ttt
