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
  std::string message = {};  // for stderr; empty: none
};

// Runs a command on the ranks that mpirun started, or on one rank. Every rank runs the same command; only the first
// writes to stdout. When one rank fails, all end with its status, and its message is printed once.
int run_on_ranks(const std::function<Outcome()>& command);

// Rank and ranks from the launcher's environment, before MPI has started; 0 of 1 without a launcher.
struct Launch {
  std::int64_t rank = 0, ranks = 1;
};
Launch launch();
bool leads();  // whether this is the rank that writes output

// The ranks of the command that run_on_ranks runs.
Communicator& communicator();
void set_step_timeout(double seconds);  // 0: leaves it as it is

// Cores for this rank, of `cores` in its affinity mask: ranks with the same mask share them.
struct CoreShare {
  std::int64_t cores = 1, first = 0;
};
CoreShare core_share(std::int64_t cores);

// The first rank's value.
std::uint64_t same_on_all(std::uint64_t mine);
// Error{kBadData} unless all ranks have the same bytes; `what` names them: "the model".
void require_same(std::string_view what, std::string_view bytes);
void require_same(std::string_view what, std::span<const std::int32_t> ids);

}  // namespace ttt::app
