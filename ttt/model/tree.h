#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/json.h"
#include "base/weights.h"
#include "state/state_spec.h"

namespace ttt {

// One weight of a block as it was bound.
struct BoundWeight {
  std::string name = {};  // in the checkpoint
  Shape shape = {};       // this rank's
  Format format = Format::kF32;
  WeightUse use = WeightUse::kMatrix;
  std::int64_t parameters = 0;
};

// One block of a built model, with everything that was decided when it was built.
struct BlockRecord {
  Place place = {};
  std::string recorded = {};  // its name in recordings of the reference: its path, unless the model gives another
  std::string block = {};     // "RMSNorm", "Attention", ...
  Json spec = {}, impl = {};
  std::vector<BoundWeight> weights = {};
  std::optional<std::int64_t> state_slot = {};
};

// Fields of ImplConfigs to set by block path: pattern -> fields. A pattern is a path whose components may be '*'; later
// patterns override earlier ones. The JSON of --impl FILE:
//     {"model.layers.*.mlp": {"down": "bfp8_b"}, "model.layers.3.self_attn": {"state": "int8"}}
class Overrides {
 public:
  Overrides() = default;
  // Error{kUsage} naming `where` unless an object of objects.
  Overrides(const Json& json, const std::string& where);

  // The fields for a path, in the order they apply.
  std::vector<const Json*> matching(std::string_view path);
  // Error{kUsage} naming the first pattern that has matched no path.
  void require_all_used() const;
  const std::string& where() const { return where_; }

 private:
  struct Entry {
    std::string pattern;
    Json fields;
    bool used = false;
  };
  std::vector<Entry> entries_;
  std::string where_;
};

// Whether `path` matches `pattern`, component by component.
bool path_matches(std::string_view pattern, std::string_view path);

// The blocks of a model, in the order in which they were built.
struct ModelTree {
  Places places;
  std::deque<BlockRecord> blocks;
  std::vector<StateSpec> states;  // by slot

  std::int64_t parameters() const;  // of all blocks; a tied weight counts once
  // {"path": {fields}}: every resolved ImplConfig, loadable as Overrides.
  Json impl_configs() const;
};

}  // namespace ttt
