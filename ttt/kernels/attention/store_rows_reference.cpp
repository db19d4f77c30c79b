#include <cmath>

#include "kernels/at_level.h"
#include "kernels/attention/store_rows.h"

namespace ttt::kernels::reference {
namespace {

template <bool kInterleaved>
void rotate(float* head, const double* table, std::int64_t pairs, std::int64_t block) {
  for (std::int64_t i = 0; i < pairs; ++i) {
    const std::int64_t first = kInterleaved ? 2 * i : i / block * block + i,
                       second = first + (kInterleaved ? 1 : block);
    const double a = static_cast<double>(head[first]), b = static_cast<double>(head[second]);
    const double cosine = table[i], sine = table[pairs + i];
    head[first] = static_cast<float>(a * cosine - b * sine);
    head[second] = static_cast<float>(b * cosine + a * sine);
  }
}

void scale_by_temperature(const StoreRowsArgs& args, std::int64_t r, float* q) {
  const std::int64_t p = args.batch.positions[static_cast<std::size_t>(r)] + args.temperature.offset;
  const double steps = static_cast<double>(p / args.temperature.floor);
  const double factor = std::log1p(steps) * static_cast<double>(args.temperature.scale) + 1;
  for (std::int64_t i = 0; i < args.heads * args.key_dim; ++i) {
    q[i] = static_cast<float>(static_cast<double>(q[i]) * factor);
  }
}

template <bool kInterleaved>
void rotate_rows(Exec& exec, const StoreRowsArgs& args) {
  const std::int64_t pairs = args.table.dim(1) / 2, block = args.block_pairs > 0 ? args.block_pairs : pairs;
  exec.threads.parallel_for(args.q.dim(0), [&](std::int64_t r) {
    const double* table = args.table.row<double>(r);
    const auto heads = [&](float* x, std::int64_t count) {
      for (std::int64_t h = 0; h < count; ++h) rotate<kInterleaved>(x + h * args.key_dim, table, pairs, block);
    };
    heads(args.q.row<float>(r), args.heads);
    heads(args.k.row<float>(r), args.kv_heads);
    if (args.temperature.scale != 0) scale_by_temperature(args, r, args.q.row<float>(r));
  });
}

}  // namespace

void rotate_rows_half(Exec& exec, const StoreRowsArgs& args) noexcept { rotate_rows<false>(exec, args); }
void rotate_rows_inter(Exec& exec, const StoreRowsArgs& args) noexcept { rotate_rows<true>(exec, args); }

void rotary_table(Exec& exec, const RotaryTableArgs& args) noexcept {
  const std::int64_t pairs = static_cast<std::int64_t>(args.inv_freq.size()), rows = args.table.dim(0);
  const std::int64_t axis_stride = static_cast<std::int64_t>(args.positions.size()) > rows ? rows : 0;
  exec.threads.parallel_for(rows, [&](std::int64_t r) {
    double* cosines = args.table.row<double>(r);
    for (std::int64_t i = 0; i < pairs; ++i) {
      const std::int64_t axis = args.axes.empty() ? 0 : args.axes[static_cast<std::size_t>(i)];
      const float position = static_cast<float>(args.positions[static_cast<std::size_t>(axis * axis_stride + r)]);
      const float angle = position * args.inv_freq[static_cast<std::size_t>(i)];
      const double factor = static_cast<double>(args.attention_factor);
      cosines[i] = std::cos(static_cast<double>(angle)) * factor;
      cosines[pairs + i] = std::sin(static_cast<double>(angle)) * factor;
    }
  });
}

}  // namespace ttt::kernels::reference

namespace ttt::kernels {
TTT_KERNELS_OF(reference, RotateRowsKernels, .rotary_table = rotary_table,
               .rotate = {rotate_rows_half, rotate_rows_inter})
}  // namespace ttt::kernels
