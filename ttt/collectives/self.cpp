#include "collectives/self.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"

namespace ttt {
namespace {

void check(std::size_t from, std::size_t to, std::span<const std::int64_t> counts, std::string_view name) {
  require(counts.size() == 1 && counts[0] == static_cast<std::int64_t>(from) && from == to, ErrorKind::kInternal, name,
          ": wanted one count and spans of that size, got ", counts.size(), " counts, ", from, " in, ", to, " out");
}

template <class T>
void copy(std::span<const T> from, std::span<T> to, std::span<const std::int64_t> counts, std::string_view name) {
  check(from.size(), to.size(), counts, name);
  if (from.data() != to.data()) std::copy(from.begin(), from.end(), to.begin());
}

}  // namespace

void SelfCommunicator::all_reduce(std::span<float>) {}

void SelfCommunicator::all_gather(std::span<const std::byte> mine, std::span<const std::int64_t> counts,
                                  std::span<std::byte> all) {
  copy(mine, all, counts, "all_gather");
}

void SelfCommunicator::reduce_scatter(std::span<const float> x, std::span<const std::int64_t> counts,
                                      std::span<float> mine) {
  copy(x, mine, counts, "reduce_scatter");
}

void SelfCommunicator::broadcast(std::span<std::byte>, std::int64_t root) {
  require(root == 0, ErrorKind::kInternal, "broadcast: wanted root 0 of 1 rank, got ", root);
}

void SelfCommunicator::all_to_all(std::span<const std::byte> send, std::span<const std::int64_t> send_counts,
                                  std::span<std::byte> receive, std::span<const std::int64_t> receive_counts) {
  check(send.size(), receive.size(), send_counts, "all_to_all");
  copy(send, receive, receive_counts, "all_to_all");
}

Communicator& self_communicator() {
  static SelfCommunicator communicator;
  return communicator;
}

}  // namespace ttt
