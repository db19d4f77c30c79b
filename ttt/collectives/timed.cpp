#include "collectives/timed.h"

namespace ttt {

void TimedCommunicator::all_reduce(std::span<float> x) {
  time([&] { timed_.all_reduce(x); });
}

void TimedCommunicator::all_gather(std::span<const std::byte> mine, std::span<const std::int64_t> counts,
                                   std::span<std::byte> all) {
  time([&] { timed_.all_gather(mine, counts, all); });
}

void TimedCommunicator::reduce_scatter(std::span<const float> x, std::span<const std::int64_t> counts,
                                       std::span<float> mine) {
  time([&] { timed_.reduce_scatter(x, counts, mine); });
}

void TimedCommunicator::broadcast(std::span<std::byte> x, std::int64_t root) {
  time([&] { timed_.broadcast(x, root); });
}

void TimedCommunicator::all_to_all(std::span<const std::byte> send, std::span<const std::int64_t> send_counts,
                                   std::span<std::byte> receive, std::span<const std::int64_t> receive_counts) {
  time([&] { timed_.all_to_all(send, send_counts, receive, receive_counts); });
}

void TimedCommunicator::barrier() {
  time([&] { timed_.barrier(); });
}

std::unique_ptr<Communicator> TimedCommunicator::split(std::string_view name, std::int64_t colour, std::int64_t key) {
  return timed_.split(name, colour, key);
}

}  // namespace ttt
