#pragma once

#include "collectives/communicator.h"

namespace ttt {

// One rank: every collective is the identity, from the input to the output span; they may be the same memory.
// Error{kInternal} naming the collective when spans and counts disagree.
class SelfCommunicator final : public Communicator {
 public:
  std::int64_t rank() const override { return 0; }
  std::int64_t ranks() const override { return 1; }

  void all_reduce(std::span<float> x) override;
  void all_gather(std::span<const std::byte> mine, std::span<const std::int64_t> counts,
                  std::span<std::byte> all) override;
  void reduce_scatter(std::span<const float> x, std::span<const std::int64_t> counts, std::span<float> mine) override;
  void broadcast(std::span<std::byte> x, std::int64_t root) override;
  void all_to_all(std::span<const std::byte> send, std::span<const std::int64_t> send_counts,
                  std::span<std::byte> receive, std::span<const std::int64_t> receive_counts) override;
  void barrier() override {}
  std::unique_ptr<Communicator> split(std::string_view, std::int64_t, std::int64_t) override {
    return std::make_unique<SelfCommunicator>();
  }
};

// The one-rank communicator for whoever has no other. It has no state: any number of threads may use it.
Communicator& self_communicator();

}  // namespace ttt
