#include "apps/ttt/version.h"

#include "base/error.h"
#include "base/traits.h"
#include "collectives/mpi.h"

namespace ttt::app {

std::string version_number() { return TTT_VERSION; }

std::string version_text() {
  const DeviceTraits traits = query_device_traits();
  std::string features;
  for (int i = 0; i < kCpuFeatures; ++i) {
    const auto feature = static_cast<CpuFeature>(i);
    if (traits.features.has(feature)) features += (features.empty() ? "" : " ") + std::string(name_of(feature));
  }
  const std::string mpi = mpi_library();
  return text("ttt ", TTT_VERSION, "\ncompiler: ", __VERSION__, "\ninstruction set: ", name_of(traits.isa()),
              features.empty() ? "" : " (", features, features.empty() ? "" : ")", "\nranks: self, threads",
              mpi.empty() ? "" : ", ", mpi);
}

}  // namespace ttt::app
