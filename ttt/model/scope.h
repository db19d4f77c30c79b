#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/context.h"
#include "base/fields.h"
#include "base/weights.h"
#include "model/output_kind.h"
#include "model/tree.h"

namespace ttt {

struct BuildOptions {
  DeviceTraits traits = {};
  Strategy strategy = Strategy::kDefault;
  std::int64_t rank = 0, ranks = 1;
  std::optional<Format> weight_format = {};  // of matrices; absent: as stored
  std::optional<Format> state_format = {};   // absent: the strategy's
  std::int64_t context = 0;                  // rows of one sequence, at most; position rules may depend on it
  std::int64_t source_rows = 0;              // most rows of an encoder-decoder's source; 0: the configuration's
  std::optional<OutputKind> output = {};     // absent: that of the checkpoint
};

// A place in a model that is being built: a path, where weights come from, and the tree that records what was built.
// The objects it refers to must outlive it; the tree and the source also the blocks.
class Scope {
 public:
  Scope(WeightSource& source, ModelTree& tree, Overrides& overrides, const BuildOptions& options)
      : source_(&source), tree_(&tree), overrides_(&overrides), options_(&options) {}

  Scope operator/(std::string_view name) const;  // one name or several with dots between; "": this scope
  Scope operator/(std::int64_t index) const { return *this / text(index); }

  // The same place, but with the name under which the reference records the block, for ttt verify.
  Scope recorded_as(std::string name) const;

  const std::string& path() const { return path_; }
  const std::string& recorded() const { return recorded_.empty() ? path_ : recorded_; }
  const BuildOptions& options() const { return *options_; }
  WeightSource& source() const { return *source_; }
  ModelTree& tree() const { return *tree_; }
  Overrides& overrides() const { return *overrides_; }

 private:
  WeightSource* source_;
  ModelTree* tree_;
  Overrides* overrides_;
  const BuildOptions* options_;
  std::string path_ = {}, recorded_ = {};
};

// Fetches every weight that a block lists and records it.
class FetchingBinder final : public WeightBinder {
 public:
  FetchingBinder(WeightSource& source, BlockRecord& record) : source_(source), record_(record) {}
  void bind(ConstTensorView& field, const WeightRequest& request) override;

 private:
  WeightSource& source_;
  BlockRecord& record_;
};

namespace scope_parts {

// The unqualified name of a type, for reports.
template <class T>
std::string type_name() {
  std::string_view s = __PRETTY_FUNCTION__;
  s = s.substr(s.find("T = ") + 4);
  s = s.substr(0, s.find_first_of(";]"));
  const std::size_t colon = s.rfind(':');
  return std::string(colon == std::string_view::npos ? s : s.substr(colon + 1));
}

template <class Spec, class Impl>
concept KeepsState = requires(const Spec& s, const Impl& i, const Context& c) {
  { state_spec(s, i, c) } -> std::same_as<StateSpec>;
};

}  // namespace scope_parts

// Builds one block at `scope`: checks the Spec, takes the default ImplConfig with the options and overrides,
// binds the weights by name, constructs the block and records it.
template <class Block>
Block make(const Scope& scope, const typename Block::Spec& spec, const typename Block::Names& names = {}) {
  const BuildOptions& options = scope.options();
  ModelTree& tree = scope.tree();
  Context context{.traits = options.traits,
                  .rank = options.rank,
                  .ranks = options.ranks,
                  .place = tree.places.add(scope.path()),
                  .places = &tree.places};
  in_block(scope.path(), [&] { validate(spec, context); });
  typename Block::ImplConfig impl = default_impl_config(spec, context.traits, options.strategy);
  if constexpr (requires { set_weight_format(impl, spec, Format::kF32); }) {
    if (options.weight_format) set_weight_format(impl, spec, *options.weight_format);
  } else if constexpr (requires { set_weight_format(impl, Format::kF32); }) {
    if (options.weight_format) set_weight_format(impl, *options.weight_format);
  }
  if constexpr (requires { set_state_format(impl, Format::kF32); }) {
    if (options.state_format) set_state_format(impl, *options.state_format);
  }
  for (const Json* fields : scope.overrides().matching(scope.path())) {
    from_json(impl, *fields, text(scope.overrides().where(), ": \"", scope.path(), "\""));
  }
  BlockRecord& record = tree.blocks.emplace_back();
  record.place = context.place;
  record.recorded = scope.recorded();
  record.block = scope_parts::type_name<Block>();
  record.spec = to_json(spec);
  record.impl = to_json(impl);
  if constexpr (scope_parts::KeepsState<typename Block::Spec, typename Block::ImplConfig>) {
    context.state_slot = static_cast<std::int64_t>(tree.states.size());
    tree.states.push_back(state_spec(spec, impl, context));
    record.state_slot = context.state_slot;
  }
  return in_block(scope.path(), [&] {
    typename Block::Weights weights{};
    FetchingBinder binder(scope.source(), record);
    bind_weights(weights, spec, impl, names, context, binder);
    return Block(spec, weights, impl, context);
  });
}

// `count` parts of a model, each built at its index: Layer(Scope, args..., index), or without the index where no such
// constructor exists.
template <class Layer, class... Args>
std::vector<Layer> make_layers(const Scope& scope, std::int64_t count, const Args&... args) {
  std::vector<Layer> layers;
  layers.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    if constexpr (std::is_constructible_v<Layer, Scope, const Args&..., std::int64_t>) {
      layers.emplace_back(scope / i, args..., i);
    } else {
      layers.emplace_back(scope / i, args...);
    }
  }
  return layers;
}

}  // namespace ttt
