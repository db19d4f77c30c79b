#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/weight_store.h"
#include "model/tree.h"
#include "runtime/model.h"
#include "runtime/runner_config.h"

namespace ttt {

struct LoadOptions {
  DeviceTraits traits = query_device_traits();
  Strategy strategy = Strategy::kDefault;
  std::int64_t rank = 0, ranks = 1;
  std::optional<Format> weight_format = {};
  std::optional<Format> state_format = {};
  Json impl = {};  // null, or fields by block path (model/tree.h)
  std::string impl_where = "--impl";
  // Rows of one sequence, at most Model::max_rows. 0: as many as the configuration allows, but only as many as have the
  // rotary factors of short sequences (longrope). Models whose factors depend on the length use those of this context.
  std::int64_t context = 0;
  // Most rows of an encoder-decoder's source; 0: as in its configuration.
  std::int64_t source_rows = 0;
  // For models whose checkpoints may have different heads or none: Error{kUnsupported} if this one is missing.
  std::optional<OutputKind> output = {};
  // How it will be run, so that loading can check the memory for it: the context is the model's, and `threads` are
  // those that will run it (null: one).
  RunnerConfig run = {};
  ThreadPool* threads = nullptr;
  // Unused tensors, and warnings and notes about the configuration, are errors.
  bool strict = false;
  bool allow_unknown_keys = false;  // unknown keys of the configuration are a note instead of an error
  ParallelFor parallel_for = {};
  WeightCacheOptions cache = {};  // of converted and packed weights; none without a directory
  // Called once the model is known and before any weight is read; may throw an error in the rest of a request.
  std::function<void(const Model&)> check = {};
};

// The family that builds `config`. Error{kUnsupported} naming the model type, the known ones and the nearest name.
const Family& family_of(std::span<const Family> families, const Json& config, const std::string& where);

// Rows that the configuration was trained for (max_position_embeddings or n_positions, of its text part); 0 if it
// has neither.
std::int64_t max_positions(const Json& config, const std::string& where);

// A model built over a source of weights, with the tree of its blocks.
struct BuiltModel {
  std::unique_ptr<ModelTree> tree;
  std::unique_ptr<Model> model;
  std::int64_t context = 0;
  std::vector<std::string> ignored;  // keys of the configuration that change no result
  std::vector<std::string> unknown;  // keys that are not read, and have no effect or were allowed
  ConfigReport report;
};

BuiltModel build_model(const Family& family, const Json& config, const std::string& where, WeightSource& source,
                       const LoadOptions& options);

// A model built over headers alone: its blocks, the errors of the checkpoint, and the memory that it needs.
struct PlannedModel {
  std::unique_ptr<HeaderSource> source;
  BuiltModel built;
};
PlannedModel plan_model(const Checkpoint& checkpoint, std::span<const Family> families, const LoadOptions& options);

// A model with its weights. Views in the model point into the store and the checkpoint.
struct LoadedModel {
  std::shared_ptr<const Checkpoint> checkpoint;
  std::shared_ptr<const CachedWeights> cached = {};  // the file of the cache that views point into; may be null
  std::unique_ptr<WeightStore> weights;
  BuiltModel built;
  std::vector<std::string> notes;     // for users who ask for more output
  std::vector<std::string> warnings;  // for all users: contradictions, resolved as in the reference

  const Model& model() const { return *built.model; }
  const ModelTree& tree() const { return *built.tree; }
};

// Plans first, so that all errors of the checkpoint are found and the memory is checked before any weight is
// converted. Errors: those of the checkpoint, of the family and of the blocks; Error{kResources} with the needed and
// the available memory when the weights and a run (plan_runner) do not fit.
LoadedModel load_model(std::shared_ptr<const Checkpoint> checkpoint, std::span<const Family> families,
                       const LoadOptions& options);

}  // namespace ttt
