#include <exception>
#include <new>
#include <thread>

#include "base/error.h"
#include "collectives/mpi.h"

namespace ttt {
namespace {

struct Failure {
  int status = 0;
  std::string message = {};
};

Failure failure(ErrorKind kind, const char* message) { return {static_cast<int>(kind), message}; }

Failure failure_of(const std::function<void()>& work) {
  try {
    work();
    return {};
  } catch (const Error& e) {
    return failure(e.kind(), e.what());
  } catch (const std::bad_alloc&) {
    return failure(ErrorKind::kResources, "out of memory");
  } catch (const std::exception& e) {
    return failure(ErrorKind::kInternal, e.what());
  }
}

}  // namespace

int end_failed_job(MpiSession& session, int status, const std::string& message, const SayFailure& say) {
  const JobEnd end = session.end(status, message);
  const std::int64_t rank = session.communicator().rank();
  if (end.rank == rank && !end.message.empty()) {
    say(end.everywhere ? end.message : text("rank ", rank, " on ", end.host, ": ", end.message));
  }
  if (!end.complete) {
    // The rank that failed kills the job once it has said why.
    if (end.rank != rank) std::this_thread::sleep_for(std::chrono::seconds(1));
    session.abort(end.status);
  }
  return end.status;
}

int run_on_mpi(const std::function<void(Communicator&)>& fn, const SayFailure& say, std::chrono::milliseconds timeout) {
  const std::unique_ptr<MpiSession> session = open_mpi_session(timeout);
  const Failure failed = failure_of([&] {
    fn(session->communicator());
    session->communicator().barrier();  // a rank that is done hears of those that fail
  });
  return failed.status == 0 ? 0 : end_failed_job(*session, failed.status, failed.message, say);
}

}  // namespace ttt
