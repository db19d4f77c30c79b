#pragma once

#include <array>
#include <cstdint>

namespace ttt {

// Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011): ten rounds of a keyed
// bijection on a 128-bit counter.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

// Random numbers that depend only on (seed, sequence, position): the key is the seed, the counter holds the
// position in its low and the sequence in its high 64 bits. There is no state, so a draw does not depend on the rest
// of a batch, and a sequence can be evicted and resumed.
class RandomStream {
 public:
  // `sequence` distinguishes the continuations of one request (0 to n - 1).
  explicit RandomStream(std::uint64_t seed, std::uint64_t sequence = 0) : seed_(seed), sequence_(sequence) {}

  // Uniform in [0, 1), a multiple of 2^-53, from the first two words at `position`.
  double uniform(std::int64_t position) const;

 private:
  std::uint64_t seed_, sequence_;
};

}  // namespace ttt
