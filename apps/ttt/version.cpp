#include "apps/ttt/version.h"

#include "base/error.h"
#include "base/traits.h"

namespace ttt::app {

std::string version_text() {
  return text("ttt ", TTT_VERSION, "\ncompiler: ", __VERSION__, "\ninstruction set: ", name_of(query_device_traits().isa),
              "\nranks: self, threads");
}

}  // namespace ttt::app
