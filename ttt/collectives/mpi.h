#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "collectives/communicator.h"

namespace ttt {

// How a job of several ranks ends: with the failure of the lowest rank that failed by itself.
struct JobEnd {
  std::int64_t rank = 0;
  std::string host = {};
  int status = 0;
  std::string message = {};
  bool everywhere = false;  // every rank failed with this message
  bool complete = true;     // all ranks have agreed; false: some did not answer, and only abort() ends them
};

// The ranks that a launcher (mpirun) has started as processes. One object per process, used by one thread. Sums are
// taken in rank order, so results are bitwise the same on all ranks and from run to run, whatever the MPI library
// would do. A waiting rank yields its core.
//
// In addition to the errors of Communicator, a collective throws
//   Error{kPeerLost}  "all_reduce: rank 2 did not arrive within 60000 ms (call 17)", or what MPI reports
//   Error{kInternal}  sizes or counts differ between ranks, or contradict each other on one
//   the error that another rank has passed to end(), as "rank 2 (host): message"
class MpiSession {
 public:
  static constexpr std::chrono::milliseconds kTimeout{60000};

  // Ends MPI in order. While an exception unwinds, kills the job with the status of kPeerLost.
  virtual ~MpiSession() = default;

  virtual Communicator& communicator() = 0;
  virtual void set_timeout(std::chrono::milliseconds timeout) = 0;  // of one rank waiting for the others
  // Called while a rank waits for others; true: the rank stops waiting, Error{kPeerLost} "interrupted".
  virtual void set_interrupted(bool (*interrupted)()) = 0;

  // For a rank that cannot continue, by its own failure or because a collective threw: tells the other ranks, which are
  // released from their collectives, receives how they end, and returns the same end on all ranks. Ranks that only
  // received the failure of another are not counted as failed. No collective may follow.
  virtual JobEnd end(int status, const std::string& message) = 0;
  // Kills every process of the job.
  [[noreturn]] virtual void abort(int status) = 0;
};

// Error{kUnsupported} in a build without MPI; Error{kPeerLost} when MPI does not start or lacks what is needed.
std::unique_ptr<MpiSession> open_mpi_session(std::chrono::milliseconds timeout = MpiSession::kTimeout);

// Receives the message of a job that failed, on the one rank that is to print it.
using SayFailure = std::function<void(const std::string& message)>;

// Runs fn(communicator) on every rank that mpirun has started and ends MPI; to be called once in a process. Returns the
// status to exit with, the same on all ranks: 0, or that of the lowest rank on which fn threw: the kind of an Error,
// kResources for std::bad_alloc, kInternal for any other std::exception. The other ranks are released from their
// collectives. A rank that does not answer is killed with the job. Error of open_mpi_session.
//
//   int main() {
//     return ttt::run_on_mpi([](ttt::Communicator& ranks) { ... },
//                            [](const std::string& message) { std::fprintf(stderr, "%s\n", message.c_str()); });
//   }
int run_on_mpi(const std::function<void(Communicator&)>& fn, const SayFailure& say,
               std::chrono::milliseconds timeout = MpiSession::kTimeout);

// Ends a job in which this rank has failed, or has been told that another one has: end(), the message where this is the
// rank to print it ("rank 2 on HOST: message", or only the message if all ranks failed in the same way), and abort()
// where some rank did not answer. Returns the status to exit with.
int end_failed_job(MpiSession& session, int status, const std::string& message, const SayFailure& say);

// "Open MPI v4.1.4"; empty in a build without MPI.
std::string mpi_library();

}  // namespace ttt
