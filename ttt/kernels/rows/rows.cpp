#include "kernels/rows/rows.h"

#include <algorithm>
#include <cstring>

#include "kernels/formats/packed.h"

namespace ttt::kernels {

void embed(Exec& exec, const EmbedArgs& args) noexcept {
  const std::int64_t rows = static_cast<std::int64_t>(args.ids.size()), dim = args.y.dim(1);
  exec.threads.parallel_for(rows, [&](std::int64_t r) {
    float* y = args.y.row<float>(r);
    const std::int64_t row = args.ids[static_cast<std::size_t>(r)] - args.first_row;
    if (row < 0 || row >= args.table.dim(0)) {
      std::fill(y, y + dim, 0.0f);
      return;
    }
    decode_row(args.table, row, 0, dim, y);
    // A sum over ranks turns -0 into 0; so does this, whatever the number of ranks.
    for (std::int64_t i = 0; i < dim; ++i) y[i] = y[i] * args.scale + 0.0f;
  });
}

double operations(const EmbedArgs& args) { return static_cast<double>(args.y.shape.elements()); }
double bytes(const EmbedArgs& args) {
  const double values = static_cast<double>(args.y.shape.elements());
  return values * (4 + traits_of(args.table.format).nominal_bits / 8);
}

void add_table_rows(Exec& exec, const AddTableRowsArgs& args) noexcept {
  constexpr std::int64_t kRun = 256;
  const std::int64_t dim = args.y.dim(1);
  exec.threads.parallel_for(args.y.dim(0), [&](std::int64_t r) {
    const std::int64_t row = args.ids.empty() ? 0 : args.ids[static_cast<std::size_t>(r)];
    float* y = args.y.row<float>(r);
    float values[kRun];
    for (std::int64_t begin = 0; begin < dim; begin += kRun) {
      const std::int64_t count = std::min(kRun, dim - begin);
      decode_row(args.table, row, begin, count, values);
      for (std::int64_t i = 0; i < count; ++i) y[begin + i] += values[i];
    }
  });
}

double operations(const AddTableRowsArgs& args) { return static_cast<double>(args.y.shape.elements()); }
double bytes(const AddTableRowsArgs& args) {
  const double values = static_cast<double>(args.y.shape.elements());
  return values * (8 + traits_of(args.table.format).nominal_bits / 8);
}

void gather_rows(Exec&, const GatherRowsArgs& args) noexcept {
  const std::size_t row_bytes = static_cast<std::size_t>(args.x.dim(1)) * sizeof(float);
  for (std::size_t i = 0; i < args.index.size(); ++i) {
    std::memcpy(args.y.row<float>(static_cast<std::int64_t>(i)), args.x.row<float>(args.index[i]), row_bytes);
  }
}

double operations(const GatherRowsArgs&) { return 0; }
double bytes(const GatherRowsArgs& args) { return 8.0 * static_cast<double>(args.y.shape.elements()); }

void concat_columns(Exec& exec, const ConcatColumnsArgs& args) noexcept {
  const std::int64_t rows = args.y.dim(0);
  exec.threads.parallel_for(rows, [&](std::int64_t r) {
    const float* part = args.parts;
    float* y = args.y.row<float>(r);
    for (const std::int64_t count : args.counts) {
      std::memcpy(y, part + r * count, static_cast<std::size_t>(count) * sizeof(float));
      part += rows * count;
      y += count;
    }
  });
}

double operations(const ConcatColumnsArgs&) { return 0; }
double bytes(const ConcatColumnsArgs& args) { return 8.0 * static_cast<double>(args.y.shape.elements()); }

}  // namespace ttt::kernels
