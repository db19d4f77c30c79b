#include "kernels/attention/attend.h"

#include <algorithm>

#include "base/checked.h"
#include "base/error.h"
#include "kernels/at_level.h"
#include "kernels/attention/attend_full.h"

namespace ttt::kernels {

namespace {

struct OfFormat {
  AttendFn many, one;
};

OfFormat kernels_for(const DeviceTraits& traits, Format state) {
  const AttendKernels& k = at_level<AttendKernels>(traits);
  if (state == Format::kF32) return {k.many_f32, k.one_f32};
  if (state == Format::kBF16) return {k.many_bf16, k.one_bf16};
  if (state == Format::kInt8) return {k.many_int8, k.one_int8};
  if (state == Format::kBfp8B) return {k.many_bfp8, k.one_bfp8};
  fail(ErrorKind::kUnsupported, text("state format wanted one of f32, bf16, int8, bfp8_b, got ", name_of(state)));
}

std::int64_t many_scratch(const AttendArgs& args, std::int64_t) noexcept { return begins_bytes(args); }

// Blocks of keys that the only new query of a sequence sees, at most: a number that does not fall as the sequence
// grows, although a chunk begins anew and a window may lie across one block less. So a plan at the last row covers all
// rows.
std::int64_t most_blocks(const AttendArgs& args, std::int64_t seq) {
  const Visible& v = args.visible;
  const std::int64_t index = args.batch.past[static_cast<std::size_t>(seq)];
  const SeenRows rows = seen_rows(v, index, stored_rows(args, seq));
  const std::int64_t back = std::min({index, v.behind, v.chunk - 1});
  const std::int64_t span = std::max<std::int64_t>(back + rows.end - index, 0);
  const std::int64_t blocks =
      div_up(rows.pinned, args.blocks.key_block) + (span > 0 ? div_up(span - 1, args.blocks.key_block) + 1 : 0);
  return std::min(blocks, div_up(rows.end, args.blocks.key_block));
}

std::int64_t partial_scratch(const AttendArgs& args, std::int64_t) noexcept {
  std::int64_t blocks = 0;
  for (const std::int32_t seq : args.seqs) blocks += most_blocks(args, seq);
  return begins_bytes(args) +
         blocks * args.slice.heads * (args.value_dim + 2) * static_cast<std::int64_t>(sizeof(float));
}

AttendKernel full_kernel(ScoreAlgorithm algorithm) {
  if (algorithm == ScoreAlgorithm::kFull) return {attend_full<float>, attend_full_scratch<float>};
  return {attend_full<double>, attend_full_scratch<double>};
}

// Query-key pairs that are seen.
double seen_pairs(const AttendArgs& args) {
  double pairs = 0;
  for (const std::int32_t seq : args.seqs) {
    const std::size_t s = static_cast<std::size_t>(seq);
    const std::int64_t past = args.batch.past[s], rows = args.batch.row_begin[s + 1] - args.batch.row_begin[s];
    for (std::int64_t i = 0; i < rows; ++i) {
      const SeenRows seen = seen_rows(args.visible, past + i, stored_rows(args, seq));
      const std::int64_t pinned = seen.pinned < seen.begin ? seen.pinned : seen.begin;
      pairs += static_cast<double>(pinned + seen.end - seen.begin);
    }
  }
  return pairs;
}

}  // namespace

AttendKernel select_attend_many(const DeviceTraits& traits, ScoreAlgorithm algorithm, Format state) {
  const OfFormat of_format = kernels_for(traits, state);
  return algorithm == ScoreAlgorithm::kFlash ? AttendKernel{of_format.many, many_scratch} : full_kernel(algorithm);
}

AttendKernel select_attend_one(const DeviceTraits& traits, ScoreAlgorithm algorithm, Format state) {
  const OfFormat of_format = kernels_for(traits, state);
  return algorithm == ScoreAlgorithm::kFlash ? AttendKernel{of_format.one, partial_scratch} : full_kernel(algorithm);
}

double operations(const AttendArgs& args) {
  const std::int64_t latent = args.latent ? args.value_dim : 0;
  return 2.0 * seen_pairs(args) * static_cast<double>(args.slice.heads * (args.key_dim + latent + args.value_dim));
}

double bytes(const AttendArgs& args) {
  const RowsView &k = args.state.keys, &v = args.state.values;
  const std::int64_t row = k.row_stride + k.scale_row_stride + v.row_stride + v.scale_row_stride;
  double moved = 0;
  for (const std::int32_t seq : args.seqs) {
    const std::size_t s = static_cast<std::size_t>(seq);
    const std::int64_t past = args.batch.past[s], rows = args.batch.row_begin[s + 1] - args.batch.row_begin[s];
    if (rows == 0) continue;
    const SeenRows first = seen_rows(args.visible, past, stored_rows(args, seq));
    const SeenRows last = seen_rows(args.visible, past + rows - 1, stored_rows(args, seq));
    const std::int64_t pinned = last.pinned < first.begin ? last.pinned : first.begin;
    moved += static_cast<double>((pinned + last.end - first.begin) * args.slice.kv_heads * row);
    moved += 4.0 * static_cast<double>(rows * args.slice.heads * (args.key_dim + args.value_dim));
  }
  return moved;
}

}  // namespace ttt::kernels
