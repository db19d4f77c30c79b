#include "attention/scores.h"

#include <cmath>

#include "base/error.h"
#include "base/scratch.h"

namespace ttt {
namespace {

using kernels::ScoreAlgorithm;

struct Algorithm {
  ScoreAlgorithm kind;
  kernels::ScoreBlocks blocks = {};
};

Algorithm algorithm_of(const FlashScores& f, std::string_view who) {
  require(f.query_block >= 1 && f.query_block <= kernels::kMaxQueryBlock && f.key_block >= 1 &&
              f.key_block <= kernels::kMaxKeyBlock,
          ErrorKind::kUsage, "[", who, "] query_block and key_block wanted 1 to ", kernels::kMaxQueryBlock,
          " and 1 to ", kernels::kMaxKeyBlock, ", got ", f.query_block, " and ", f.key_block);
  return {ScoreAlgorithm::kFlash, {.query_block = f.query_block, .key_block = f.key_block}};
}
Algorithm algorithm_of(const FullScores&, std::string_view) { return {ScoreAlgorithm::kFull}; }
Algorithm algorithm_of(const ReferenceScores&, std::string_view) { return {ScoreAlgorithm::kReference}; }

Algorithm algorithm_of(const ScoresChoice& choice, std::string_view who) {
  return std::visit([&](const auto& alternative) { return algorithm_of(alternative, who); }, choice);
}

}  // namespace

Scores::WorkList many_scores(const ScoresChoice& choice, const DeviceTraits& traits, Format stored,
                             std::string_view who) {
  const Algorithm a = algorithm_of(choice, who);
  return {kernels::select_attend_many(traits, a.kind, stored), a.blocks};
}

Scores::WorkList one_scores(const ScoresChoice& choice, const DeviceTraits& traits, Format stored,
                            std::string_view who) {
  const Algorithm a = algorithm_of(choice, who);
  return {kernels::select_attend_one(traits, a.kind, stored), a.blocks};
}

float score_scale(std::optional<float> scale, std::int64_t head_dim) {
  return scale.value_or(static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_dim))));
}

void Scores::run(Exec& exec, const Step& step, const Rows& rows) const {
  run(exec, step, rows, many, step.batch.many);
  run(exec, step, rows, one, step.batch.one);
}

void Scores::run(Exec& exec, const Step& step, const Rows& rows, const WorkList& list,
                 std::span<const std::int32_t> seqs) const {
  kernels::AttendArgs args{.q = rows.q,
                           .latent = rows.latent,
                           .o = rows.o,
                           .batch = step.batch,
                           .seqs = seqs,
                           .state = rows.state,
                           .stored = rows.stored,
                           .masks = rows.masks,
                           .slice = slice,
                           .key_dim = key_dim,
                           .value_dim = value_dim,
                           .visible = visible,
                           .rule = rule,
                           .blocks = list.blocks};
  args.rule.slopes = slopes;
  args.rule.buckets = buckets;
  Scratch::Frame frame(exec.scratch);
  const std::int64_t bytes = list.kernel.scratch(args, exec.threads.size());
  args.scratch = {frame.take_bytes(bytes), static_cast<std::size_t>(bytes)};
  exec.launch(list.kernel.run, args);
}

}  // namespace ttt
