#include "kernels/attend_latent.h"

#include "kernels/cpu/attend_tile.h"

namespace ttt::kernels::TTT_LEVEL {
namespace {

TTT_INLINE float dot(const float* a, const float* b, std::int64_t n) {
  F32 total = zero();
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) total = fma(load(a + i), load(b + i), total);
  if (i < n) total = fma(load_part(a + i, n - i), load_part(b + i, n - i), total);
  return sum(total);
}

// y += x * w
TTT_INLINE void add_scaled(float x, const float* w, float* y, std::int64_t n) {
  const F32 factor = splat(x);
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, fma(factor, load(w + i), load(y + i)));
  if (i < n) store_part(y + i, fma(factor, load_part(w + i, n - i), load_part(y + i, n - i)), n - i);
}

TTT_INLINE void decode_row(const RowsView& rows, std::int64_t seq, std::int64_t j, std::int64_t n, float* to) {
  const std::int32_t page = rows.page_of(seq, j);
  const std::int64_t offset = j % rows.page_rows;
  const std::byte* row = rows.row(page, 0, offset);
  const std::byte* scales = rows.scales == nullptr ? nullptr : rows.row_scales(page, 0, offset);
  switch (rows.format) {
    case Format::kBF16:
      return decode_part<Format::kBF16>(row, scales, 0, n, to);
    case Format::kInt8:
      return decode_part<Format::kInt8>(row, scales, 0, n, to);
    case Format::kBfp8B:
      return decode_part<Format::kBfp8B>(row, scales, 0, n, to);
    default:
      return decode_part<Format::kF32>(row, scales, 0, n, to);
  }
}

// Keys and values of all heads from one stored row.
TTT_INLINE void expand_row(const ExpandLatentsArgs& a, std::int64_t seq, std::int64_t j, float* turned, float* latent) {
  decode_row(a.state.keys, seq, j, a.turn, turned);
  decode_row(a.state.values, seq, j, a.rank, latent);
  for (std::int64_t h = 0; h < a.heads; ++h) {
    const std::int64_t at = (seq * a.heads + h) * a.longest + j, first = h * (a.key + a.value);
    float* k = a.k.row<float>(at);
    float* v = a.v.row<float>(at);
    std::memcpy(k, turned, static_cast<std::size_t>(a.turn) * sizeof(float));
    for (std::int64_t i = 0; i < a.key; ++i) k[a.turn + i] = dot(a.weight.row<float>(first + i), latent, a.rank);
    for (std::int64_t i = 0; i < a.value; ++i) v[i] = dot(a.weight.row<float>(first + a.key + i), latent, a.rank);
  }
}

TTT_INLINE void join_queries(const ExpandLatentsArgs& a, std::int64_t r) {
  for (std::int64_t h = 0; h < a.heads; ++h) {
    float* q = a.q.row<float>(r) + h * (a.turn + a.key);
    std::memcpy(q, a.turned.row<float>(r) + h * a.turn, static_cast<std::size_t>(a.turn) * sizeof(float));
    std::memcpy(q + a.turn, a.plain.row<float>(r) + h * a.key, static_cast<std::size_t>(a.key) * sizeof(float));
  }
}

}  // namespace

void absorb_queries(Exec& exec, const LatentArgs& a) noexcept {
  exec.threads.parallel_for(a.x.dim(0) * a.heads, [&](std::int64_t unit) {
    const std::int64_t r = unit / a.heads, h = unit % a.heads;
    const float* x = a.x.row<float>(r) + h * a.key;
    float* y = a.y.row<float>(r) + h * a.rank;
    std::memset(y, 0, static_cast<std::size_t>(a.rank) * sizeof(float));
    for (std::int64_t i = 0; i < a.key; ++i) {
      add_scaled(x[i], a.weight.row<float>(h * (a.key + a.value) + i), y, a.rank);
    }
  });
}

void expand_mixes(Exec& exec, const LatentArgs& a) noexcept {
  exec.threads.parallel_for(a.x.dim(0) * a.heads, [&](std::int64_t unit) {
    const std::int64_t r = unit / a.heads, h = unit % a.heads;
    const float* x = a.x.row<float>(r) + h * a.rank;
    float* y = a.y.row<float>(r) + h * a.value;
    for (std::int64_t i = 0; i < a.value; ++i) {
      y[i] = dot(a.weight.row<float>(h * (a.key + a.value) + a.key + i), x, a.rank);
    }
  });
}

void expand_latents(Exec& exec, const ExpandLatentsArgs& a) noexcept {
  const std::int64_t threads = exec.threads.size(), seqs = a.batch.seqs();
  for (std::int64_t s = 0; s < seqs; ++s) a.table[static_cast<std::size_t>(s)] = static_cast<std::int32_t>(s);
  exec.threads.parallel_for(threads, [&](std::int64_t thread) {
    float* turned = a.decoded.data() + thread * decoded_floats(a);
    float* latent = turned + (a.turn + 15) / 16 * 16;
    std::int64_t item = 0;
    for (std::int64_t s = 0; s < seqs; ++s) {
      const std::size_t i = static_cast<std::size_t>(s);
      const std::int64_t stored = a.batch.past[i] + a.batch.row_begin[i + 1] - a.batch.row_begin[i];
      for (std::int64_t j = 0; j < stored; ++j, ++item) {
        if (item % threads == thread) expand_row(a, s, j, turned, latent);
      }
    }
  });
  exec.threads.parallel_for(a.q.dim(0), [&](std::int64_t r) { join_queries(a, r); });
}

}  // namespace ttt::kernels::TTT_LEVEL
