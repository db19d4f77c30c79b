#pragma once

#include "base/exec.h"

namespace ttt {

// Exec::launch for functions that may throw, unlike kernels: a collective, whose Error{kPeerLost} reaches the caller of
// the forward, or a check of computed values. In a planned step it only adds up the work, as every launch does.
template <class Args>
void launch_throwing(Exec& exec, void (*function)(Exec&, const Args&), const Args& args) {
  if (exec.observer.counts()) exec.observer.launched(operations(args), bytes(args));
  if (!exec.planning()) function(exec, args);
}

}  // namespace ttt
