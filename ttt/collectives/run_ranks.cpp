#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "collectives/threads.h"

namespace ttt {

void run_ranks(std::int64_t ranks, const std::function<void(std::int64_t, Communicator&)>& fn,
               std::chrono::milliseconds timeout) {
  ThreadsGroup group(ranks, timeout);
  std::mutex mutex;
  std::exception_ptr first;
  const auto failed = [&](const Error& error) {
    const std::lock_guard lock(mutex);
    if (!first) first = std::current_exception();
    group.fail(error);
  };
  const auto run = [&](std::int64_t rank) {
    try {
      fn(rank, group.rank(rank));
      group.leave(rank);
    } catch (const Error& e) {
      failed(e);
    } catch (const std::exception& e) {
      failed(Error(ErrorKind::kPeerLost, text("rank ", rank, ": ", e.what())));
    }
  };
  std::vector<std::jthread> threads;
  for (std::int64_t r = 0; r < ranks; ++r) threads.emplace_back(run, r);
  threads.clear();
  if (first) std::rethrow_exception(first);
}

}  // namespace ttt
