#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "model/tree.h"
#include "runtime/observers/time_observer.h"

namespace ttt::app {

// The measured limits of the machine.
struct MachineLimit {
  double operations = 0, bytes = 0;  // per second

  // The least possible time of these operations and bytes, divided by the measured time.
  double share(const TimeObserver::Counters& counters) const;
};

// "model.layers.3.mlp" as "model.layers.*.mlp".
std::string without_indices(const std::string& path);

// The tree of blocks with time, operations, bytes and share; blocks that differ only in their index are summed.
void print_by_block(const std::string& title, const ModelTree& tree,
                    const std::vector<TimeObserver::Counters>& counters, const MachineLimit& limit);
// Every block separately.
Json by_block_json(const ModelTree& tree, const std::vector<TimeObserver::Counters>& counters,
                   const MachineLimit& limit);

}  // namespace ttt::app
