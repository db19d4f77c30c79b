#include "kernels/attention/attend_latent.h"

#include "kernels/attention/cpu/attend_tile.h"

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

// sums[r] = row `row` of the weight . x[r, :] for `count` rows that lie `stride` floats apart
TTT_INLINE void dots(const ConstTensorView& weight, LatentRowFn weight_row, std::int64_t row, std::int64_t rank,
                     const float* x, std::int64_t stride, std::int64_t count, float* sums) {
  alignas(64) float buffer[kLatentPart];
  for (std::int64_t begin = 0; begin < rank; begin += kLatentPart) {
    const std::int64_t n = rank - begin < kLatentPart ? rank - begin : kLatentPart;
    const float* w = weight_row(weight, row, begin, n, buffer);
    for (std::int64_t r = 0; r < count; ++r) {
      const float part = dot(w, x + r * stride + begin, n);
      sums[r] = begin == 0 ? part : sums[r] + part;
    }
  }
}

// Keys and values of all heads from `count` stored rows from `first` on. decoded: decoded_floats(a).
TTT_INLINE void expand_rows(const ExpandLatentsArgs& a, std::int64_t seq, std::int64_t first, std::int64_t count,
                            float* decoded) {
  const std::int64_t width = (a.rank + 15) / 16 * 16;
  float* latents = decoded;
  float* turned = decoded + kLatentRows * width;
  for (std::int64_t r = 0; r < count; ++r) {
    decode_row(a.state.keys, seq, first + r, a.rope, turned);
    decode_row(a.state.values, seq, first + r, a.rank, latents + r * width);
    for (std::int64_t h = 0; h < a.heads; ++h) {
      float* k = a.k.row<float>((seq * a.heads + h) * a.longest + first + r);
      std::memcpy(k, turned, static_cast<std::size_t>(a.rope) * sizeof(float));
    }
  }
  float sums[kLatentRows];
  for (std::int64_t h = 0; h < a.heads; ++h) {
    const std::int64_t at = (seq * a.heads + h) * a.longest + first;
    for (std::int64_t i = 0; i < a.key; ++i) {
      dots(a.key_weight, a.key_row, h * a.key + i, a.rank, latents, width, count, sums);
      for (std::int64_t r = 0; r < count; ++r) a.k.row<float>(at + r)[a.rope + i] = sums[r];
    }
    for (std::int64_t i = 0; i < a.value; ++i) {
      dots(a.value_weight, a.value_row, h * a.value + i, a.rank, latents, width, count, sums);
      for (std::int64_t r = 0; r < count; ++r) a.v.row<float>(at + r)[i] = sums[r];
    }
  }
}

TTT_INLINE void join_queries(const ExpandLatentsArgs& a, std::int64_t r) {
  for (std::int64_t h = 0; h < a.heads; ++h) {
    float* q = a.q.row<float>(r) + h * (a.rope + a.key);
    std::memcpy(q, a.q_rope.row<float>(r) + h * a.rope, static_cast<std::size_t>(a.rope) * sizeof(float));
    std::memcpy(q + a.rope, a.q_nope.row<float>(r) + h * a.key, static_cast<std::size_t>(a.key) * sizeof(float));
  }
}

}  // namespace

void absorb_queries(Exec& exec, const LatentArgs& a) noexcept {
  const std::int64_t rows = a.x.dim(0), blocks = (rows + kLatentRows - 1) / kLatentRows;
  const std::int64_t parts = (a.rank + kLatentPart - 1) / kLatentPart;
  exec.threads.parallel_for(a.heads * parts * blocks, [&](std::int64_t unit) {
    alignas(64) float buffer[kLatentPart];
    const std::int64_t h = unit / (parts * blocks), begin = unit / blocks % parts * kLatentPart;
    const std::int64_t n = a.rank - begin < kLatentPart ? a.rank - begin : kLatentPart;
    const std::int64_t first = unit % blocks * kLatentRows;
    const std::int64_t last = first + kLatentRows < rows ? first + kLatentRows : rows;
    const auto y = [&](std::int64_t r) { return a.y.row<float>(r) + h * a.rank + begin; };
    for (std::int64_t r = first; r < last; ++r) std::memset(y(r), 0, static_cast<std::size_t>(n) * sizeof(float));
    for (std::int64_t i = 0; i < a.key; ++i) {
      const float* w = a.weight_row(a.weight, h * a.key + i, begin, n, buffer);
      for (std::int64_t r = first; r < last; ++r) add_scaled(a.x.row<float>(r)[h * a.key + i], w, y(r), n);
    }
  });
}

void project_values(Exec& exec, const LatentArgs& a) noexcept {
  const std::int64_t rows = a.x.dim(0), blocks = (rows + kLatentRows - 1) / kLatentRows;
  exec.threads.parallel_for(a.heads * blocks, [&](std::int64_t unit) {
    float sums[kLatentRows];
    const std::int64_t h = unit / blocks, first = unit % blocks * kLatentRows;
    const std::int64_t count = rows - first < kLatentRows ? rows - first : kLatentRows;
    for (std::int64_t i = 0; i < a.value; ++i) {
      dots(a.weight, a.weight_row, h * a.value + i, a.rank, a.x.row<float>(first) + h * a.rank, a.heads * a.rank, count,
           sums);
      for (std::int64_t r = 0; r < count; ++r) a.y.row<float>(first + r)[h * a.value + i] = sums[r];
    }
  });
}

void expand_latents(Exec& exec, const ExpandLatentsArgs& a) noexcept {
  const std::int64_t threads = exec.threads.size(), seqs = a.batch.seqs();
  for (std::int64_t s = 0; s < seqs; ++s) a.table[static_cast<std::size_t>(s)] = static_cast<std::int32_t>(s);
  exec.threads.parallel_for(threads, [&](std::int64_t thread) {
    float* decoded = a.decoded.data() + thread * decoded_floats(a);
    std::int64_t item = 0;
    for (std::int64_t s = 0; s < seqs; ++s) {
      const std::size_t i = static_cast<std::size_t>(s);
      const std::int64_t stored = a.batch.past[i] + a.batch.row_begin[i + 1] - a.batch.row_begin[i];
      for (std::int64_t j = 0; j < stored; j += kLatentRows, ++item) {
        const std::int64_t count = stored - j < kLatentRows ? stored - j : kLatentRows;
        if (item % threads == thread) expand_rows(a, s, j, count, decoded);
      }
    }
  });
  exec.threads.parallel_for(a.q.dim(0), [&](std::int64_t r) { join_queries(a, r); });
}

}  // namespace ttt::kernels::TTT_LEVEL

namespace ttt::kernels {
TTT_KERNELS(LatentKernels, .absorb_queries = absorb_queries, .project_values = project_values,
            .expand_latents = expand_latents)
}  // namespace ttt::kernels
