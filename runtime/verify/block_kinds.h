#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/verify/spec_changes.h"
#include "testing/block_runner.h"

namespace ttt {

// A block of a built model, with what is needed to build it again.
struct BuiltBlock {
  std::string path = {}, recorded = {};  // in the model, and in recordings
  std::string block = {};
  Json spec = {}, impl = {};
  std::vector<WeightRequest> requests = {};  // as the model made them, in order
};

// One type of block: how to build it with another Spec from the same weights, and which other Specs to try.
struct BlockKind {
  std::string block = {};  // as BlockRecord names it
  // Throws Error if the block cannot be built: an invalid Spec, a missing weight.
  testing::Subject (*build)(const BuiltBlock& built, const Json& spec, WeightSource& source,
                            const DeviceTraits& traits) = nullptr;
  std::vector<SpecChange> (*changes)(const Json& spec) = nullptr;
};

// The blocks of this library.
std::span<const BlockKind> block_kinds();

namespace block_kinds_parts {

// The names that a block with default names requests.
class NameList final : public WeightBinder {
 public:
  void bind(ConstTensorView& field, const WeightRequest& request) override;
  std::vector<TensorName> names = {};
};

// Fetches weights by the names in the model, and those that the model did not request by their default names.
class RenamingBinder final : public WeightBinder {
 public:
  RenamingBinder(WeightSource& source, std::vector<TensorName> defaults, const BuiltBlock& built)
      : source_(source), defaults_(std::move(defaults)), built_(built) {}
  void bind(ConstTensorView& field, const WeightRequest& request) override;

 private:
  TensorName given_name(const TensorName& name) const;

  WeightSource& source_;
  std::vector<TensorName> defaults_;
  const BuiltBlock& built_;
};

template <class T>
T read(const Json& fields, const BuiltBlock& built) {
  T value{};
  from_json(value, fields, text("[", built.path, "] ", built.block));
  return value;
}

template <class Block>
testing::Subject build(const BuiltBlock& built, const Json& spec_json, WeightSource& source,
                       const DeviceTraits& traits) {
  using Spec = typename Block::Spec;
  using Impl = typename Block::ImplConfig;
  const auto spec = read<Spec>(spec_json, built);
  const auto impl = read<Impl>(built.impl, built);
  const auto path = std::make_shared<const std::string>(built.path);
  const Context context{.traits = traits, .place = {.path = *path}};
  validate(spec, context);
  typename Block::Weights listed{}, weights{};
  NameList defaults;
  bind_weights(listed, read<Spec>(built.spec, built), impl, {}, context, defaults);
  RenamingBinder binder(source, std::move(defaults.names), built);
  bind_weights(weights, spec, impl, {}, context, binder);
  std::vector<StateSpec> states;
  if constexpr (scope_parts::KeepsState<Spec, Impl>) states.push_back(state_spec(spec, impl, context));
  return testing::subject_of<Block>(Block(spec, weights, impl, context), spec, std::move(states), path);
}

template <class Block>
std::vector<SpecChange> changes(const Json& spec) {
  return spec_changes(read<typename Block::Spec>(spec, {}));
}

}  // namespace block_kinds_parts

template <class Block>
BlockKind block_kind() {
  return {.block = scope_parts::type_name<Block>(),
          .build = block_kinds_parts::build<Block>,
          .changes = block_kinds_parts::changes<Block>};
}

}  // namespace ttt
