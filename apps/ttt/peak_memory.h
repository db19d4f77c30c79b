#pragma once

#include <cstdint>

namespace ttt::app {

// The most memory that this process had resident at once since it began, or since the last restart: what is allocated
// and used, and the pages of mapped files that were read.
class PeakMemory {
 public:
  // Forgets the peak until now. Where the system does not allow that, bytes() is what is resident when it is called.
  void restart();
  std::int64_t bytes() const;

 private:
  bool restarts_ = true;
};

}  // namespace ttt::app
