#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/exec.h"
#include "collectives/self.h"
#include "model/scope.h"
#include "state/step_builder.h"
#include "testing/values.h"

// Single blocks as subjects of tests, whatever their forward takes besides x.
namespace ttt::testing {

// A function from rows to rows. forward reaches memory of exec.scratch only in kernels that it launches, as
// blocks do: it is also called to plan, when there is none.
struct Subject {
  using Forward = std::function<void(Exec& exec, const Step& step, ConstTensorView x, TensorView y)>;
  Forward forward = {};
  std::int64_t width = 0;  // of a row of y
  // Of blocks that read another sequence: keeps its rows, of `source_width`, before the first forward.
  std::function<void(Exec& exec, const Step& step, ConstTensorView source)> store = {};
  std::int64_t source_width = 0;
  std::vector<StateSpec> states = {};  // what it keeps of every row
};

// Calls the forward that the block has.
template <class Block>
void forward_block(const Block& block, Exec& exec, const Step& step, ConstTensorView x, TensorView y) {
  if constexpr (requires { block.forward(exec, x, y); }) {
    block.forward(exec, x, y);
  } else if constexpr (requires { block.forward(exec, x, step, y); }) {
    block.forward(exec, x, step, y);
  } else if constexpr (requires { block.forward(exec, x, step.wanted_rows, y); }) {
    block.forward(exec, x, step.wanted_rows, y);
  } else if constexpr (requires { block.forward(exec, step.batch.positions, y); }) {
    block.forward(exec, step.batch.positions, y);
  } else {
    block.forward(exec, step.ids, y);
  }
}

// A block whose forward writes a row for each wanted row, over a vocabulary.
template <class Block>
concept WritesLogits = requires(const Block& b, Exec& e, const Step& s, ConstTensorView x, TensorView y) {
  b.forward(e, x, s.wanted_rows, y);
};

// Whether a Spec says how wide a row of y is.
template <class Block>
concept HasOutputWidth = (WritesLogits<Block> && requires(const typename Block::Spec& s) { s.vocab_size; }) ||
                         requires(const typename Block::Spec& s) {
  s.output_dim;
}
|| requires(const typename Block::Spec& s) { s.hidden_dim; }
|| requires(const typename Block::Spec& s) { s.base_norm; }
|| requires(const typename Block::Spec& s) { s.dim; };

// The width of a row of y.
template <class Block>
std::int64_t output_width(const typename Block::Spec& spec) {
  static_assert(HasOutputWidth<Block>,
                "the Spec of a block under test names the width of its output output_dim, hidden_dim or dim");
  if constexpr (WritesLogits<Block>) {
    return spec.vocab_size;
  } else if constexpr (requires { spec.output_dim; }) {
    return spec.output_dim;
  } else if constexpr (requires { spec.hidden_dim; }) {
    return spec.hidden_dim;
  } else if constexpr (requires { spec.base_norm; }) {
    return std::visit([](const auto& base) { return base.dim; }, spec.base_norm);
  } else if constexpr (requires { spec.dim; }) {
    return spec.dim;
  } else {
    return 0;  // refused above, in one line
  }
}

// A block as a subject. Its context's state slot has to be 0. `owner`: what the block refers to, if anything.
template <class Block>
Subject subject_of(Block block, const typename Block::Spec& spec, std::vector<StateSpec> states,
                   std::shared_ptr<const void> owner = {}) {
  auto kept = std::make_shared<const Block>(std::move(block));
  Subject subject{.forward = [kept, owner](Exec& exec, const Step& step, ConstTensorView x,
                                           TensorView y) { forward_block(*kept, exec, step, x, y); },
                  .width = output_width<Block>(spec),
                  .states = std::move(states)};
  if constexpr (requires { spec.source_dim; }) {
    subject.store = [kept](Exec& exec, const Step& step, ConstTensorView source) { kept->store(exec, source, step); };
    subject.source_width = spec.source_dim > 0 ? spec.source_dim : spec.hidden_dim;
  }
  return subject;
}

// A block that can be built at one place of a model by any strategy.
struct BlockCase {
  std::string path = {};
  std::function<Subject(std::optional<Strategy>)> build = {};  // nothing: the scope's own
};

// The block of that Spec at `scope`. What the scope refers to must outlive the suite; its tree is left alone.
template <class Block>
BlockCase block_case(const Scope& scope, const typename Block::Spec& spec, const typename Block::Names& names = {}) {
  struct Built {
    ModelTree tree;
    BuildOptions options;
  };
  return {.path = scope.path(), .build = [scope, spec, names](std::optional<Strategy> strategy) {
            auto built = std::make_shared<Built>();
            built->options = scope.options();
            if (strategy) built->options.strategy = *strategy;
            const Scope alone = Scope(scope.source(), built->tree, scope.overrides(), built->options) / scope.path();
            Block block = make<Block>(alone, spec, names);
            return subject_of<Block>(std::move(block), spec, built->tree.states, built);
          }};
}

// Runs a subject over rows that begin a new sequence; memory is planned and allocated once. `source`: the rows that a
// subject with `store` reads; Error{kUsage} where they do not fit it.
class BlockRunner {
 public:
  BlockRunner(Subject subject, Values x, std::int64_t threads = 1, Values source = {});

  std::vector<float> run();                    // y, row by row
  double seconds() const { return seconds_; }  // of the forward that ran last
  std::int64_t width() const { return subject_.width; }

 private:
  void forward(Exec& exec, StepBuilder& builder, Sequence& sequence);

  Subject subject_;
  Values x_, source_;
  std::vector<std::int32_t> ids_;
  std::vector<std::int64_t> wanted_;
  std::vector<float> y_;
  double seconds_ = 0;
  StatePool state_;
  StepBuilder builder_;
  ThreadPool threads_;
  NoObserver observer_;
  std::optional<Scratch> scratch_;
};

}  // namespace ttt::testing
