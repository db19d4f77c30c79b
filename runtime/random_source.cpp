#include "runtime/random_source.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/checked.h"
#include "kernels/formats/packed.h"

namespace ttt {
namespace {

// splitmix64 (Steele, Lea, Flood, 2014), a number per index.
std::uint64_t mix(std::uint64_t i) {
  std::uint64_t z = i * 0x9e3779b97f4a7c15u + 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

float uniform(std::uint64_t i) { return static_cast<float>(mix(i) >> 40) * 0x1p-23f - 1.0f; }

void fill_row(float* row, std::int64_t r, std::int64_t n, float width, float centre) {
  const auto first = static_cast<std::uint64_t>(r * n);
  for (std::int64_t i = 0; i < n; ++i) row[i] = centre + width * uniform(first + static_cast<std::uint64_t>(i));
}

void store_row(std::byte* to, const std::vector<float>& row, Format format) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    // Values are well inside both ranges, so truncated bf16 is as good as rounded, and _Float16 rounds.
    if (format == Format::kBF16) {
      const auto h = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(row[i]) >> 16);
      std::memcpy(to + 2 * i, &h, 2);
    } else {
      std::memcpy(to + 4 * i, &row[i], 4);
    }
  }
}

// Which part of which tensor is asked for.
std::string part_of(const WeightRequest& r) {
  const TensorName& n = r.name;
  return text(r.full_name(), " ", r.shape.to_string(), " rows ", n.begin, "+", n.run, "/", n.stride, "x", n.count,
              " of ", n.outer, n.transposed ? " transposed" : "", " cut ", r.cut.axis, " ", r.cut.begin, "+",
              r.cut.count);
}

}  // namespace

std::int64_t RandomSource::bytes() const {
  std::int64_t n = 0;
  for (const Buffer& b : memory_) n += b.size();
  return n;
}

ConstTensorView RandomSource::dense(const WeightRequest& request, Format format) {
  require(format == Format::kF32 || format == Format::kBF16, ErrorKind::kUnsupported, "[", request.path, "] ",
          request.name.name, ": random weights wanted f32, bf16 or a grouped format, got ", name_of(format));
  const Shape shape = request.cut_shape();
  const std::int64_t n = shape.rank() == 0 ? 1 : shape[shape.rank() - 1];
  const std::int64_t rows = n == 0 ? 0 : shape.elements() / n, row_bytes = stored_bytes(format, n, "random weights");
  Buffer& memory = memory_.emplace_back(checked_mul(rows, row_bytes, "random weights"));
  const bool vector = request.use == WeightUse::kVector;
  const float width = vector ? 0.1f : std::sqrt(3.0f / static_cast<float>(std::max<std::int64_t>(n, 1)));
  std::byte* data = memory.data();
  parallel_for_(rows, [=](std::int64_t r) {
    std::vector<float> row(static_cast<std::size_t>(n));
    fill_row(row.data(), r, n, width, vector ? 1.0f : 0.0f);
    store_row(data + r * row_bytes, row, format);
  });
  return view_of(static_cast<const std::byte*>(data), format, shape);
}

ConstTensorView RandomSource::panels(const WeightRequest& request, Format format) {
  const Shape shape = request.cut_shape();
  const std::int64_t out = shape[0], in = shape[1];
  Buffer& memory = memory_.emplace_back(kernels::packed_bytes(format, out, in));
  std::byte* data = memory.data();
  const std::int64_t count = div_up(out, kernels::kPanelColumns);
  const float width = std::sqrt(3.0f / static_cast<float>(std::max<std::int64_t>(in, 1)));
  parallel_for_(count, [=](std::int64_t p) {
    // Every panel repeats the rows of the first: the source is one panel high.
    std::vector<float> rows(static_cast<std::size_t>(kernels::kPanelColumns * in));
    for (std::int64_t r = 0; r < kernels::kPanelColumns; ++r) fill_row(rows.data() + r * in, r + 16 * p, in, width, 0);
    std::vector<std::int64_t> index(static_cast<std::size_t>(out));
    for (std::int64_t r = 0; r < out; ++r) index[static_cast<std::size_t>(r)] = r % kernels::kPanelColumns;
    const kernels::PackSource source{.rows = view_of(rows.data(), {kernels::kPanelColumns, in}),
                                     .row_index = index.data()};
    kernels::pack_panels(format, source, out, in, p, p + 1, data);
  });
  return {.data = data, .format = format, .layout = Layout::kPanels, .shape = shape, .row_bytes = 0};
}

ConstTensorView RandomSource::fetch(const WeightRequest& request) {
  const bool vector = request.use == WeightUse::kVector;
  const Format format = vector ? Format::kF32 : request.format.value_or(stored_);
  const bool packed = request.use == WeightUse::kMatrix && is_grouped(format);
  // Tables are looked up row by row and cost no time in a benchmark: bf16 stands in for grouped rows.
  const Format made = packed || is_dense(format) ? format : Format::kBF16;
  const auto [known, is_new] = known_.try_emplace(text(part_of(request), " ", name_of(made), " ", packed));
  if (is_new) known->second = packed ? panels(request, made) : dense(request, made);
  return known->second;
}

}  // namespace ttt
