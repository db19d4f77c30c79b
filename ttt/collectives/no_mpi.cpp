#include "base/error.h"
#include "collectives/mpi.h"

namespace ttt {

std::unique_ptr<MpiSession> open_mpi_session(std::chrono::milliseconds) {
  fail(ErrorKind::kUnsupported, "this build has no MPI: install its development files and configure with TTT_MPI=ON");
}

std::string mpi_library() { return {}; }

}  // namespace ttt
