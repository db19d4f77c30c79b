#include <algorithm>
#include <cstring>

#include "kernels/at_level.h"
#include "kernels/attention/attend_latent.h"
#include "kernels/formats/stored_value.h"

namespace ttt::kernels::reference {
namespace {

// row `row` of the weight . x, whose value d is x(d)
template <class X>
double dot(const ConstTensorView& weight, LatentRowFn weight_row, std::int64_t row, std::int64_t rank, const X& x) {
  float buffer[kLatentPart];
  double sum = 0;
  for (std::int64_t begin = 0; begin < rank; begin += kLatentPart) {
    const std::int64_t n = std::min(kLatentPart, rank - begin);
    const float* w = weight_row(weight, row, begin, n, buffer);
    for (std::int64_t d = 0; d < n; ++d) sum += static_cast<double>(w[d]) * x(begin + d);
  }
  return sum;
}

void expand_row(const ExpandLatentsArgs& a, std::int64_t seq, std::int64_t j) {
  const auto stored = [&](const RowsView& rows, std::int64_t d) {
    return stored_value<double>(rows, rows.page_of(seq, j), 0, j % rows.page_rows, d);
  };
  const auto latent = [&](std::int64_t d) { return stored(a.state.values, d); };
  for (std::int64_t h = 0; h < a.heads; ++h) {
    const std::int64_t at = (seq * a.heads + h) * a.longest + j;
    float* k = a.k.row<float>(at);
    float* v = a.v.row<float>(at);
    for (std::int64_t i = 0; i < a.rope; ++i) k[i] = static_cast<float>(stored(a.state.keys, i));
    for (std::int64_t i = 0; i < a.key; ++i) {
      k[a.rope + i] = static_cast<float>(dot(a.key_weight, a.key_row, h * a.key + i, a.rank, latent));
    }
    for (std::int64_t i = 0; i < a.value; ++i) {
      v[i] = static_cast<float>(dot(a.value_weight, a.value_row, h * a.value + i, a.rank, latent));
    }
  }
}

void join_queries(const ExpandLatentsArgs& a, std::int64_t r) {
  for (std::int64_t h = 0; h < a.heads; ++h) {
    float* q = a.q.row<float>(r) + h * (a.rope + a.key);
    std::copy_n(a.q_rope.row<float>(r) + h * a.rope, a.rope, q);
    std::copy_n(a.q_nope.row<float>(r) + h * a.key, a.key, q + a.rope);
  }
}

}  // namespace

void absorb_queries(Exec& exec, const LatentArgs& a) noexcept {
  exec.threads.parallel_for(a.x.dim(0) * a.heads, [&](std::int64_t unit) {
    float buffer[kLatentPart];
    const std::int64_t r = unit / a.heads, h = unit % a.heads;
    for (std::int64_t begin = 0; begin < a.rank; begin += kLatentPart) {
      const std::int64_t n = std::min(kLatentPart, a.rank - begin);
      double sums[kLatentPart] = {};
      for (std::int64_t i = 0; i < a.key; ++i) {
        const float* w = a.weight_row(a.weight, h * a.key + i, begin, n, buffer);
        const double x = static_cast<double>(a.x.row<float>(r)[h * a.key + i]);
        for (std::int64_t d = 0; d < n; ++d) sums[d] += x * static_cast<double>(w[d]);
      }
      float* y = a.y.row<float>(r) + h * a.rank + begin;
      for (std::int64_t d = 0; d < n; ++d) y[d] = static_cast<float>(sums[d]);
    }
  });
}

void project_values(Exec& exec, const LatentArgs& a) noexcept {
  exec.threads.parallel_for(a.x.dim(0) * a.heads, [&](std::int64_t unit) {
    const std::int64_t r = unit / a.heads, h = unit % a.heads;
    const float* x = a.x.row<float>(r) + h * a.rank;
    for (std::int64_t i = 0; i < a.value; ++i) {
      a.y.row<float>(r)[h * a.value + i] = static_cast<float>(dot(
          a.weight, a.weight_row, h * a.value + i, a.rank, [&](std::int64_t d) { return static_cast<double>(x[d]); }));
    }
  });
}

void expand_latents(Exec& exec, const ExpandLatentsArgs& a) noexcept {
  for (std::int64_t s = 0; s < a.batch.seqs(); ++s) {
    const std::size_t i = static_cast<std::size_t>(s);
    a.table[i] = static_cast<std::int32_t>(s);
    const std::int64_t stored = a.batch.past[i] + a.batch.row_begin[i + 1] - a.batch.row_begin[i];
    exec.threads.parallel_for(stored, [&](std::int64_t j) { expand_row(a, s, j); });
  }
  exec.threads.parallel_for(a.q.dim(0), [&](std::int64_t r) { join_queries(a, r); });
}

}  // namespace ttt::kernels::reference

namespace ttt::kernels {
TTT_KERNELS_OF(reference, LatentKernels, .absorb_queries = absorb_queries, .project_values = project_values,
               .expand_latents = expand_latents)
}  // namespace ttt::kernels
