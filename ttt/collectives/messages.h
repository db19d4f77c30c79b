#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collectives/communicator.h"

namespace ttt {

enum class Collective : std::uint8_t {
  kAllReduce,
  kAllGather,
  kReduceScatter,
  kBroadcast,
  kAllToAll,
  kBarrier,
  kSplit
};
inline constexpr std::size_t kCollectives = 7;
std::string_view name_of(Collective kind);                       // "all_reduce", ...
std::string call_name(std::string_view group, Collective kind);  // "all_reduce", "[row 1] all_reduce"
// The name in messages of a part of the group `whole`, whose own name is empty for all ranks: "row 1", "row 1, half 0".
std::string part_name(std::string_view whole, std::string_view name, std::int64_t colour);

// Messages between the ranks of a job, sent and received in bundles that belong to one collective.
class Messages {
 public:
  virtual ~Messages() = default;
  virtual void begin(Collective kind) = 0;
  // Memory must stay as it is until finish(). Messages between two ranks arrive in the order they were sent; an empty
  // one arrives too.
  virtual void send(std::int64_t peer, std::span<const std::byte> data) = 0;
  virtual void receive(std::int64_t peer, std::span<std::byte> data) = 0;
  // Returns when everything has been sent and has arrived. Error{kPeerLost} or Error{kInternal} naming the collective.
  virtual void finish() = 0;
  // Messages within part `part` of this group, where this rank becomes `rank`. All ranks call it, each for its own
  // part, and all have just heard of one another.
  virtual std::unique_ptr<Messages> divide(const std::string& name, std::int64_t part, std::int64_t rank) = 0;
  virtual std::string_view group() const = 0;  // its name in messages; empty: all ranks
};

// Collectives over messages: every rank sums what it has received in rank order, so that results are bitwise the
// same on all ranks and from run to run.
class MessageCommunicator final : public Communicator {
 public:
  MessageCommunicator(Messages& messages, std::int64_t rank, std::int64_t ranks)
      : messages_(messages), rank_(rank), ranks_(ranks) {}
  MessageCommunicator(std::unique_ptr<Messages> messages, std::int64_t rank, std::int64_t ranks)
      : owned_(std::move(messages)), messages_(*owned_), rank_(rank), ranks_(ranks) {}

  std::int64_t rank() const override { return rank_; }
  std::int64_t ranks() const override { return ranks_; }
  void all_reduce(std::span<float> x) override;
  void all_gather(std::span<const std::byte> mine, std::span<const std::int64_t> counts,
                  std::span<std::byte> all) override;
  void reduce_scatter(std::span<const float> x, std::span<const std::int64_t> counts, std::span<float> mine) override;
  void broadcast(std::span<std::byte> x, std::int64_t root) override;
  void all_to_all(std::span<const std::byte> data, std::span<const std::int64_t> send_counts, std::span<std::byte> to,
                  std::span<const std::int64_t> receive_counts) override;
  void barrier() override;
  std::unique_ptr<Communicator> split(std::string_view name, std::int64_t colour, std::int64_t key) override;

 private:
  void check_counts(Collective kind, std::span<const std::int64_t> counts, std::int64_t mine, std::size_t all) const;
  void reduce_part(std::span<const float> x, std::int64_t first, std::span<const std::int64_t> counts,
                   std::span<float> mine);
  void sum_parts(std::span<float> y) const;

  template <class F>
  void each_peer(const F& f) const {
    // Everybody starts with another one, so that no rank is everyone's first.
    for (std::int64_t i = 1; i < ranks_; ++i) f((rank_ + i) % ranks_);
  }

  std::unique_ptr<Messages> owned_ = {};  // of a part
  Messages& messages_;
  std::int64_t rank_, ranks_;
  std::vector<float> parts_;  // [ranks, part], grown by the first large call
};

}  // namespace ttt
