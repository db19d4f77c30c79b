#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/context.h"
#include "collectives/self.h"
#include "collectives/threads.h"
#include "support/exec.h"

namespace ttt::support {

// Runs a block at every level of this machine on one rank, and on 2 to 4 ranks: run(context, communicator, y, sum)
// fills the results of forward and of forward_add, check(y, sum, where) compares them. All ranks must have the same.
template <class Run, class Check>
void on_every_machine(const Run& run, const Check& check) {
  for (const DeviceTraits& traits : levels()) {
    std::vector<float> y, sum;
    run(Context{.traits = traits}, self_communicator(), y, sum);
    check(y, sum, std::string(name_of(traits.isa())));
  }
  for (std::int64_t ranks = 2; ranks <= 4; ++ranks) {
    std::vector<std::vector<float>> y(4), sum(4);
    run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
      const auto at = static_cast<std::size_t>(rank);
      run(Context{.traits = query_device_traits(), .rank = rank, .ranks = ranks}, communicator, y[at], sum[at]);
    });
    check(y[0], sum[0], text(ranks, " ranks"));
    for (std::int64_t r = 1; r < ranks; ++r) EXPECT_EQ(y[static_cast<std::size_t>(r)], y[0]);
  }
}

}  // namespace ttt::support
