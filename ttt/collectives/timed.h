#pragma once

#include <chrono>
#include <memory>

#include "collectives/communicator.h"

namespace ttt {

// Another communicator, with the time that its collectives take. Most of that is the wait for the slowest rank, so
// ranks that differ in it are not equally fast, or not equally busy. Parts that are split off are not timed. One thread
// uses it.
class TimedCommunicator final : public Communicator {
 public:
  // `timed` must outlive this.
  explicit TimedCommunicator(Communicator& timed) : timed_(timed) {}

  // In all collectives so far.
  double seconds() const { return seconds_; }

  std::int64_t rank() const override { return timed_.rank(); }
  std::int64_t ranks() const override { return timed_.ranks(); }
  void all_reduce(std::span<float> x) override;
  void all_gather(std::span<const std::byte> mine, std::span<const std::int64_t> counts,
                  std::span<std::byte> all) override;
  void reduce_scatter(std::span<const float> x, std::span<const std::int64_t> counts, std::span<float> mine) override;
  void broadcast(std::span<std::byte> x, std::int64_t root) override;
  void all_to_all(std::span<const std::byte> send, std::span<const std::int64_t> send_counts,
                  std::span<std::byte> receive, std::span<const std::int64_t> receive_counts) override;
  void barrier() override;
  std::unique_ptr<Communicator> split(std::string_view name, std::int64_t colour, std::int64_t key) override;

 private:
  template <class Collective>
  void time(const Collective& collective) {
    const auto begin = std::chrono::steady_clock::now();
    collective();
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  Communicator& timed_;
  double seconds_ = 0;
};

}  // namespace ttt
