#include "apps/ttt/version.h"

#include "base/error.h"
#include "base/traits.h"
#include "collectives/mpi.h"

namespace ttt::app {

std::string version_text() {
  const std::string mpi = mpi_library();
  return text("ttt ", TTT_VERSION, "\ncompiler: ", __VERSION__,
              "\ninstruction set: ", name_of(query_device_traits().isa), "\nranks: self, threads",
              mpi.empty() ? "" : ", ", mpi);
}

}  // namespace ttt::app
