#include "runtime/random_source.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <iterator>
#include <span>

#include "base/checked.h"
#include "kernels/formats/half.h"
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
    // Values are well inside every range, so truncated bf16 is as good as rounded.
    if (format == Format::kF32) {
      std::memcpy(to + 4 * i, &row[i], 4);
    } else {
      const std::uint16_t h = format == Format::kF16
                                  ? kernels::f32_to_f16(row[i])
                                  : static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(row[i]) >> 16);
      std::memcpy(to + 2 * i, &h, 2);
    }
  }
}

// Where a block of a format that values are not rounded to has its f16 scale and its f16 minimum, and what a scale and
// a minimum of 1 make of random codes: the largest distance from their mean, and the mean. Of three codes, which lie
// far out more often than those of many bits, it is more than the distance, so that the variance is about as theirs.
struct StoredScale {
  Format format;
  std::size_t scale_at;
  std::size_t minimum_at;  // kNone: the codes are centred
  float most;
  float mean;  // of codes without a centre; the minimum takes it away
};
constexpr std::size_t kNone = ~std::size_t{0};
constexpr StoredScale kStoredScales[] = {
    {Format::kQ4_0, 0, kNone, 8, 0},          {Format::kQ4_1, 0, 2, 7.5f, -7.5f},
    {Format::kQ5_0, 0, kNone, 16, 0},         {Format::kQ5_1, 0, 2, 15.5f, -15.5f},
    {Format::kQ4_K, 0, 2, 63 * 7.5f, 7.5f},   {Format::kQ5_K, 0, 2, 63 * 15.5f, 15.5f},
    {Format::kQ6_K, 208, kNone, 128 * 32, 0}, {Format::kQ2_K, 80, 82, 15 * 1.5f, 1.5f},
    {Format::kQ3_K, 108, kNone, 32 * 4, 0},   {Format::kIQ4_NL, 0, kNone, 127, 0},
    {Format::kIQ4_XS, 0, kNone, 32 * 127, 0}, {Format::kTQ1_0, 52, kNone, 1.4f, 0},
    {Format::kTQ2_0, 64, kNone, 1.2f, 0},
};

const StoredScale* stored_scale(Format format) {
  const auto* const found = std::ranges::find(kStoredScales, format, &StoredScale::format);
  return found == std::end(kStoredScales) ? nullptr : found;
}

void put_half(float value, std::byte* to) {
  const std::uint16_t h = kernels::f32_to_f16(value);
  std::memcpy(to, &h, sizeof h);
}

// A row as files hold it: random bytes with scales that keep the values within about `width`.
void fill_stored_row(Format format, std::int64_t r, std::span<std::byte> row, float width) {
  for (std::size_t i = 0; i < row.size(); i += 8) {
    const std::uint64_t bits = mix(static_cast<std::uint64_t>(r) * row.size() + i);
    std::memcpy(row.data() + i, &bits, std::min<std::size_t>(8, row.size() - i));
  }
  const StoredScale* scale = stored_scale(format);
  const auto block = static_cast<std::size_t>(traits_of(format).block_bytes);
  for (std::size_t at = 0; at < row.size(); at += block) {
    std::byte* b = row.data() + at;
    if (scale == nullptr) {  // kMXFP4: numbers up to 6 times a power of two
      b[0] = static_cast<std::byte>(127 + std::ilogb(width / 6));
      continue;
    }
    // The codes 0, 1 and 2 of two bits. There is no 3: it becomes 1, which stands for 0.
    for (std::size_t i = 0; i < block && format == Format::kTQ2_0; ++i) b[i] &= ~((b[i] & std::byte{0x55}) << 1);
    put_half(width / scale->most, b + scale->scale_at);
    if (scale->minimum_at != kNone) put_half(scale->mean * width / scale->most, b + scale->minimum_at);
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

std::byte* RandomSource::allocate(std::int64_t bytes) {
  bytes_ += bytes;
  return mode_ == Mode::kPlan ? nullptr : memory_.emplace_back(bytes).data();
}

ConstTensorView RandomSource::dense(const WeightRequest& request, Format format) {
  require(is_dense(format), ErrorKind::kUnsupported, "[", request.path, "] ", request.name.name,
          ": random weights wanted f32, f16, bf16 or a grouped format, got ", name_of(format));
  const Shape shape = request.cut_shape();
  const std::int64_t n = shape.rank() == 0 ? 1 : shape[shape.rank() - 1];
  const std::int64_t rows = n == 0 ? 0 : shape.elements() / n, row_bytes = stored_bytes(format, n, "random weights");
  std::byte* data = allocate(checked_mul(rows, row_bytes, "random weights"));
  if (data == nullptr) return view_of(static_cast<const std::byte*>(nullptr), format, shape);
  const bool vector = request.use == WeightUse::kVector;
  const float width = vector ? 0.1f : std::sqrt(3.0f / static_cast<float>(std::max<std::int64_t>(n, 1)));
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
  std::byte* data = allocate(kernels::packed_bytes(format, out, in));
  const ConstTensorView made{.data = data, .format = format, .layout = Layout::kPanels, .shape = shape, .row_bytes = 0};
  if (data == nullptr) return made;
  const std::int64_t count = div_up(out, kernels::kPanelColumns);
  const float width = std::sqrt(3.0f / static_cast<float>(std::max<std::int64_t>(in, 1)));
  const bool quantised = can_quantise_to(format);
  // A file's row has whole blocks; the packed one has what is wanted of it.
  const std::int64_t wide = quantised ? in : checked_round_up(in, traits_of(format).block_elements, "random weights");
  const std::int64_t row_bytes = stored_bytes(quantised ? Format::kF32 : format, wide, "random weights");
  parallel_for_(count, [=](std::int64_t p) {
    // Every panel repeats the rows of the first: the source is one panel high.
    std::vector<std::byte> rows(static_cast<std::size_t>(kernels::kPanelColumns * row_bytes));
    for (std::int64_t r = 0; r < kernels::kPanelColumns; ++r) {
      std::byte* row = rows.data() + r * row_bytes;
      if (quantised) {
        fill_row(reinterpret_cast<float*>(row), r + 16 * p, in, width, 0);
      } else {
        fill_stored_row(format, r + 16 * p, {row, static_cast<std::size_t>(row_bytes)}, width);
      }
    }
    std::vector<std::int64_t> index(static_cast<std::size_t>(out));
    for (std::int64_t r = 0; r < out; ++r) index[static_cast<std::size_t>(r)] = r % kernels::kPanelColumns;
    const kernels::PackSource source{.rows = view_of(static_cast<const std::byte*>(rows.data()),
                                                     quantised ? Format::kF32 : format, {kernels::kPanelColumns, wide}),
                                     .row_index = index.data()};
    kernels::pack_panels(format, source, out, in, p, p + 1, data);
  });
  return made;
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
