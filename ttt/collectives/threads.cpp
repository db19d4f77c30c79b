#include "collectives/threads.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/partition.h"
#include "collectives/messages.h"

namespace ttt {
namespace {

// What one rank brings to a collective.
struct Call {
  std::string_view name;
  std::int64_t size = 0;  // elements; equal on all ranks except in all_gather and all_to_all
  std::int64_t root = 0;
  std::span<const std::int64_t> counts = {}, receive_counts = {};
  const void* data = nullptr;

  std::string to_string() const { return text(name, "(", size, root != 0 ? text(", root ", root) : "", ")"); }
};

std::int64_t offset(std::span<const std::int64_t> counts, std::int64_t rank) {
  return sum_of(counts.first(static_cast<std::size_t>(rank)));
}
std::int64_t at(std::span<const std::int64_t> counts, std::int64_t rank) {
  return counts[static_cast<std::size_t>(rank)];
}

std::string joined(std::span<const std::int64_t> counts) {
  std::string s = "[";
  for (const std::int64_t c : counts) s += text(s.size() > 1 ? ", " : "", c);
  return s + "]";
}

// What one rank brings to split(), and the group that the first rank of its part has made.
template <class Group>
struct PartOfGroup {
  std::string_view name;
  std::int64_t colour = 0, key = 0;
  std::shared_ptr<Group> made = {};
};

}  // namespace

// What a group shares with the parts that were split from it: they end together, because a rank that waits in one of
// them is missed in the others.
struct ThreadsGroup::Job {
  std::mutex mutex;
  std::optional<Error> failed;
  std::vector<char> gone;  // by rank of the whole group
  std::vector<Shared*> groups;
};

// A collective has two or three stages, each ended by all ranks meeting. Only the first meeting can fail: it checks
// what the ranks brought. Once it has passed, every rank does a bounded amount of work and comes to the others, so no
// rank can leave, and free its memory, while another still reads it.
struct ThreadsGroup::Shared {
  Shared(std::shared_ptr<Job> whole, std::string called, std::vector<std::int64_t> of_job, std::chrono::milliseconds t)
      : job(std::move(whole)),
        name(std::move(called)),
        members(std::move(of_job)),
        ranks(static_cast<std::int64_t>(members.size())),
        timeout(t),
        calls(members.size()),
        arrived(members.size()) {
    const std::lock_guard lock(job->mutex);
    job->groups.push_back(this);
  }
  ~Shared() {
    const std::lock_guard lock(job->mutex);
    std::erase(job->groups, this);
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  void enter(std::int64_t rank, const Call& call);
  void meet();
  void fail(const Error& error);
  void leave(std::int64_t rank);
  // Kills the group and throws when this rank's own arguments contradict each other.
  template <class... Parts>
  void check(bool ok, const Call& call, const Parts&... parts) {
    if (ok) return;
    fail(Error(ErrorKind::kInternal, text(where(), call.name, ": ", parts...)));
    throw_failure();
  }
  [[noreturn]] void throw_failure() {
    const std::lock_guard lock(job->mutex);
    throw Error(*job->failed);
  }
  const Call& of(std::int64_t rank) const { return calls[static_cast<std::size_t>(rank)]; }

  const std::shared_ptr<Job> job;
  const std::string name;                   // empty: the whole group
  const std::vector<std::int64_t> members;  // ranks of the whole group, by rank of this one
  const std::int64_t ranks;
  const std::chrono::milliseconds timeout;
  std::vector<Call> calls;
  std::vector<std::unique_ptr<Communicator>> communicators;  // of the whole group

  std::condition_variable changed;  // with the job's mutex
  std::vector<char> arrived;
  std::int64_t waiting = 0, count = 0;
  std::uint64_t generation = 0;

 private:
  void kill(const Error& error) {
    if (!job->failed) job->failed.emplace(error);
    for (Shared* group : job->groups) group->changed.notify_all();
  }
  std::string where() const { return name.empty() ? std::string() : text("[", name, "] "); }
  std::optional<std::string> difference() const;
  void refuse_missing(std::string_view call);
  void advance() {
    waiting = 0;
    std::fill(arrived.begin(), arrived.end(), char{0});
    ++generation;
    changed.notify_all();
  }
};

void ThreadsGroup::Shared::fail(const Error& error) {
  const std::lock_guard lock(job->mutex);
  kill(error);
}

void ThreadsGroup::Shared::leave(std::int64_t rank) {
  const std::lock_guard lock(job->mutex);
  job->gone[static_cast<std::size_t>(rank)] = 1;
  for (Shared* group : job->groups) {
    const auto waits = std::find(group->arrived.begin(), group->arrived.end(), char{1});
    if (waits == group->arrived.end()) continue;
    group->refuse_missing(group->calls[static_cast<std::size_t>(waits - group->arrived.begin())].name);
  }
}

void ThreadsGroup::Shared::refuse_missing(std::string_view call) {
  const auto has_gone = [&](std::int64_t member) { return job->gone[static_cast<std::size_t>(member)] != 0; };
  const auto left = std::ranges::find_if(members, has_gone);
  if (left == members.end()) return;
  kill(Error(ErrorKind::kPeerLost, text(where(), call, ": rank ", left - members.begin(),
                                        " has ended without calling it (call ", count + 1, ")")));
}

// The names of ranks' calls when they are not one collective.
std::optional<std::string> ThreadsGroup::Shared::difference() const {
  const Call& first = calls.front();
  const bool own_size = first.name == "all_gather" || first.name == "all_to_all";
  for (std::int64_t r = 1; r < ranks; ++r) {
    const Call& call = of(r);
    const bool same = call.name == first.name && call.root == first.root && (own_size || call.size == first.size);
    if (!same) return text("rank 0 called ", first.to_string(), ", rank ", r, " called ", call.to_string());
    if (first.name == "all_to_all") continue;
    if (!std::equal(call.counts.begin(), call.counts.end(), first.counts.begin(), first.counts.end())) {
      return text(call.name, ": rank 0 gave counts ", joined(first.counts), ", rank ", r, " gave ",
                  joined(call.counts));
    }
  }
  if (first.name != "all_to_all") return std::nullopt;
  for (std::int64_t from = 0; from < ranks; ++from) {
    for (std::int64_t to = 0; to < ranks; ++to) {
      const std::int64_t sent = at(of(from).counts, to), expected = at(of(to).receive_counts, from);
      if (sent == expected) continue;
      return text("all_to_all: rank ", from, " sends ", sent, " bytes to rank ", to, ", which expects ", expected);
    }
  }
  return std::nullopt;
}

void ThreadsGroup::Shared::enter(std::int64_t rank, const Call& call) {
  std::unique_lock lock(job->mutex);
  const std::optional<Error>& failed = job->failed;
  if (failed) throw Error(*failed);
  calls[static_cast<std::size_t>(rank)] = call;
  arrived[static_cast<std::size_t>(rank)] = 1;
  refuse_missing(call.name);
  if (!failed && ++waiting == ranks) {
    const auto differs = difference();
    if (!differs) {
      ++count;
      return advance();
    }
    kill(Error(ErrorKind::kInternal, text(where(), "collectives differ (call ", count + 1, "): ", *differs)));
  }
  const std::uint64_t mine = generation;
  const bool in_time = changed.wait_for(lock, timeout, [&] { return generation != mine || failed; });
  if (generation != mine) return;
  if (!in_time) {
    const auto late = std::find(arrived.begin(), arrived.end(), char{0}) - arrived.begin();
    kill(Error(ErrorKind::kPeerLost, text(where(), call.name, ": rank ", late, " did not arrive within ",
                                          timeout.count(), " ms (call ", count + 1, ")")));
  }
  throw Error(*failed);
}

void ThreadsGroup::Shared::meet() {
  std::unique_lock lock(job->mutex);
  if (++waiting == ranks) return advance();
  changed.wait(lock, [&, mine = generation] { return generation != mine; });
}

class ThreadsGroup::Rank final : public Communicator {
 public:
  Rank(Shared& shared, std::int64_t rank, std::shared_ptr<Shared> owned = {})
      : owned_(std::move(owned)), shared_(shared), rank_(rank) {}
  std::int64_t rank() const override { return rank_; }
  std::int64_t ranks() const override { return shared_.ranks; }

  void all_reduce(std::span<float> x) override;
  void all_gather(std::span<const std::byte> mine, std::span<const std::int64_t> counts,
                  std::span<std::byte> all) override;
  void reduce_scatter(std::span<const float> x, std::span<const std::int64_t> counts, std::span<float> mine) override;
  void broadcast(std::span<std::byte> x, std::int64_t root) override;
  void all_to_all(std::span<const std::byte> send, std::span<const std::int64_t> send_counts,
                  std::span<std::byte> receive, std::span<const std::int64_t> receive_counts) override;
  void barrier() override { shared_.enter(rank_, {.name = "barrier"}); }
  std::unique_ptr<Communicator> split(std::string_view name, std::int64_t colour, std::int64_t key) override;

 private:
  void check_counts(const Call& call, std::span<const std::int64_t> counts, std::int64_t mine, std::size_t all) {
    shared_.check(static_cast<std::int64_t>(counts.size()) == shared_.ranks, call, "wanted ", shared_.ranks,
                  " counts, got ", counts.size());
    shared_.check(std::none_of(counts.begin(), counts.end(), [](std::int64_t c) { return c < 0; }), call,
                  "wanted counts of at least 0, got ", joined(counts));
    shared_.check(sum_of(counts) == static_cast<std::int64_t>(all), call, "wanted all of ", sum_of(counts), ", got ",
                  all);
    shared_.check(mine < 0 || at(counts, rank_) == mine, call, "wanted a part of ", at(counts, rank_), ", got ", mine);
  }
  // y[i] = sum over ranks, in their order, of x[begin + i]; y may be that part of this rank's own x.
  void sum(std::int64_t begin, std::span<float> y) const {
    std::array<float, 256> block;
    while (!y.empty()) {
      const std::size_t n = std::min(y.size(), block.size());
      std::copy_n(static_cast<const float*>(shared_.of(0).data) + begin, n, block.begin());
      for (std::int64_t r = 1; r < shared_.ranks; ++r) {
        const float* x = static_cast<const float*>(shared_.of(r).data) + begin;
        for (std::size_t i = 0; i < n; ++i) block[i] += x[i];
      }
      std::copy_n(block.begin(), n, y.begin());
      y = y.subspan(n);
      begin += static_cast<std::int64_t>(n);
    }
  }
  const std::byte* bytes_of(std::int64_t rank) const { return static_cast<const std::byte*>(shared_.of(rank).data); }

  const std::shared_ptr<Shared> owned_;  // of a part: its ranks keep it
  Shared& shared_;
  const std::int64_t rank_;
};

void ThreadsGroup::Rank::all_reduce(std::span<float> x) {
  const auto size = static_cast<std::int64_t>(x.size());
  shared_.enter(rank_, {.name = "all_reduce", .size = size, .data = x.data()});
  // Rank r sums part r in its own memory, where nobody else reads or writes that part, then takes the other parts.
  const auto first = [&](std::int64_t r) { return size * r / shared_.ranks; };
  const auto part = [&](std::int64_t r) {
    return x.subspan(static_cast<std::size_t>(first(r)), static_cast<std::size_t>(first(r + 1) - first(r)));
  };
  sum(first(rank_), part(rank_));
  shared_.meet();
  for (std::int64_t r = 0; r < shared_.ranks; ++r) {
    if (r != rank_)
      std::copy_n(static_cast<const float*>(shared_.of(r).data) + first(r), part(r).size(), part(r).begin());
  }
  shared_.meet();
}

void ThreadsGroup::Rank::all_gather(std::span<const std::byte> mine, std::span<const std::int64_t> counts,
                                    std::span<std::byte> all) {
  const auto size = static_cast<std::int64_t>(mine.size());
  const Call call{.name = "all_gather", .size = size, .counts = counts, .data = mine.data()};
  check_counts(call, counts, size, all.size());
  shared_.enter(rank_, call);
  auto to = all.begin();
  for (std::int64_t r = 0; r < shared_.ranks; ++r) to = std::copy_n(bytes_of(r), at(counts, r), to);
  shared_.meet();
}

void ThreadsGroup::Rank::reduce_scatter(std::span<const float> x, std::span<const std::int64_t> counts,
                                        std::span<float> mine) {
  const auto size = static_cast<std::int64_t>(x.size());
  const Call call{.name = "reduce_scatter", .size = size, .counts = counts, .data = x.data()};
  check_counts(call, counts, static_cast<std::int64_t>(mine.size()), x.size());
  shared_.enter(rank_, call);
  sum(offset(counts, rank_), mine);
  shared_.meet();
}

void ThreadsGroup::Rank::broadcast(std::span<std::byte> x, std::int64_t root) {
  const Call call{.name = "broadcast", .size = static_cast<std::int64_t>(x.size()), .root = root, .data = x.data()};
  shared_.check(root >= 0 && root < shared_.ranks, call, "wanted a root below ", shared_.ranks, ", got ", root);
  shared_.enter(rank_, call);
  if (rank_ != root) std::copy_n(bytes_of(root), x.size(), x.begin());
  shared_.meet();
}

void ThreadsGroup::Rank::all_to_all(std::span<const std::byte> send, std::span<const std::int64_t> send_counts,
                                    std::span<std::byte> receive, std::span<const std::int64_t> receive_counts) {
  const Call call{.name = "all_to_all",
                  .size = static_cast<std::int64_t>(send.size()),
                  .counts = send_counts,
                  .receive_counts = receive_counts,
                  .data = send.data()};
  check_counts(call, send_counts, -1, send.size());
  check_counts(call, receive_counts, -1, receive.size());
  shared_.enter(rank_, call);
  auto to = receive.begin();
  for (std::int64_t r = 0; r < shared_.ranks; ++r) {
    to = std::copy_n(bytes_of(r) + offset(shared_.of(r).counts, rank_), at(receive_counts, r), to);
  }
  shared_.meet();
}

std::unique_ptr<Communicator> ThreadsGroup::Rank::split(std::string_view name, std::int64_t colour, std::int64_t key) {
  using PartOf = PartOfGroup<Shared>;
  PartOf mine{.name = name, .colour = colour, .key = key};
  shared_.enter(rank_, {.name = "split", .data = &mine});
  const auto part = [&](std::int64_t r) -> const PartOf& { return *static_cast<const PartOf*>(shared_.of(r).data); };
  std::vector<std::int64_t> ranks;
  for (std::int64_t r = 0; r < shared_.ranks; ++r) {
    if (part(r).colour == colour) ranks.push_back(r);
  }
  std::ranges::stable_sort(ranks, {}, [&](std::int64_t r) { return part(r).key; });
  if (ranks.front() == rank_) {
    std::vector<std::int64_t> members;
    for (const std::int64_t r : ranks) members.push_back(shared_.members[static_cast<std::size_t>(r)]);
    mine.made = std::make_shared<Shared>(shared_.job, part_name(shared_.name, name, colour), std::move(members),
                                         shared_.timeout);
  }
  shared_.meet();
  std::shared_ptr<Shared> made = part(ranks.front()).made;
  shared_.meet();
  Shared& group = *made;
  return std::make_unique<Rank>(group, std::ranges::find(ranks, rank_) - ranks.begin(), std::move(made));
}

ThreadsGroup::ThreadsGroup(std::int64_t ranks, std::chrono::milliseconds timeout) {
  require(ranks >= 1 && ranks <= 4096, ErrorKind::kUsage, "ranks wanted 1 to 4096, got ", ranks);
  require(timeout.count() > 0, ErrorKind::kUsage, "the collectives' timeout wanted more than 0 ms, got ",
          timeout.count());
  const auto job = std::make_shared<Job>();
  job->gone.resize(static_cast<std::size_t>(ranks));
  std::vector<std::int64_t> all(job->gone.size());
  std::iota(all.begin(), all.end(), std::int64_t{0});
  shared_ = std::make_unique<Shared>(job, "", std::move(all), timeout);
  for (std::int64_t r = 0; r < ranks; ++r) shared_->communicators.push_back(std::make_unique<Rank>(*shared_, r));
}

ThreadsGroup::~ThreadsGroup() = default;

std::int64_t ThreadsGroup::ranks() const { return shared_->ranks; }

Communicator& ThreadsGroup::rank(std::int64_t i) {
  require(i >= 0 && i < ranks(), ErrorKind::kUsage, "rank wanted 0 to ", ranks() - 1, ", got ", i);
  return *shared_->communicators[static_cast<std::size_t>(i)];
}

void ThreadsGroup::fail(const Error& error) { shared_->fail(error); }

void ThreadsGroup::leave(std::int64_t rank) { shared_->leave(rank); }

std::optional<Error> ThreadsGroup::failure() const {
  const std::lock_guard lock(shared_->job->mutex);
  return shared_->job->failed;
}

}  // namespace ttt
