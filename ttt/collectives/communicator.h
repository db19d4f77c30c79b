#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/tensor.h"

namespace ttt {

// A group of ranks that run the same model. Collectives are called by all ranks in the same order. With one rank they
// are the identity. Every rank receives bitwise the same result. Failures are Error{kPeerLost} naming the collective,
// and in a part of a group the part: "[row 1] all_reduce: rank 2 did not arrive ...".
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual std::int64_t rank() const = 0;
  virtual std::int64_t ranks() const = 0;

  // x[i] = sum over ranks of x[i], in rank order.
  virtual void all_reduce(std::span<float> x) = 0;
  // Every rank passes `mine` and receives all parts in rank order; parts may differ in size. all.size() = sum of
  // counts, counts[rank()] = mine.size(), counts equal on all ranks.
  virtual void all_gather(std::span<const std::byte> mine, std::span<const std::int64_t> counts,
                          std::span<std::byte> all) = 0;
  // mine = this rank's part of the sum over ranks of x; parts by `counts`, in rank order.
  virtual void reduce_scatter(std::span<const float> x, std::span<const std::int64_t> counts,
                              std::span<float> mine) = 0;
  virtual void broadcast(std::span<std::byte> x, std::int64_t root) = 0;
  // Part r of `send` (send_counts[r] bytes) goes to rank r; parts arrive in rank order.
  virtual void all_to_all(std::span<const std::byte> send, std::span<const std::int64_t> send_counts,
                          std::span<std::byte> receive, std::span<const std::int64_t> receive_counts) = 0;
  virtual void barrier() = 0;

  // Divides the group without changing it: ranks with the same colour form a new group, in the order of their keys
  // and, for equal keys, of their ranks here. All ranks must call it; colours and keys may be any numbers. Collectives
  // of different parts may run at the same time; a rank that belongs to several groups calls their collectives one
  // after the other, in an order that is the same on all ranks. Messages name the part by `name` and its colour, and
  // number its own ranks. This communicator, and any that it was split from, must outlive the part.
  virtual std::unique_ptr<Communicator> split(std::string_view name, std::int64_t colour, std::int64_t key) = 0;
};

}  // namespace ttt
