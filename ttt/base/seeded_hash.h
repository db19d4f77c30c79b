#pragma once

#include <cstdint>
#include <cstring>
#include <random>
#include <string_view>

namespace ttt {

// A hash with a random seed, for tables of untrusted keys: the author of a file cannot choose keys that collide.
// Eight bytes for each multiplication of 64 by 64 bits, of which both halves are kept (as wyhash does).
class SeededHash {
 public:
  SeededHash() {
    std::random_device device;
    seed_ = (std::uint64_t{device()} << 32) | device();
    factor_ = (std::uint64_t{device()} << 32) | device() | 1;
  }

  std::uint64_t operator()(std::string_view s) const {
    std::uint64_t h = seed_ ^ s.size();
    while (!s.empty()) {
      std::uint64_t block = 0;
      const std::size_t n = s.size() < 8 ? s.size() : 8;
      std::memcpy(&block, s.data(), n);
      s.remove_prefix(n);
      h = mixed(h ^ block);
    }
    return mixed(h);
  }
  std::uint64_t operator()(std::uint64_t key) const { return mixed(key ^ seed_); }

 private:
  std::uint64_t mixed(std::uint64_t v) const {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(v) * factor_;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }

  std::uint64_t seed_ = 0, factor_ = 1;
};

}  // namespace ttt
