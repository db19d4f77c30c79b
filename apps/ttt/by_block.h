#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "model/tree.h"
#include "runtime/observers/time_observer.h"

namespace ttt::app {

// What the machine can do at most.
struct MachineLimit {
  double operations = 0, bytes = 0;  // a second

  // The least time that the work could take over the time that it took.
  double share(const TimeObserver::Work& work) const;
};

// "model.layers.3.mlp" as "model.layers.*.mlp".
std::string without_indices(const std::string& path);

// The tree of blocks with time, operations, bytes and share; blocks that differ in their index only are added up.
void print_by_block(const std::string& title, const ModelTree& tree, const std::vector<TimeObserver::Work>& work,
                    const MachineLimit& limit);
// Every block by itself.
Json by_block_json(const ModelTree& tree, const std::vector<TimeObserver::Work>& work, const MachineLimit& limit);

}  // namespace ttt::app
