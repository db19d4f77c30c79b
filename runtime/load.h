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
  // Rows of one sequence, at most Model::max_rows. 0: what the configuration allows, but no more than has the rotary
  // factors of short sequences (longrope); models whose factors depend on the length get those of this context.
  std::int64_t context = 0;
  // Rows of a source, at most, that an encoder-decoder has room for; 0: as many as its configuration says.
  std::int64_t source_rows = 0;
  // Of models whose checkpoints may have a head or none: Error{kUnsupported} where this one is not there.
  std::optional<OutputKind> output = {};
  // How it will be run, so that loading can say whether there is memory for it: the context is the model's, `threads`
  // those that will run it (null: one).
  RunnerConfig run = {};
  ThreadPool* threads = nullptr;
  // Tensors that the model does not use, and what would be a warning or a note about the configuration, are errors.
  bool strict = false;
  bool allow_unknown_keys = false;  // keys of the configuration that nobody understands are a note
  ParallelFor parallel_for = {};
  // May throw what is wrong with the rest of a request, once the model is known and before any weight is read.
  std::function<void(const Model&)> check = {};
};

// The family that builds `config`. Error{kUnsupported} naming the model type, what there is and the nearest name.
const Family& family_of(std::span<const Family> families, const Json& config, const std::string& where);

// Rows that the configuration was trained for (max_position_embeddings or n_positions, of its text part); 0 when it
// does not say.
std::int64_t max_positions(const Json& config, const std::string& where);

// A model over some source of weights, with the tree of its blocks.
struct BuiltModel {
  std::unique_ptr<ModelTree> tree;
  std::unique_ptr<Model> model;
  std::int64_t context = 0;
  std::vector<std::string> ignored;  // keys of the configuration that change no result
  std::vector<std::string> unknown;  // keys that nobody reads, and that ask for nothing or were allowed
  ConfigReport report;
};

BuiltModel build_model(const Family& family, const Json& config, const std::string& where, WeightSource& source,
                       const LoadOptions& options);

// A model built over headers alone: what it consists of, what is wrong with the checkpoint, what it will take.
struct PlannedModel {
  std::unique_ptr<HeaderSource> source;
  BuiltModel built;
};
PlannedModel plan_model(const Checkpoint& checkpoint, std::span<const Family> families, const LoadOptions& options);

// A model with its weights. Views in the model point into the store and the checkpoint.
struct LoadedModel {
  std::shared_ptr<const Checkpoint> checkpoint;
  std::unique_ptr<WeightStore> weights;
  BuiltModel built;
  std::vector<std::string> notes;     // what deserves a line to who asks for more, and stops nothing
  std::vector<std::string> warnings;  // what the user should read: contradictions, solved as the reference does

  const Model& model() const { return *built.model; }
  const ModelTree& tree() const { return *built.tree; }
};

// Plans first, so that every problem of the checkpoint is known, and the memory is there, before any weight is
// converted. Errors: those of the checkpoint, of the family and of the blocks; Error{kResources} with what is needed
// and available when the weights and what a run takes (plan_runner) do not fit.
LoadedModel load_model(std::shared_ptr<const Checkpoint> checkpoint, std::span<const Family> families,
                       const LoadOptions& options);

}  // namespace ttt
