#include "collectives/messages.h"

#include <algorithm>
#include <utility>

#include "base/enum_names.h"
#include "base/error.h"
#include "base/partition.h"

namespace ttt {
namespace {

// Up to here every rank sends everything to all and sums by itself: one exchange instead of two.
constexpr std::size_t kDirectFloats = 8192;

std::span<const std::byte> bytes_of(std::span<const float> x) { return std::as_bytes(x); }

}  // namespace

std::string_view name_of(Collective kind) {
  constexpr EnumNames<kCollectives> kNames{"all_reduce", "all_gather", "reduce_scatter", "broadcast",
                                           "all_to_all", "barrier",    "split"};
  return name_in(kNames, kind);
}

std::string call_name(std::string_view group, Collective kind) {
  return group.empty() ? std::string(name_of(kind)) : text("[", group, "] ", name_of(kind));
}

std::string part_name(std::string_view whole, std::string_view name, std::int64_t colour) {
  return text(whole, whole.empty() ? "" : ", ", name, " ", colour);
}

void MessageCommunicator::check_counts(Collective kind, std::span<const std::int64_t> counts, std::int64_t mine,
                                       std::size_t all) const {
  const bool whole = static_cast<std::int64_t>(counts.size()) == ranks_ &&
                     std::ranges::all_of(counts, [](std::int64_t c) { return c >= 0; }) &&
                     sum_of(counts) == static_cast<std::int64_t>(all);
  require(whole && (mine < 0 || counts[static_cast<std::size_t>(rank_)] == mine), ErrorKind::kInternal,
          call_name(messages_.group(), kind), ": wanted ", ranks_, " counts that add up to the spans, got ",
          counts.size(), " of ", sum_of(counts), " for ", all, ", this rank's for ", mine);
}

// y[i] = the sum of the i-th values of all parts, in rank order.
void MessageCommunicator::sum_parts(std::span<float> y) const {
  const std::size_t n = y.size();
  std::copy_n(parts_.begin(), n, y.begin());
  for (std::size_t r = 1; r < static_cast<std::size_t>(ranks_); ++r) {
    const float* add = parts_.data() + r * n;
    for (std::size_t i = 0; i < n; ++i) y[i] += add[i];
  }
}

// mine = this rank's part of the sum over ranks of x, in rank order.
void MessageCommunicator::reduce_part(std::span<const float> x, std::int64_t first,
                                      std::span<const std::int64_t> counts, std::span<float> mine) {
  const std::size_t n = mine.size();
  parts_.resize(n * static_cast<std::size_t>(ranks_));
  const auto part = [&](std::int64_t r) { return std::span(parts_).subspan(static_cast<std::size_t>(r) * n, n); };
  each_peer([&](std::int64_t r) { messages_.receive(r, std::as_writable_bytes(part(r))); });
  each_peer([&](std::int64_t r) {
    const std::int64_t begin = sum_of(counts.first(static_cast<std::size_t>(r)));
    messages_.send(r, bytes_of(x.subspan(static_cast<std::size_t>(begin),
                                         static_cast<std::size_t>(counts[static_cast<std::size_t>(r)]))));
  });
  std::ranges::copy(x.subspan(static_cast<std::size_t>(first), n), part(rank_).begin());
  messages_.finish();
  sum_parts(mine);
}

void MessageCommunicator::all_reduce(std::span<float> x) {
  messages_.begin(Collective::kAllReduce);
  const std::size_t n = x.size(), ranks = static_cast<std::size_t>(ranks_);
  if (n <= kDirectFloats) {
    parts_.resize(n * ranks);
    const auto part = [&](std::int64_t r) { return std::span(parts_).subspan(static_cast<std::size_t>(r) * n, n); };
    each_peer([&](std::int64_t r) { messages_.receive(r, std::as_writable_bytes(part(r))); });
    std::ranges::copy(x, part(rank_).begin());
    each_peer([&](std::int64_t r) { messages_.send(r, bytes_of(x)); });
    messages_.finish();
    return sum_parts(x);
  }
  std::vector<std::int64_t> counts(ranks);
  const auto first = [&](std::size_t r) { return n * r / ranks; };
  for (std::size_t r = 0; r < ranks; ++r) counts[r] = static_cast<std::int64_t>(first(r + 1) - first(r));
  const auto part = [&](std::int64_t r) {
    const auto i = static_cast<std::size_t>(r);
    return x.subspan(first(i), first(i + 1) - first(i));
  };
  reduce_part(x, static_cast<std::int64_t>(first(static_cast<std::size_t>(rank_))), counts, part(rank_));
  each_peer([&](std::int64_t r) { messages_.receive(r, std::as_writable_bytes(part(r))); });
  each_peer([&](std::int64_t r) { messages_.send(r, bytes_of(part(rank_))); });
  messages_.finish();
}

void MessageCommunicator::all_gather(std::span<const std::byte> mine, std::span<const std::int64_t> counts,
                                     std::span<std::byte> all) {
  messages_.begin(Collective::kAllGather);
  check_counts(Collective::kAllGather, counts, static_cast<std::int64_t>(mine.size()), all.size());
  const auto part = [&](std::int64_t r) {
    const auto i = static_cast<std::size_t>(r);
    return all.subspan(static_cast<std::size_t>(sum_of(counts.first(i))), static_cast<std::size_t>(counts[i]));
  };
  each_peer([&](std::int64_t r) { messages_.receive(r, part(r)); });
  each_peer([&](std::int64_t r) { messages_.send(r, mine); });
  std::ranges::copy(mine, part(rank_).begin());
  messages_.finish();
}

void MessageCommunicator::reduce_scatter(std::span<const float> x, std::span<const std::int64_t> counts,
                                         std::span<float> mine) {
  messages_.begin(Collective::kReduceScatter);
  check_counts(Collective::kReduceScatter, counts, static_cast<std::int64_t>(mine.size()), x.size());
  reduce_part(x, sum_of(counts.first(static_cast<std::size_t>(rank_))), counts, mine);
}

void MessageCommunicator::broadcast(std::span<std::byte> x, std::int64_t root) {
  messages_.begin(Collective::kBroadcast);
  require(root >= 0 && root < ranks_, ErrorKind::kInternal, call_name(messages_.group(), Collective::kBroadcast),
          ": wanted a root below ", ranks_, ", got ", root);
  if (rank_ == root) {
    each_peer([&](std::int64_t r) { messages_.send(r, x); });
  } else {
    messages_.receive(root, x);
  }
  messages_.finish();
}

void MessageCommunicator::all_to_all(std::span<const std::byte> data, std::span<const std::int64_t> send_counts,
                                     std::span<std::byte> to, std::span<const std::int64_t> receive_counts) {
  messages_.begin(Collective::kAllToAll);
  check_counts(Collective::kAllToAll, send_counts, -1, data.size());
  check_counts(Collective::kAllToAll, receive_counts, -1, to.size());
  const auto place = [](std::span<const std::int64_t> counts, std::int64_t r) {
    const auto i = static_cast<std::size_t>(r);
    return std::pair(static_cast<std::size_t>(sum_of(counts.first(i))), static_cast<std::size_t>(counts[i]));
  };
  const auto sent = [&](std::int64_t r) {
    const auto [begin, count] = place(send_counts, r);
    return data.subspan(begin, count);
  };
  const auto received = [&](std::int64_t r) {
    const auto [begin, count] = place(receive_counts, r);
    return to.subspan(begin, count);
  };
  require(sent(rank_).size() == received(rank_).size(), ErrorKind::kInternal,
          call_name(messages_.group(), Collective::kAllToAll), ": rank ", rank_, " sends ", sent(rank_).size(),
          " bytes to itself and expects ", received(rank_).size());
  each_peer([&](std::int64_t r) { messages_.receive(r, received(r)); });
  each_peer([&](std::int64_t r) { messages_.send(r, sent(r)); });
  std::ranges::copy(sent(rank_), received(rank_).begin());
  messages_.finish();
}

void MessageCommunicator::barrier() {
  messages_.begin(Collective::kBarrier);
  each_peer([&](std::int64_t r) { messages_.receive(r, {}); });
  each_peer([&](std::int64_t r) { messages_.send(r, {}); });
  messages_.finish();
}

std::unique_ptr<Communicator> MessageCommunicator::split(std::string_view name, std::int64_t colour, std::int64_t key) {
  struct Wish {
    std::int64_t colour = 0, key = 0;
  };
  const auto at = [](std::int64_t r) { return static_cast<std::size_t>(r); };
  std::vector<Wish> wishes(at(ranks_));
  wishes[at(rank_)] = {colour, key};
  messages_.begin(Collective::kSplit);
  const auto bytes = [&](std::int64_t r) { return std::as_writable_bytes(std::span(&wishes[at(r)], 1)); };
  each_peer([&](std::int64_t r) { messages_.receive(r, bytes(r)); });
  each_peer([&](std::int64_t r) { messages_.send(r, bytes(rank_)); });
  messages_.finish();
  std::vector<std::int64_t> members;
  for (std::int64_t r = 0; r < ranks_; ++r) {
    if (wishes[at(r)].colour == colour) members.push_back(r);
  }
  const std::int64_t part = members.front();  // one of it, so different parts have different numbers
  std::ranges::stable_sort(members, {}, [&](std::int64_t r) { return wishes[at(r)].key; });
  const std::int64_t rank = std::ranges::find(members, rank_) - members.begin();
  return std::make_unique<MessageCommunicator>(messages_.divide(part_name(messages_.group(), name, colour), part, rank),
                                               rank, static_cast<std::int64_t>(members.size()));
}

}  // namespace ttt
