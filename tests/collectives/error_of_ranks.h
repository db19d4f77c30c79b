#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "base/error.h"
#include "collectives/threads.h"
#include "support/error_of.h"

namespace ttt {

// The message of the Error of `kind` in which fn on `ranks` ranks of one process ends; "accepted" where it ends in
// none.
inline std::string error_of_ranks(std::int64_t ranks, const std::function<void(std::int64_t, Communicator&)>& fn,
                                  ErrorKind kind,
                                  std::chrono::milliseconds timeout = std::chrono::milliseconds(20000)) {
  return support::error_of([&] { run_ranks(ranks, fn, timeout); }, kind);
}

}  // namespace ttt
