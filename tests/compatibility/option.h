#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/exec.h"
#include "model/scope.h"
#include "testing/block_runner.h"

// The options of every block, as small cases that can be built and run on any rank.
namespace ttt::compatibility {

// One call of a block on one rank.
struct Call {
  Exec& exec;
  const Step& step;
  ConstTensorView x;  // [rows, x_width]
  TensorView y;       // [rows of y, y_width]
};

// A block on one rank, ready to run.
struct Instance {
  std::function<void(const Call&)> forward = {};
  std::function<void(const Call&)> store = {};  // before the first step, on rows of another sequence
  std::int64_t x_width = 0, y_width = 0;
  bool row_per_sequence = false;  // of y
};

struct Option {
  std::string block = {}, name = {};
  std::function<Instance(const Scope& scope)> build = {};
  std::string impl = {};             // JSON: fields of the ImplConfig
  std::optional<Format> state = {};  // asked for
  bool same_answer = false;          // as the first option of its block: another way to compute or say it
  bool whole_sequences = false;      // in one step
  std::int64_t position_axes = 1;
  bool masks = false;
};

inline constexpr std::int64_t kVocab = 50, kContext = 16, kSourceRows = 6;

// Where the block under test sits in every case.
inline constexpr const char* kPath = "block";

template <class Block>
Instance instance(const Scope& scope, const typename Block::Spec& spec, std::int64_t x_width,
                  const typename Block::Names& names = {}) {
  auto block = std::make_shared<const Block>(make<Block>(scope / kPath, spec, names));
  return {.forward = [block](const Call& c) { testing::forward_block(*block, c.exec, c.step, c.x, c.y); },
          .x_width = x_width,
          .y_width = testing::output_width<Block>(spec)};
}

// y = 1 + what the block adds, or 1 + 0.25 times that.
enum class Adding { kAll, kQuarter };
template <class Block>
Instance adding(const Scope& scope, const typename Block::Spec& spec, std::int64_t x_width,
                Adding amount = Adding::kAll) {
  auto block = std::make_shared<const Block>(make<Block>(scope / kPath, spec));
  const auto add = [block, amount](Exec& exec, TensorView y, const auto&... inputs) {
    if (amount == Adding::kQuarter) return block->forward_add_scaled(exec, inputs..., y, 0.25f);
    block->forward_add(exec, inputs..., y);
  };
  return {.forward =
              [block, add](const Call& c) {
                for (std::int64_t r = 0; r < c.y.rows(); ++r) std::fill_n(c.y.row<float>(r), c.y.dim(1), 1.0f);
                if constexpr (requires { block->forward_add(c.exec, c.x, c.step, c.y); }) {
                  add(c.exec, c.y, c.x, c.step);
                } else {
                  add(c.exec, c.y, c.x);
                }
              },
          .x_width = x_width,
          .y_width = testing::output_width<Block>(spec)};
}

using Options = std::vector<Option>;
// `hidden`: the width of the residual stream. The first option of a block is the plain one.
Options attention_options(std::int64_t hidden);
Options cross_attention_options(std::int64_t hidden);
Options latent_attention_options(std::int64_t hidden);
Options mlp_options(std::int64_t hidden);
Options gated_mlp_options(std::int64_t hidden);
Options moe_options(std::int64_t hidden);
Options norm_options(std::int64_t hidden);
Options embedding_options(std::int64_t hidden);
Options head_options(std::int64_t hidden);
// All of them, blocks one after the other.
Options all_options(std::int64_t hidden);

}  // namespace ttt::compatibility
