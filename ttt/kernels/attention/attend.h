#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/exec.h"
#include "base/step.h"
#include "base/tensor.h"

// o[r, h, :] = sum over visible j of softmax_j(s[r, h, j]) v[j, kv(h), :],
//     s[r, h, j] = cap(scale * (q[r, h, :] . k[j, kv(h), :] + latent[r, h, :] . v[j, kv(h), :]))
//                  + slopes[h] * (j - index of r) + bucket_bias[buckets[j - index of r], h] + masks[seq][r, j]
// with keys and values in their stored form. A head's sink is one more score in its softmax, without a value.
namespace ttt::kernels {

// The heads of one rank. Its query head h reads its KV head (first_head + h) / group - first_kv.
struct HeadSlice {
  std::int64_t first_head = 0, heads = 0, first_kv = 0, kv_heads = 0, group = 1;
  bool operator==(const HeadSlice&) const = default;
};

// How a score is computed from the product of a query and a key.
struct ScoreRule {
  float scale = 1;
  float soft_cap = 0;                  // 0: none
  std::span<const float> sinks = {};   // [heads]; empty: none
  std::span<const float> slopes = {};  // [heads]; empty: none
  // [2 * reach + 1], by the key's index less the query's, at most `reach` either way; empty: none
  std::span<const std::int32_t> buckets = {};
  ConstTensorView bucket_bias = {};  // [number of buckets, heads], f32
};

struct ScoreBlocks {
  std::int64_t query_block = 60;  // queries x heads of a KV head that share a tile of keys
  std::int64_t key_block = 128;   // keys of one partial softmax, counted from row 0 of the sequence
};

struct AttendArgs {
  // Arguments that change from step to step.
  ConstTensorView q = {};       // [rows, heads * key_dim], f32
  ConstTensorView latent = {};  // [rows, heads * value_dim], f32; absent: none
  TensorView o = {};            // [rows, heads * value_dim], f32; rows of other sequences are not written
  BatchView batch = {};
  std::span<const std::int32_t> seqs = {};      // the sequences to compute: batch.many or batch.one
  AttentionStateView state = {};                // includes this step's rows
  std::span<const std::int64_t> stored = {};    // [seqs], rows of the state; empty: those of the past and of the step
  std::span<const ConstTensorView> masks = {};  // by sequence: [its rows, stored rows], f32; empty or absent: none
  // Arguments that do not.
  HeadSlice slice = {};
  std::int64_t key_dim = 0, value_dim = 0;
  Visible visible = {};
  ScoreRule rule = {};
  ScoreBlocks blocks = {};
  std::span<std::byte> scratch = {};  // AttendKernel::scratch bytes
};
using AttendFn = void (*)(Exec&, const AttendArgs&) noexcept;

struct AttendKernels {
  AttendFn many_f32, many_bf16, many_int8, many_bfp8, one_f32, one_bf16, one_int8, one_bfp8;
};

enum class ScoreAlgorithm : std::uint8_t {
  kFlash,      // tiles of keys, partial softmax per block of keys
  kFull,       // all scores of a row at once, f32
  kReference,  // the same in double precision
};

struct AttendKernel {
  AttendFn run = nullptr;
  std::int64_t (*scratch)(const AttendArgs& args, std::int64_t threads) noexcept = nullptr;
};

// A query's result depends on the rows that it sees and on key_block; it does not depend on the other rows of the step,
// the split of the sequence over steps, or the number of threads. kFlash: both kernels have the same bits.
inline constexpr std::int64_t kMaxKeyBlock = 128, kMaxQueryBlock = 64;

// For sequences with several rows: parallel over blocks of queries. Never null: throws Error{kUnsupported}.
AttendKernel select_attend_many(const DeviceTraits& traits, ScoreAlgorithm algorithm, Format state);
// For sequences with one row: parallel over blocks of keys, which are merged in order.
AttendKernel select_attend_one(const DeviceTraits& traits, ScoreAlgorithm algorithm, Format state);

double operations(const AttendArgs& args);
double bytes(const AttendArgs& args);

// Bytes at the beginning of kFlash's scratch, in which it numbers the units of work of the sequences.
inline std::int64_t begins_bytes(const AttendArgs& args) {
  constexpr std::int64_t kLine = 64;
  const auto bytes = static_cast<std::int64_t>((args.seqs.size() + 1) * sizeof(std::int64_t));
  return (bytes + kLine - 1) / kLine * kLine;
}

// The query at `index` sees rows [0, pinned) and [begin, end) of `stored` rows. Pinned rows obey `ahead` too.
struct SeenRows {
  std::int64_t pinned = 0, begin = 0, end = 0;
};
inline SeenRows seen_rows(const Visible& v, std::int64_t index, std::int64_t stored) {
  const std::int64_t behind = index - v.behind, chunk = index - index % v.chunk;
  const std::int64_t begin = behind > chunk ? behind : chunk;
  const std::int64_t end = v.ahead >= stored - index ? stored : index + v.ahead + 1;
  return {v.pinned < end ? v.pinned : end, begin > 0 ? begin : 0, end};
}

// Rows of the state that belong to sequence `seq` of the step.
inline std::int64_t stored_rows(const AttendArgs& args, std::int64_t seq) {
  const std::size_t s = static_cast<std::size_t>(seq);
  if (!args.stored.empty()) return args.stored[s];
  return args.batch.past[s] + args.batch.row_begin[s + 1] - args.batch.row_begin[s];
}

// How many of the slice's heads read KV head `kv`, and the first of them.
struct GroupHeads {
  std::int64_t first = 0, count = 0;
};
inline GroupHeads heads_of(const HeadSlice& s, std::int64_t kv) {
  const std::int64_t begin = (s.first_kv + kv) * s.group - s.first_head, end = begin + s.group;
  const std::int64_t first = begin > 0 ? begin : 0;
  return {first, (end < s.heads ? end : s.heads) - first};
}

}  // namespace ttt::kernels
