#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/error.h"
#include "collectives/communicator.h"

namespace ttt {

// Ranks as threads of one process: rank(i) is used by one thread. Sums are taken in rank order, so results are bitwise
// the same on all ranks and from run to run. Output spans must not overlap inputs.
//
// Once a collective has failed the group is dead: every call, on every rank, throws the same Error.
//   Error{kPeerLost}  "all_reduce: rank 2 did not arrive within 5000 ms (call 17)", or a rank has left
//   Error{kInternal}  "collectives differ (call 17): rank 0 called all_reduce(64), rank 1 called barrier()";
//                     sizes and counts are compared too; or spans and counts of one rank disagree
//   the Error given to fail()
// When a group or a part split from it fails, the others fail too; messages of a part begin with "[row 1] ".
class ThreadsGroup {
 public:
  static constexpr std::chrono::milliseconds kTimeout{60000};

  // Error{kUsage} unless ranks >= 1 and timeout > 0. The timeout is for one rank waiting for the others.
  explicit ThreadsGroup(std::int64_t ranks, std::chrono::milliseconds timeout = kTimeout);
  ~ThreadsGroup();
  ThreadsGroup(const ThreadsGroup&) = delete;
  ThreadsGroup& operator=(const ThreadsGroup&) = delete;

  std::int64_t ranks() const;
  Communicator& rank(std::int64_t i);

  // Kills the group with this error, unless it is dead already. Ranks that wait are released.
  void fail(const Error& error);
  // Tells the others that this rank will make no more calls: a collective without it fails at once.
  void leave(std::int64_t rank);
  // What killed the group.
  std::optional<Error> failure() const;

 private:
  struct Job;
  struct Shared;
  class Rank;
  std::unique_ptr<Shared> shared_;
};

// Runs fn(rank, communicator) on `ranks` new threads and returns when all have ended. When one throws a std::exception,
// the others are released from their collectives with the same Error, and the first exception is thrown here.
void run_ranks(std::int64_t ranks, const std::function<void(std::int64_t, Communicator&)>& fn,
               std::chrono::milliseconds timeout = ThreadsGroup::kTimeout);

}  // namespace ttt
