#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "collectives/communicator.h"

namespace ttt::app {

// How a command ended.
struct Outcome {
  int status = 0;
  std::string message = {};  // for stderr; empty: nothing to say
};

// Runs a command on the ranks that mpirun started, or alone. Every rank runs the same; what the others than the first
// write to stdout is dropped. When one rank fails all end with its status, and its message is said once.
int run_on_ranks(const std::function<Outcome()>& command);

// Rank and ranks as the launcher's environment tells them, before MPI has started; 0 of 1 without a launcher.
struct Launch {
  std::int64_t rank = 0, ranks = 1;
};
Launch launch();
bool leads();  // whether this is the rank whose output counts

// The ranks of the command that run_on_ranks runs.
Communicator& communicator();
void set_step_timeout(double seconds);  // 0: leaves it as it is

// Cores that this rank may count on, of `cores` in its affinity mask: ranks with the same mask share them.
struct CoreShare {
  std::int64_t cores = 1, first = 0;
};
CoreShare core_share(std::int64_t cores);

// The first rank's value.
std::uint64_t same_on_all(std::uint64_t mine);
// Error{kBadData} unless all ranks have the same bytes; `what` they are: "the model".
void require_same(std::string_view what, std::string_view bytes);
void require_same(std::string_view what, std::span<const std::int32_t> ids);

}  // namespace ttt::app
