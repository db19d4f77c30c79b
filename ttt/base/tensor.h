#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "base/format.h"

namespace ttt {

// Extents, outermost first. Rank 0 to 4.
class Shape {
 public:
  static constexpr int kMaxRank = 4;

  constexpr Shape() = default;
  Shape(std::initializer_list<std::int64_t> extents);  // throws beyond rank 4 or below 0

  int rank() const { return rank_; }
  std::int64_t operator[](int i) const { return extents_[static_cast<std::size_t>(i)]; }
  std::int64_t elements() const;  // the product; 1 for rank 0
  std::string to_string() const;  // "[32, 64]"
  void append(std::int64_t extent);

  bool operator==(const Shape&) const = default;

 private:
  std::array<std::int64_t, kMaxRank> extents_{};
  int rank_ = 0;
};

// The order of a view's values in memory.
enum class Layout : std::uint8_t {
  kRowMajor,  // rows of the last extent one after the other, each dense; grouped formats: blocks as in files
  kPanels,    // codes reordered for the matrix product; kernels/formats/packed.h
};

// A typed view of memory that it does not own. `row_bytes` is the distance between rows, which are neighbours along the
// last extent but one; outer extents are packed. A view of packed weights keeps the logical shape.
struct ConstTensorView {
  const std::byte* data = nullptr;
  Format format = Format::kF32;
  Layout layout = Layout::kRowMajor;
  Shape shape = {};
  std::int64_t row_bytes = 0;

  std::int64_t dim(int i) const { return shape[i]; }
  std::int64_t rows() const;  // product of all extents but the last
  template <class T>
  const T* row(std::int64_t r) const {
    return reinterpret_cast<const T*>(data + r * row_bytes);
  }
  explicit operator bool() const { return shape.rank() > 0; }  // false: absent (a bias that a Spec does not have)
};

struct TensorView {
  std::byte* data = nullptr;
  Format format = Format::kF32;
  Shape shape = {};
  std::int64_t row_bytes = 0;

  std::int64_t dim(int i) const { return shape[i]; }
  std::int64_t rows() const;
  template <class T>
  T* row(std::int64_t r) const {
    return reinterpret_cast<T*>(data + r * row_bytes);
  }
  explicit operator bool() const { return shape.rank() > 0; }
  operator ConstTensorView() const { return {data, format, Layout::kRowMajor, shape, row_bytes}; }
};

// Dense row-major views over caller's memory.
ConstTensorView view_of(const float* data, Shape shape);
TensorView view_of(float* data, Shape shape);
ConstTensorView view_of(const std::byte* data, Format format, Shape shape);
TensorView view_of(std::byte* data, Format format, Shape shape);

// Rows [begin, begin + count) of a row-major view of rank 2.
TensorView rows_of(const TensorView& x, std::int64_t begin, std::int64_t count);
ConstTensorView rows_of(const ConstTensorView& x, std::int64_t begin, std::int64_t count);
// Columns [begin, begin + count) of a dense row-major view of rank 2.
TensorView columns_of(const TensorView& x, std::int64_t begin, std::int64_t count);
ConstTensorView columns_of(const ConstTensorView& x, std::int64_t begin, std::int64_t count);

}  // namespace ttt
