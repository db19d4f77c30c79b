#include "testing/values.h"

#include <cmath>
#include <numbers>

#include "base/error.h"

namespace ttt::testing {
namespace {

// splitmix64: the distributions of the standard library differ between its implementations.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  double unit() {  // in (0, 1)
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (static_cast<double>((z ^ (z >> 31)) >> 12) + 0.5) * 0x1p-52;
  }

 private:
  std::uint64_t state_;
};

Values empty_rows(std::int64_t rows, std::int64_t width) {
  require(rows >= 0 && width > 0, ErrorKind::kUsage, "random values wanted rows >= 0 and a positive width, got ", rows,
          " and ", width);
  return {.data = std::vector<float>(static_cast<std::size_t>(rows * width)), .width = width};
}

}  // namespace

std::int64_t Values::rows() const {
  return width > 0 ? static_cast<std::int64_t>(data.size()) / width : static_cast<std::int64_t>(ids.size());
}

ConstTensorView Values::view() const { return view_of(data.data(), {rows(), width}); }

Values rows_of_values(std::vector<float> data, std::int64_t width) {
  require(width > 0 && static_cast<std::int64_t>(data.size()) % width == 0, ErrorKind::kUsage,
          "values wanted whole rows of ", width, ", got ", data.size(), " values");
  return {.data = std::move(data), .width = width};
}

Values token_ids(std::vector<std::int32_t> ids) { return {.ids = std::move(ids)}; }

Values normal(std::int64_t rows, std::int64_t width, std::uint64_t seed, double deviation, double mean) {
  Values v = empty_rows(rows, width);
  Random random(seed);
  for (float& x : v.data) {
    const double radius = std::sqrt(-2 * std::log(random.unit()));
    x = static_cast<float>(mean + deviation * radius * std::cos(2 * std::numbers::pi * random.unit()));
  }
  return v;
}

Values uniform(std::int64_t rows, std::int64_t width, std::uint64_t seed, double low, double high) {
  Values v = empty_rows(rows, width);
  Random random(seed);
  for (float& x : v.data) x = static_cast<float>(low + (high - low) * random.unit());
  return v;
}

std::vector<float> copy_of(ConstTensorView x) {
  require(x.format == Format::kF32, ErrorKind::kUsage, "values wanted in f32, got ", name_of(x.format));
  const std::int64_t width = x.shape.rank() == 0 ? 0 : x.dim(x.shape.rank() - 1), rows = width == 0 ? 0 : x.rows();
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(rows * width));
  for (std::int64_t r = 0; r < rows; ++r) values.insert(values.end(), x.row<float>(r), x.row<float>(r) + width);
  return values;
}

Values Capture::values() const {
  require(values_.width > 0, ErrorKind::kUsage, "nothing was written at ", path_, " while it was captured");
  return values_;
}

void Capture::done(const Place& place, TensorView y) {
  if (place.path != path_) return;
  const std::vector<float> rows = copy_of(y);
  values_.data.insert(values_.data.end(), rows.begin(), rows.end());
  values_.width = y.dim(y.shape.rank() - 1);
}

}  // namespace ttt::testing
