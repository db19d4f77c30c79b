#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ttt {

// 128 bits that identify contents. For files of a user, not against an adversary.
class ContentHash {
 public:
  void add(std::span<const std::byte> bytes);
  void add(std::string_view s);  // with its length: "ab", "c" is not "a", "bc"
  void add(std::int64_t n);
  std::string hex() const;  // 32 digits
  std::uint64_t low() const { return a_; }

 private:
  std::uint64_t a_ = 0x9E3779B97F4A7C15u, b_ = 0xC2B2AE3D27D4EB4Fu;
};

}  // namespace ttt
