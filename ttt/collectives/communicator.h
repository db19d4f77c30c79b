#pragma once

#include <cstdint>
#include <span>

#include "base/tensor.h"

namespace ttt {

// A group of ranks that run the same model. Collectives are called by all ranks in the same order. With one rank they
// are the identity. Every rank receives bitwise the same result. Failures are Error{kPeerLost} naming the collective.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual std::int64_t rank() const = 0;
  virtual std::int64_t ranks() const = 0;

  // x[i] = sum over ranks of x[i], in rank order.
  virtual void all_reduce(std::span<float> x) = 0;
  // Every rank gives `mine`, all receive the parts in rank order; parts may differ in size. all.size() = sum of
  // counts, counts[rank()] = mine.size(), counts equal on all ranks.
  virtual void all_gather(std::span<const std::byte> mine, std::span<const std::int64_t> counts,
                          std::span<std::byte> all) = 0;
  // mine = this rank's part of the sum over ranks of x; parts by `counts`, in rank order.
  virtual void reduce_scatter(std::span<const float> x, std::span<const std::int64_t> counts, std::span<float> mine) = 0;
  virtual void broadcast(std::span<std::byte> x, std::int64_t root) = 0;
  // Part r of `send` (send_counts[r] bytes) goes to rank r; parts arrive in rank order.
  virtual void all_to_all(std::span<const std::byte> send, std::span<const std::int64_t> send_counts,
                          std::span<std::byte> receive, std::span<const std::int64_t> receive_counts) = 0;
  virtual void barrier() = 0;
};

}  // namespace ttt
