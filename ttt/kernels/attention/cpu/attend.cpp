#include "kernels/attention/attend.h"

#include "kernels/attention/cpu/attend_tile.h"

// Softmax in partial sums: every block of key_block keys, counted from row 0 of the sequence, has its own largest score
// m, sum l and mix o of values; blocks are merged in ascending order. Both kernels do exactly this.
namespace ttt::kernels::TTT_LEVEL {
namespace {

constexpr float kLowest = -3.0e38f;  // below every score, but finite: minus infinity less itself is no number
constexpr float kInfinity = __builtin_inff();

constexpr std::int64_t kLineBytes = 64;
TTT_INLINE void fetch(const std::byte* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1); }

// Queries of one sequence whose heads share a KV head.
struct Queries {
  std::int64_t count = 0, seq = 0, kv = 0;
  std::int64_t stored = 0;  // rows of the sequence, this step's included
  const float* q[kMaxQueryBlock];
  const float* latent[kMaxQueryBlock];
  const float* mask[kMaxQueryBlock];  // null: none
  float* o[kMaxQueryBlock];
  std::int64_t index[kMaxQueryBlock];  // in the sequence
  std::int64_t head[kMaxQueryBlock];   // in the slice
  float m[kMaxQueryBlock], l[kMaxQueryBlock];
};

// Addresses of rows of a block of keys or values; null for rows whose page was freed, and scales that there are none
// of.
struct Located {
  const std::byte* data[kMaxKeyBlock];
  const std::byte* scales[kMaxKeyBlock];
};

struct Tile {
  alignas(64) float scores[kMaxQueryBlock * kMaxKeyBlock];
  alignas(64) float keys[kTileDims * kTileKeys];
  alignas(64) float decoded[kMaxKeyBlock * kTileDims];
  alignas(64) float zeros[kTileDims];
  Located keys_at, values_at;
  const float* rows[kMaxKeyBlock];
  alignas(64) float alpha[kMaxQueryBlock], beta[kMaxQueryBlock];
};

// Finds rows [first, last) of the block that starts at row `block`, and fetches them: rows of one head are found in
// pages, at whose borders the processor's own prefetching begins anew.
TTT_INLINE void locate(const RowsView& view, const Queries& q, std::int64_t block, std::int64_t first,
                       std::int64_t last, Located& to) {
  for (std::int64_t i = first; i < last;) {
    const std::int32_t page = view.page_of(q.seq, block + i);
    const std::int64_t offset = (block + i) % view.page_rows, left = view.page_rows - offset;
    const std::int64_t stop = left < last - i ? i + left : last;
    const bool scaled = page >= 0 && view.scales != nullptr;
    const std::byte* row = page < 0 ? nullptr : view.row(page, q.kv, offset);
    const std::byte* scale = scaled ? view.row_scales(page, q.kv, offset) : nullptr;
    for (; i < stop; ++i) {
      to.data[i] = row;
      to.scales[i] = scale;
      for (std::int64_t line = 0; page >= 0 && line < view.row_stride; line += kLineBytes) fetch(row + line);
      if (scaled) fetch(scale);
      row += page < 0 ? 0 : view.row_stride;
      scale += scaled ? view.scale_row_stride : 0;
    }
  }
}

// t.rows[i] for i in [first, last): dims values from `begin` on, readable in whole vectors. All that depends on the
// format of the rows; the rest is compiled once and gets it as a function.
using DecodeFn = void (*)(Tile& t, const Located& at, std::int64_t first, std::int64_t last, std::int64_t begin,
                          std::int64_t dims);
template <Format kFormat>
void decode_rows(Tile& t, const Located& at, std::int64_t first, std::int64_t last, std::int64_t begin,
                 std::int64_t dims) {
  for (std::int64_t i = first; i < last; ++i) {
    if (at.data[i] == nullptr) {
      t.rows[i] = t.zeros;
    } else if (kFormat == Format::kF32 && dims % kLanes == 0) {
      t.rows[i] = reinterpret_cast<const float*>(at.data[i]) + begin;
    } else {
      float* to = t.decoded + i * kTileDims;
      decode_part<kFormat>(at.data[i], at.scales[i], begin, dims, to);
      t.rows[i] = to;
    }
  }
}

// Scores of keys [first, last) of the block, in tiles of 64 keys from the block's begin: products of `width` values of
// the queries with the rows that were located.
TTT_INLINE void score_part(DecodeFn decode, const Located& at, const float* const* queries, std::int64_t count,
                           std::int64_t width, bool accumulate, std::int64_t first, std::int64_t last, Tile& t) {
  for (std::int64_t tile = first / kTileKeys * kTileKeys; tile < last; tile += kTileKeys) {
    const std::int64_t a = tile > first ? tile : first, b = tile + kTileKeys < last ? tile + kTileKeys : last;
    for (std::int64_t begin = 0; begin < width; begin += kTileDims) {
      const std::int64_t dims = width - begin < kTileDims ? width - begin : kTileDims;
      for (std::int64_t i = tile; i < tile + kTileKeys; ++i) t.rows[i] = t.zeros;
      decode(t, at, a, b, begin, dims);
      transpose_rows(t.rows + tile, dims, t.keys);
      for_row_tiles(count, [&]<int kRows>(std::int64_t i) {
        float* s = t.scores + i * kMaxKeyBlock + tile;
        score_rows<kRows>(queries + i, begin, t.keys, dims, accumulate || begin > 0, s);
      });
    }
  }
}

TTT_INLINE bool adjusts(const AttendArgs& args) {
  return args.rule.soft_cap > 0 || !args.rule.slopes.empty() || !args.rule.buckets.empty() || !args.masks.empty();
}

// What one query's scores gain at keys block + [c, c + kLanes).
TTT_INLINE F32 bias_at(const AttendArgs& args, const Queries& q, std::int64_t i, std::int64_t block, std::int64_t c) {
  const std::int64_t distance = block + c - q.index[i], head = q.head[i], left = q.stored - block - c;
  F32 bias = zero();
  float parts[kLanes];
  if (!args.rule.slopes.empty()) {
    for (std::int64_t j = 0; j < kLanes; ++j) parts[j] = static_cast<float>(distance + j);
    bias = splat(args.rule.slopes[static_cast<std::size_t>(head)]) * load(parts);
  }
  if (!args.rule.buckets.empty()) {
    const std::int64_t reach = static_cast<std::int64_t>(args.rule.buckets.size()) / 2;
    for (std::int64_t j = 0; j < kLanes; ++j) {
      const std::int64_t d = distance + j, at = d < -reach ? -reach : (d > reach ? reach : d);
      parts[j] = args.rule.bucket_bias.row<float>(args.rule.buckets[static_cast<std::size_t>(at + reach)])[head];
    }
    bias = bias + load(parts);
  }
  if (q.mask[i] != nullptr && left > 0) {
    const float* mask = q.mask[i] + block + c;
    bias = bias + (left < kLanes ? load_part(mask, left) : load(mask));
  }
  return bias;
}

// What is done to few models' scores only.
TTT_INLINE void adjust_scores(const AttendArgs& args, const Queries& q, std::int64_t i, std::int64_t block, float* s,
                              std::int64_t first, std::int64_t last) {
  for (std::int64_t c = first; c < last; c += kLanes) {
    F32 x = load(s + c);
    if (args.rule.soft_cap > 0) x = splat(args.rule.soft_cap) * tanh(x / splat(args.rule.soft_cap));
    store(s + c, x + bias_at(args, q, i, block, c));
  }
}

struct Partial {
  float m = 0, l = 0;  // the largest score, and the sum of weights relative to it
};

// Turns the scores of query i for keys [first, last) of the block into weights; keys around them get none.
TTT_INLINE Partial weigh(const AttendArgs& args, const Queries& q, std::int64_t i, std::int64_t block,
                         std::int64_t first, std::int64_t last, Tile& t) {
  constexpr std::int64_t kWhole = 16;  // a multiple of kLanes at every level
  float* s = t.scores + i * kMaxKeyBlock;
  const std::int64_t from = first / kWhole * kWhole, to = (last + kWhole - 1) / kWhole * kWhole;
  for (std::int64_t c = from; c < to; c += kLanes) store(s + c, load(s + c) * splat(args.rule.scale));
  if (adjusts(args)) adjust_scores(args, q, i, block, s, from, to);
  const SeenRows seen = seen_rows(args.visible, q.index[i], q.stored);
  const std::int64_t pinned = seen.pinned - block, begin = seen.begin - block, end = seen.end - block;
  for (std::int64_t c = from; c < first; ++c) s[c] = -kInfinity;
  for (std::int64_t c = pinned > first ? pinned : first; c < begin && c < last; ++c) s[c] = -kInfinity;
  for (std::int64_t c = end > first ? (end < last ? end : last) : first; c < to; ++c) s[c] = -kInfinity;
  F32 highest = splat(-kInfinity);
  for (std::int64_t c = from; c < to; c += kLanes) highest = max(highest, load(s + c));
  const float m = largest(highest);
  const F32 base = splat(m > kLowest ? m : kLowest);
  F32 total = zero();
  for (std::int64_t c = from; c < to; c += kLanes) {
    const F32 p = weight(load(s + c) - base);
    store(s + c, p);
    total = total + p;
  }
  return {m, sum(total)};
}

// Factors with which sums over two sets of keys become the sum over both. m: of both; a, b: their largest scores.
TTT_INLINE void merge_factors(float a, float b, float& m, float& alpha, float& beta) {
  m = a > b ? a : b;
  const float base = m > kLowest ? m : kLowest;
  float pair[2];
  float both[kLanes] = {a - base, b - base};
  store_part(pair, weight(load(both)), 2);
  alpha = pair[0];
  beta = pair[1];
}

// Adds keys [first, last) of the block that starts at row `block` to the queries' sums.
TTT_INLINE void add_block(DecodeFn decode, const AttendArgs& args, Queries& q, std::int64_t block, std::int64_t first,
                          std::int64_t last, Tile& t) {
  locate(args.state.keys, q, block, first, last, t.keys_at);
  locate(args.state.values, q, block, first, last, t.values_at);
  score_part(decode, t.keys_at, q.q, q.count, args.key_dim, false, first, last, t);
  if (args.latent) score_part(decode, t.values_at, q.latent, q.count, args.value_dim, true, first, last, t);
  for (std::int64_t i = 0; i < q.count; ++i) {
    const Partial part = weigh(args, q, i, block, first, last, t);
    merge_factors(q.m[i], part.m, q.m[i], t.alpha[i], t.beta[i]);
    q.l[i] = q.l[i] * t.alpha[i] + part.l * t.beta[i];
  }
  for (std::int64_t begin = 0; begin < args.value_dim; begin += kTileDims) {
    const std::int64_t dims = args.value_dim - begin < kTileDims ? args.value_dim - begin : kTileDims;
    decode(t, t.values_at, first, last, begin, dims);
    for_row_tiles(q.count, [&]<int kRows>(std::int64_t i) {
      const float* p = t.scores + i * kMaxKeyBlock;
      std::int64_t at = 0;
      for (; dims - at > (kTileVectors - 1) * kLanes; at += kTileColumns) {
        mix_rows<kRows, kTileVectors>(p, t.rows, first, last, q.o + i, begin, at, dims - at, t.alpha + i, t.beta + i);
      }
      for (; at < dims; at += kLanes) {
        mix_rows<kRows, 1>(p, t.rows, first, last, q.o + i, begin, at, dims - at, t.alpha + i, t.beta + i);
      }
    });
  }
}

// Adds every key that one of the queries, which are in ascending order, sees in blocks [from, to).
TTT_INLINE void add_blocks(DecodeFn decode, const AttendArgs& args, Queries& q, std::int64_t from, std::int64_t to,
                           Tile& t) {
  const SeenRows a = seen_rows(args.visible, q.index[0], q.stored);
  const SeenRows b = seen_rows(args.visible, q.index[q.count - 1], q.stored);
  for (std::int64_t n = from; n < to; ++n) {
    const std::int64_t block = n * args.blocks.key_block;
    const bool pinned = block < b.pinned;
    const std::int64_t first = pinned || a.begin < block ? 0 : a.begin - block;
    std::int64_t last = b.end - block < args.blocks.key_block ? b.end - block : args.blocks.key_block;
    if (pinned && a.begin >= block + args.blocks.key_block && b.pinned - block < last) last = b.pinned - block;
    if (first < last && first < args.blocks.key_block) add_block(decode, args, q, block, first, last, t);
  }
}

// Divides by the softmax's sum, in which the head's sink takes part.
TTT_INLINE void finish(const AttendArgs& args, std::int64_t head, float m, float l, float* o) {
  float alpha = 1, beta = 0, top = m;
  if (!args.rule.sinks.empty()) merge_factors(m, args.rule.sinks[static_cast<std::size_t>(head)], top, alpha, beta);
  const float sum = l * alpha + beta;
  const F32 factor = splat(sum > 0 ? alpha / sum : 0.0f);
  std::int64_t d = 0;
  for (; d + kLanes <= args.value_dim; d += kLanes) store(o + d, load(o + d) * factor);
  if (d < args.value_dim) store_part(o + d, load_part(o + d, args.value_dim - d) * factor, args.value_dim - d);
}

TTT_INLINE std::int64_t rows_in(const BatchView& batch, std::int64_t seq) {
  const std::size_t s = static_cast<std::size_t>(seq);
  return batch.row_begin[s + 1] - batch.row_begin[s];
}

// The next query of a set: head `head` of row `row` of the sequence's rows in this step, result to `o`.
TTT_INLINE void add_query(const AttendArgs& args, Queries& q, std::int64_t row, std::int64_t head, float* o) {
  const std::size_t s = static_cast<std::size_t>(q.seq);
  const std::int64_t r = args.batch.row_begin[s] + row;
  q.q[q.count] = args.q.row<float>(r) + head * args.key_dim;
  q.o[q.count] = o != nullptr ? o : args.o.row<float>(r) + head * args.value_dim;
  std::memset(q.o[q.count], 0, static_cast<std::size_t>(args.value_dim) * sizeof(float));
  q.latent[q.count] = args.latent ? args.latent.row<float>(r) + head * args.value_dim : nullptr;
  q.mask[q.count] = args.masks.empty() || !args.masks[s] ? nullptr : args.masks[s].row<float>(row);
  q.index[q.count] = args.batch.past[s] + row;
  q.head[q.count] = head;
  q.m[q.count] = -kInfinity;
  q.l[q.count] = 0;
  ++q.count;
}

TTT_INLINE void start(const AttendArgs& args, Queries& q, std::int64_t seq, std::int64_t kv) {
  q.count = 0;
  q.seq = seq;
  q.kv = kv;
  q.stored = stored_rows(args, seq);
}

// The units of work of all sequences are numbered through, and those of args.seqs[i] begin at begins[i]. The numbers
// lie at the begin of the scratch, so that a unit finds its sequence without counting those before it.
TTT_INLINE std::int64_t* begins_of(const AttendArgs& args) {
  return reinterpret_cast<std::int64_t*>(args.scratch.data());
}

// Writes the begins, of sequences with units(seq) units each, and returns how many units there are.
template <class Units>
TTT_INLINE std::int64_t number_units(const AttendArgs& args, const Units& units) {
  std::int64_t *begins = begins_of(args), total = 0;
  for (const std::int32_t seq : args.seqs) {
    *begins++ = total;
    total += units(std::int64_t{seq});
  }
  *begins = total;
  return total;
}

// Index into args.seqs of the sequence that unit `unit` belongs to.
TTT_INLINE std::int64_t sequence_of(const AttendArgs& args, std::int64_t unit) {
  const std::int64_t* begins = begins_of(args);
  std::int64_t low = 0, high = static_cast<std::int64_t>(args.seqs.size());
  while (high - low > 1) {
    const std::int64_t middle = (low + high) / 2;
    (begins[middle] <= unit ? low : high) = middle;
  }
  return low;
}

// Blocks of `height` queries x heads of one sequence and KV head.
TTT_INLINE std::int64_t tiles_of(const AttendArgs& args, std::int64_t height, std::int64_t seq, std::int64_t kv) {
  return (rows_in(args.batch, seq) * heads_of(args.slice, kv).count + height - 1) / height;
}
TTT_INLINE std::int64_t number_tiles(const AttendArgs& args, std::int64_t height) {
  return number_units(args, [&](std::int64_t seq) {
    std::int64_t tiles = 0;
    for (std::int64_t kv = 0; kv < args.slice.kv_heads; ++kv) tiles += tiles_of(args, height, seq, kv);
    return tiles;
  });
}

__attribute__((noinline, noclone)) void attend_many(DecodeFn decode, Exec& exec, const AttendArgs& args) {
  std::int64_t height = args.blocks.query_block, units = number_tiles(args, height);
  while (units < 4 * exec.threads.size() && height >= 4 * kTileRows) {
    height /= 2;
    units = number_tiles(args, height);
  }
  exec.threads.parallel_for(units, [&](std::int64_t unit) {
    const std::int64_t at = sequence_of(args, unit), seq = args.seqs[static_cast<std::size_t>(at)];
    std::int64_t tile = unit - begins_of(args)[at], kv = 0, tiles = tiles_of(args, height, seq, kv);
    while (tile >= tiles) {
      tile -= tiles;
      tiles = tiles_of(args, height, seq, ++kv);
    }
    tile = tiles - 1 - tile;  // the longest first
    Tile t;
    Queries q;
    std::memset(t.zeros, 0, sizeof t.zeros);
    start(args, q, seq, kv);
    const GroupHeads heads = heads_of(args.slice, kv);
    const std::int64_t all = rows_in(args.batch, seq) * heads.count;
    for (std::int64_t i = tile * height; i < all && i < (tile + 1) * height; ++i) {
      add_query(args, q, i / heads.count, heads.first + i % heads.count, nullptr);
    }
    add_blocks(decode, args, q, 0, (q.stored + args.blocks.key_block - 1) / args.blocks.key_block, t);
    for (std::int64_t i = 0; i < q.count; ++i) finish(args, q.head[i], q.m[i], q.l[i], q.o[i]);
  });
}

// The blocks of keys that the only query of a sequence sees: [0, pinned) and [begin, end).
struct SeenBlocks {
  std::int64_t pinned = 0, begin = 0, end = 0;
  std::int64_t count() const { return pinned + end - begin; }
  std::int64_t operator[](std::int64_t i) const { return i < pinned ? i : begin + i - pinned; }
};
TTT_INLINE SeenBlocks seen_blocks(const AttendArgs& args, std::int64_t seq) {
  const std::int64_t index = args.batch.past[static_cast<std::size_t>(seq)];
  const SeenRows rows = seen_rows(args.visible, index, stored_rows(args, seq));
  SeenBlocks b;
  b.end = (rows.end + args.blocks.key_block - 1) / args.blocks.key_block;
  b.pinned = (rows.pinned + args.blocks.key_block - 1) / args.blocks.key_block;
  b.begin = rows.begin / args.blocks.key_block;
  if (b.begin < b.pinned) b.begin = b.pinned;
  return b;
}

// Floats of one head's partial sums: m, l, then the mix.
TTT_INLINE std::int64_t partial_floats(const AttendArgs& args) { return args.value_dim + 2; }

__attribute__((noinline, noclone)) void attend_one(DecodeFn decode, Exec& exec, const AttendArgs& args) {
  float* partial = reinterpret_cast<float*>(args.scratch.data() + begins_bytes(args));
  const std::int64_t blocks = number_units(args, [&](std::int64_t seq) { return seen_blocks(args, seq).count(); });
  const std::int64_t kv_heads = args.slice.kv_heads, heads = args.slice.heads, size = partial_floats(args);
  exec.threads.parallel_for(blocks * kv_heads, [&](std::int64_t unit) {
    const std::int64_t slot = unit / kv_heads, at = sequence_of(args, slot);
    Tile t;
    Queries q;
    std::memset(t.zeros, 0, sizeof t.zeros);
    start(args, q, args.seqs[static_cast<std::size_t>(at)], unit % kv_heads);
    const GroupHeads group = heads_of(args.slice, q.kv);
    const std::int64_t block = seen_blocks(args, q.seq)[slot - begins_of(args)[at]];
    for (std::int64_t begin = 0; begin < group.count; begin += kMaxQueryBlock) {
      q.count = 0;
      for (std::int64_t h = begin; h < group.count && h < begin + kMaxQueryBlock; ++h) {
        add_query(args, q, 0, group.first + h, partial + (slot * heads + group.first + h) * size + 2);
      }
      add_blocks(decode, args, q, block, block + 1, t);
      for (std::int64_t i = 0; i < q.count; ++i) {
        q.o[i][-2] = q.m[i];
        q.o[i][-1] = q.l[i];
      }
    }
  });
  exec.threads.parallel_for(static_cast<std::int64_t>(args.seqs.size()) * heads, [&](std::int64_t unit) {
    const std::int64_t at = unit / heads, head = unit % heads;
    const std::int64_t slot = begins_of(args)[at], count = begins_of(args)[at + 1] - slot;
    const std::int64_t seq = args.seqs[static_cast<std::size_t>(at)];
    float* o = args.o.row<float>(args.batch.row_begin[static_cast<std::size_t>(seq)]) + head * args.value_dim;
    std::memset(o, 0, static_cast<std::size_t>(args.value_dim) * sizeof(float));
    float m = -kInfinity, l = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const float* part = partial + ((slot + i) * heads + head) * size;
      float alpha = 0, beta = 0;
      merge_factors(m, part[0], m, alpha, beta);
      l = l * alpha + part[1] * beta;
      std::int64_t d = 0;
      for (; d + kLanes <= args.value_dim; d += kLanes) {
        store(o + d, fma(load(part + 2 + d), splat(beta), load(o + d) * splat(alpha)));
      }
      if (const std::int64_t n = args.value_dim - d; n > 0) {
        store_part(o + d, fma(load_part(part + 2 + d, n), splat(beta), load_part(o + d, n) * splat(alpha)), n);
      }
    }
    finish(args, head, m, l, o);
  });
}

}  // namespace

void attend_many_f32(Exec& exec, const AttendArgs& args) noexcept {
  attend_many(decode_rows<Format::kF32>, exec, args);
}
void attend_many_bf16(Exec& exec, const AttendArgs& args) noexcept {
  attend_many(decode_rows<Format::kBF16>, exec, args);
}
void attend_many_int8(Exec& exec, const AttendArgs& args) noexcept {
  attend_many(decode_rows<Format::kInt8>, exec, args);
}
void attend_many_bfp8(Exec& exec, const AttendArgs& args) noexcept {
  attend_many(decode_rows<Format::kBfp8B>, exec, args);
}
void attend_one_f32(Exec& exec, const AttendArgs& args) noexcept { attend_one(decode_rows<Format::kF32>, exec, args); }
void attend_one_bf16(Exec& exec, const AttendArgs& args) noexcept {
  attend_one(decode_rows<Format::kBF16>, exec, args);
}
void attend_one_int8(Exec& exec, const AttendArgs& args) noexcept {
  attend_one(decode_rows<Format::kInt8>, exec, args);
}
void attend_one_bfp8(Exec& exec, const AttendArgs& args) noexcept {
  attend_one(decode_rows<Format::kBfp8B>, exec, args);
}

}  // namespace ttt::kernels::TTT_LEVEL

namespace ttt::kernels {
TTT_KERNELS(AttendKernels, .many_f32 = attend_many_f32, .many_bf16 = attend_many_bf16, .many_int8 = attend_many_int8,
            .many_bfp8 = attend_many_bfp8, .one_f32 = attend_one_f32, .one_bf16 = attend_one_bf16,
            .one_int8 = attend_one_int8, .one_bfp8 = attend_one_bfp8)
}  // namespace ttt::kernels
