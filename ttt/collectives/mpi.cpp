#include "collectives/mpi.h"

#include <mpi.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>
#include <optional>
#include <span>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "collectives/messages.h"

namespace ttt {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Tags carry the collective and its number, so that calls which differ never match. The standard grants 32767.
constexpr int kKinds = 8, kCalls = 2048;
int tag_of(Collective kind, std::int64_t call) {
  return static_cast<int>(kind) + kKinds * static_cast<int>(call % kCalls);
}

// MPI counts with int.
constexpr std::size_t kLargestMessage = std::size_t{1} << 30;
constexpr milliseconds kSettle{2000};

std::string error_text(int code) {
  std::array<char, MPI_MAX_ERROR_STRING> s{};
  int length = 0;
  MPI_Error_string(code, s.data(), &length);
  return std::string(s.data(), static_cast<std::size_t>(length));
}

void check(int code, std::string_view what) {
  require(code == MPI_SUCCESS, ErrorKind::kPeerLost, what, ": MPI: ", error_text(code));
}

// What a rank tells the others when it ends early.
struct Notice {
  std::int32_t status = 0, own = 0;
  std::array<char, 64> host = {};
  std::array<char, 1900> message = {};
};

template <std::size_t N>
void copy_text(std::array<char, N>& to, const std::string& from) {
  const std::size_t n = std::min(from.size(), N - 1);
  std::copy_n(from.begin(), n, to.begin());
  to[n] = 0;
}

// Gives way more and more: at once to the threads of this core, after a while for some time.
void idle(int round) {
  if (round < 64) return;
  if (round < 2048) {
    sched_yield();
  } else {
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

class Session;

// The messages of all ranks, or of a part of them.
class Group final : public Messages {
 public:
  Group(Session& session, MPI_Comm comm, std::string name);
  ~Group() override;
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  void begin(Collective kind) override;
  void send(std::int64_t peer, std::span<const std::byte> data) override;
  void receive(std::int64_t peer, std::span<std::byte> data) override;
  void finish() override;
  std::unique_ptr<Messages> divide(const std::string& name, std::int64_t part, std::int64_t rank) override;
  std::string_view group() const override { return name_; }

 private:
  // One message on its way.
  struct Transfer {
    std::int64_t peer = 0;
    std::size_t received = 0;  // bytes that are expected; 0 for what is sent
    bool sends = false;
  };

  void check_arrived(int completed);
  void abandon();  // what a failed call has left
  [[noreturn]] void refuse_late();
  std::string where() const { return name_.empty() ? std::string() : text("[", name_, "] "); }

  Session& session_;
  MPI_Comm comm_;
  std::string name_;
  std::int64_t call_ = 0;
  Collective kind_ = Collective::kBarrier;
  std::string called_;  // "all_reduce", "[row 1] all_reduce"
  std::vector<MPI_Request> requests_;
  std::vector<Transfer> transfers_;  // of requests_
  std::vector<int> completed_;
  std::vector<MPI_Status> statuses_;
};

class Session final : public MpiSession {
 public:
  explicit Session(milliseconds timeout);
  ~Session() override;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Communicator& communicator() override { return *communicator_; }
  void set_timeout(milliseconds timeout) override { timeout_ = timeout; }
  void set_interrupted(bool (*asked)()) override { interrupted_ = asked; }
  JobEnd end(int status, const std::string& message) override;
  [[noreturn]] void abort(int status) override {
    MPI_Abort(MPI_COMM_WORLD, status);
    std::_Exit(status);
  }

  milliseconds timeout() const { return timeout_; }
  bool interrupted() const { return interrupted_(); }
  void throw_if_ended();

 private:
  bool hear();  // takes in notices; whether there are any

  std::int64_t rank_ = 0, ranks_ = 1;
  milliseconds timeout_;
  bool (*interrupted_)() = [] { return false; };
  int exceptions_ = std::uncaught_exceptions();
  MPI_Comm notices_world_ = MPI_COMM_NULL;
  std::unique_ptr<MessageCommunicator> communicator_;
  std::vector<std::optional<Notice>> notices_;       // by rank
  bool told_ = false;                                // this rank ends because another does
  std::optional<Clock::time_point> followed_since_;  // when only ranks that follow another's end were heard of
};

Session::Session(milliseconds timeout) : timeout_(timeout) {
  require(timeout.count() > 0, ErrorKind::kUsage, "the collectives' time-out wanted more than 0 ms, got ",
          timeout.count());
  // Copying straight between processes is forbidden in most containers, and Open MPI then warns on every start.
  setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
  setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
  int provided = 0;
  // One thread at a time, but not always the same: an engine has its own.
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  require(provided >= MPI_THREAD_SERIALIZED, ErrorKind::kPeerLost, "MPI wanted thread level ",
          int{MPI_THREAD_SERIALIZED}, " (serialized), got ", provided);
  MPI_Comm world = MPI_COMM_NULL;
  check(MPI_Comm_dup(MPI_COMM_WORLD, &world), "MPI_Comm_dup");
  check(MPI_Comm_dup(MPI_COMM_WORLD, &notices_world_), "MPI_Comm_dup");
  int value = 0;
  MPI_Comm_rank(world, &value);
  rank_ = value;
  MPI_Comm_size(world, &value);
  ranks_ = value;
  communicator_ = std::make_unique<MessageCommunicator>(std::make_unique<Group>(*this, world, ""), rank_, ranks_);
  notices_.resize(static_cast<std::size_t>(ranks_));
}

Session::~Session() {
  if (std::uncaught_exceptions() > exceptions_) abort(static_cast<int>(ErrorKind::kPeerLost));
  communicator_.reset();
  MPI_Comm_free(&notices_world_);
  MPI_Finalize();
}

// ---- messages -------------------------------------------------------------------------------------------------------

Group::Group(Session& session, MPI_Comm comm, std::string name)
    : session_(session), comm_(comm), name_(std::move(name)) {}

Group::~Group() {
  // While an exception unwinds the session kills the job, and others may never come to free theirs.
  if (std::uncaught_exceptions() == 0) MPI_Comm_free(&comm_);
}

std::unique_ptr<Messages> Group::divide(const std::string& name, std::int64_t part, std::int64_t rank) {
  MPI_Comm divided = MPI_COMM_NULL;
  check(MPI_Comm_split(comm_, static_cast<int>(part), static_cast<int>(rank), &divided), "MPI_Comm_split");
  MPI_Comm_set_errhandler(divided, MPI_ERRORS_RETURN);
  return std::make_unique<Group>(session_, divided, name);
}

void Group::begin(Collective kind) {
  session_.throw_if_ended();
  kind_ = kind;
  called_ = call_name(name_, kind);
  ++call_;
}

void Group::send(std::int64_t peer, std::span<const std::byte> data) {
  do {
    const std::size_t n = std::min(data.size(), kLargestMessage);
    requests_.push_back(MPI_REQUEST_NULL);
    transfers_.push_back({.peer = peer, .sends = true});
    check(MPI_Isend(data.data(), static_cast<int>(n), MPI_BYTE, static_cast<int>(peer), tag_of(kind_, call_), comm_,
                    &requests_.back()),
          called_);
    data = data.subspan(n);
  } while (!data.empty());
}

void Group::receive(std::int64_t peer, std::span<std::byte> data) {
  do {
    const std::size_t n = std::min(data.size(), kLargestMessage);
    requests_.push_back(MPI_REQUEST_NULL);
    transfers_.push_back({.peer = peer, .received = n});
    check(MPI_Irecv(data.data(), static_cast<int>(n), MPI_BYTE, static_cast<int>(peer), tag_of(kind_, call_), comm_,
                    &requests_.back()),
          called_);
    data = data.subspan(n);
  } while (!data.empty());
}

void Group::check_arrived(int completed) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(completed); ++i) {
    const Transfer& t = transfers_[static_cast<std::size_t>(completed_[i])];
    if (t.sends) continue;
    int bytes = 0;
    MPI_Get_count(&statuses_[i], MPI_BYTE, &bytes);
    require(static_cast<std::size_t>(bytes) == t.received, ErrorKind::kInternal, where(), "collectives differ (call ",
            call_, "): ", name_of(kind_), " wanted ", t.received, " bytes from rank ", t.peer, ", got ", bytes);
  }
}

void Group::finish() {
  try {
    completed_.resize(requests_.size());
    statuses_.resize(requests_.size());
    const Clock::time_point late = Clock::now() + session_.timeout();
    std::size_t left = requests_.size();
    for (int round = 0; left > 0; ++round) {
      int completed = 0;
      const int code = MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &completed, completed_.data(),
                                    statuses_.data());
      require(code != MPI_ERR_IN_STATUS, ErrorKind::kInternal, where(), "collectives differ (call ", call_,
              "): ", name_of(kind_), " got more bytes than it wanted, or lost a rank");
      check(code, called_);
      if (completed > 0) {
        check_arrived(completed);
        left -= static_cast<std::size_t>(completed);
        round = 0;
        continue;
      }
      if (round % 64 == 63) {
        session_.throw_if_ended();
        require(!session_.interrupted(), ErrorKind::kPeerLost, called_, ": interrupted");
        if (Clock::now() > late) refuse_late();
      }
      idle(round);
    }
  } catch (const Error&) {
    abandon();
    throw;
  }
  requests_.clear();
  transfers_.clear();
}

// Buffers of the failed call are about to be freed: nothing may arrive in them any more.
void Group::abandon() {
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    if (requests_[i] != MPI_REQUEST_NULL && !transfers_[i].sends) MPI_Cancel(&requests_[i]);
  }
  const Clock::time_point end = Clock::now() + milliseconds(200);
  for (int done = 0; done == 0 && Clock::now() < end;) {
    MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &done, MPI_STATUSES_IGNORE);
  }
  for (MPI_Request& r : requests_) {
    if (r != MPI_REQUEST_NULL) MPI_Request_free(&r);
  }
  requests_.clear();
  transfers_.clear();
}

void Group::refuse_late() {
  std::int64_t late = -1;
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    if (requests_[i] == MPI_REQUEST_NULL) continue;
    if (late < 0 || !transfers_[i].sends) late = transfers_[i].peer;
    if (!transfers_[i].sends) break;
  }
  int waits = 0;
  MPI_Status status;
  MPI_Iprobe(static_cast<int>(late), MPI_ANY_TAG, comm_, &waits, &status);
  const std::size_t other = waits != 0 ? static_cast<std::size_t>(status.MPI_TAG % kKinds) : kCollectives;
  if (other < kCollectives) {
    int rank = 0;
    MPI_Comm_rank(comm_, &rank);
    fail(ErrorKind::kInternal,
         text(where(), "collectives differ (call ", call_, "): rank ", rank, " called ", name_of(kind_), ", rank ",
              late, " called ", name_of(static_cast<Collective>(other))));
  }
  fail(ErrorKind::kPeerLost,
       text(called_, ": rank ", late, " did not arrive within ", session_.timeout().count(), " ms (call ", call_, ")"));
}

// ---- failures -------------------------------------------------------------------------------------------------------

bool Session::hear() {
  for (;;) {
    int waits = 0;
    MPI_Status status;
    if (MPI_Iprobe(MPI_ANY_SOURCE, 0, notices_world_, &waits, &status) != MPI_SUCCESS || waits == 0) break;
    Notice n;
    if (MPI_Recv(&n, sizeof n, MPI_BYTE, status.MPI_SOURCE, 0, notices_world_, MPI_STATUS_IGNORE) != MPI_SUCCESS) break;
    n.host.back() = n.message.back() = 0;
    notices_[static_cast<std::size_t>(status.MPI_SOURCE)] = n;
  }
  return std::ranges::any_of(notices_, [](const auto& n) { return n.has_value(); });
}

void Session::throw_if_ended() {
  if (!hear()) return;
  auto found = std::ranges::find_if(notices_, [](const auto& n) { return n && n->own != 0; });
  if (found == notices_.end()) {
    // The rank that failed first has written before those that follow it, but to each rank on a way of its own.
    if (!followed_since_) followed_since_ = Clock::now();
    if (Clock::now() < *followed_since_ + kSettle) return;
    found = std::ranges::find_if(notices_, [](const auto& n) { return n.has_value(); });
  }
  const Notice& n = **found;
  told_ = true;
  const bool known = n.status >= 1 && n.status <= static_cast<int>(ErrorKind::kPeerLost);
  fail(known ? ErrorKind{n.status} : ErrorKind::kPeerLost,
       text("rank ", found - notices_.begin(), " (", n.host.data(), "): ", n.message.data()));
}

JobEnd Session::end(int status, const std::string& message) {
  Notice mine{.status = status, .own = told_ ? 0 : 1};
  std::array<char, 64> host{};
  if (gethostname(host.data(), host.size() - 1) == 0) mine.host = host;
  copy_text(mine.message, message);
  // What is not sent in time may be sent later: it is read from a place that outlives this function.
  const Notice& kept = notices_[static_cast<std::size_t>(rank_)].emplace(mine);
  std::vector<MPI_Request> sends(static_cast<std::size_t>(ranks_), MPI_REQUEST_NULL);
  for (std::int64_t r = 0; r < ranks_; ++r) {
    if (r == rank_) continue;
    MPI_Isend(&kept, sizeof kept, MPI_BYTE, static_cast<int>(r), 0, notices_world_,
              &sends[static_cast<std::size_t>(r)]);
  }
  const auto all_heard = [&] { return std::ranges::all_of(notices_, [](const auto& n) { return n.has_value(); }); };
  const Clock::time_point late = Clock::now() + kSettle;
  int sent = 0;
  while ((!all_heard() || sent == 0) && Clock::now() < late) {
    MPI_Testall(static_cast<int>(sends.size()), sends.data(), &sent, MPI_STATUSES_IGNORE);
    hear();
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  JobEnd end{.rank = rank_,
             .status = status,
             .message = message,
             .everywhere = all_heard(),
             .complete = all_heard() && sent != 0};
  bool found = false;
  for (std::size_t r = 0; r < notices_.size(); ++r) {
    const auto& n = notices_[r];
    if (!n || n->own == 0) {
      end.everywhere = false;
      continue;
    }
    if (!found) {
      end.rank = static_cast<std::int64_t>(r);
      end.host = n->host.data();
      end.status = n->status;
      end.message = end.rank == rank_ ? message : n->message.data();
      found = true;
    }
    end.everywhere = end.everywhere && end.message.starts_with(n->message.data());
  }
  return end;
}

}  // namespace

std::unique_ptr<MpiSession> open_mpi_session(milliseconds timeout) { return std::make_unique<Session>(timeout); }

std::string mpi_library() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> s{};
  int length = 0;
  MPI_Get_library_version(s.data(), &length);
  const std::string_view all(s.data(), static_cast<std::size_t>(length));
  return std::string(all.substr(0, all.find_first_of(",\n")));
}

}  // namespace ttt
