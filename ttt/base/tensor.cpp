#include "base/tensor.h"

#include "base/checked.h"
#include "base/error.h"

namespace ttt {

Shape::Shape(std::initializer_list<std::int64_t> extents) {
  for (const std::int64_t e : extents) append(e);
}

void Shape::append(std::int64_t extent) {
  require(rank_ < kMaxRank, ErrorKind::kInternal, "a shape wanted at most ", kMaxRank, " extents");
  require(extent >= 0, ErrorKind::kBadData, "a shape wanted extents of at least 0, got ", extent);
  extents_[static_cast<std::size_t>(rank_++)] = extent;
}

std::int64_t Shape::elements() const {
  std::int64_t n = 1;
  for (int i = 0; i < rank_; ++i) n = checked_mul(n, (*this)[i], "shape");
  return n;
}

std::string Shape::to_string() const {
  std::string s = "[";
  for (int i = 0; i < rank_; ++i) s += text(i ? ", " : "", (*this)[i]);
  return s + "]";
}

namespace {

std::int64_t rows_above_last(const Shape& s) {
  std::int64_t n = 1;
  for (int i = 0; i + 1 < s.rank(); ++i) n *= s[i];
  return n;
}

std::int64_t bytes_of_last(Format format, const Shape& s) {
  return s.rank() == 0 ? 0 : stored_bytes(format, s[s.rank() - 1], "view");
}

template <class View>
View slice_rows(const View& x, std::int64_t begin, std::int64_t count) {
  View r = x;
  r.shape = {count, x.dim(1)};
  r.data = x.data + begin * x.row_bytes;
  return r;
}

template <class View>
View slice_columns(const View& x, std::int64_t begin, std::int64_t count) {
  View r = x;
  r.shape = {x.dim(0), count};
  r.data = x.data + begin * traits_of(x.format).block_bytes;
  return r;
}

}  // namespace

std::int64_t ConstTensorView::rows() const { return rows_above_last(shape); }
std::int64_t TensorView::rows() const { return rows_above_last(shape); }

ConstTensorView view_of(const std::byte* data, Format format, Shape shape) {
  return {data, format, Layout::kRowMajor, shape, bytes_of_last(format, shape)};
}
TensorView view_of(std::byte* data, Format format, Shape shape) {
  return {data, format, shape, bytes_of_last(format, shape)};
}
ConstTensorView view_of(const float* data, Shape shape) {
  return view_of(reinterpret_cast<const std::byte*>(data), Format::kF32, shape);
}
TensorView view_of(float* data, Shape shape) {
  return view_of(reinterpret_cast<std::byte*>(data), Format::kF32, shape);
}

TensorView rows_of(const TensorView& x, std::int64_t begin, std::int64_t count) { return slice_rows(x, begin, count); }
ConstTensorView rows_of(const ConstTensorView& x, std::int64_t begin, std::int64_t count) {
  return slice_rows(x, begin, count);
}
TensorView columns_of(const TensorView& x, std::int64_t begin, std::int64_t count) {
  return slice_columns(x, begin, count);
}
ConstTensorView columns_of(const ConstTensorView& x, std::int64_t begin, std::int64_t count) {
  return slice_columns(x, begin, count);
}

}  // namespace ttt
