#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "attention/attention_impl.h"
#include "base/exec.h"
#include "base/step.h"
#include "kernels/attention/attend.h"

namespace ttt {

// The softmax over stored rows, as a mixer (a block of attention) stores it: for the sequences of a step that have
// several rows, and for those that have one.
struct Scores {
  struct WorkList {
    kernels::AttendKernel kernel = {};
    kernels::ScoreBlocks blocks = {};
  };
  WorkList many = {}, one = {};
  kernels::HeadSlice slice = {};  // this rank's heads
  std::int64_t key_dim = 0, value_dim = 0;
  Visible visible = {};
  kernels::ScoreRule rule = {};  // its slopes and buckets are those below
  std::vector<float> slopes = {};
  std::vector<std::int32_t> buckets = {};

  // Arguments that change from step to step.
  struct Rows {
    ConstTensorView q = {};       // [rows, heads * key_dim]
    ConstTensorView latent = {};  // [rows, heads * value_dim]; absent: none
    TensorView o = {};            // [rows, heads * value_dim]
    AttentionStateView state = {};
    std::span<const std::int64_t> stored = {};    // [seqs], rows of the state; empty: those of the past and of the step
    std::span<const ConstTensorView> masks = {};  // as kernels::AttendArgs
  };
  void run(Exec& exec, const Step& step, const Rows& rows) const;

 private:
  void run(Exec& exec, const Step& step, const Rows& rows, const WorkList& list,
           std::span<const std::int32_t> seqs) const;
};

// The work lists of Scores over rows that are stored in a format. Error{kUsage} that starts with "[who]".
Scores::WorkList many_scores(const ScoresChoice& choice, const DeviceTraits& traits, Format stored,
                             std::string_view who);
Scores::WorkList one_scores(const ScoresChoice& choice, const DeviceTraits& traits, Format stored,
                            std::string_view who);

// 1 / sqrt(head_dim) where a Spec has no scale of its own.
float score_scale(std::optional<float> scale, std::int64_t head_dim);

}  // namespace ttt
