#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace ttt::python {

using Ids = nanobind::ndarray<const std::int32_t, nanobind::ndim<1>, nanobind::c_contig, nanobind::device::cpu>;
using FloatArray = nanobind::ndarray<nanobind::numpy, float, nanobind::c_contig>;

inline std::span<const std::int32_t> span_of(const Ids& ids) { return {ids.data(), ids.size()}; }

// Memory that a computation writes and numpy then owns: an array of it is made without a copy.
class OwnedFloats {
 public:
  explicit OwnedFloats(std::int64_t size)
      : size_(static_cast<std::size_t>(size)), data_(std::make_unique_for_overwrite<float[]>(size_)) {}
  explicit OwnedFloats(std::vector<float> values)
      : size_(values.size()), values_(std::make_unique<std::vector<float>>(std::move(values))) {}

  std::span<float> span() { return {data(), size_}; }

  // Hands the memory over: the returned object frees it when the last array over it is gone.
  nanobind::capsule release() {
    if (values_) {
      return nanobind::capsule(values_.release(), [](void* p) noexcept { delete static_cast<std::vector<float>*>(p); });
    }
    return nanobind::capsule(data_.release(), [](void* p) noexcept { delete[] static_cast<float*>(p); });
  }
  float* data() { return values_ ? values_->data() : data_.get(); }

 private:
  std::size_t size_;
  std::unique_ptr<float[]> data_;
  std::unique_ptr<std::vector<float>> values_;
};

// All of the memory as one array.
inline FloatArray array_of(OwnedFloats floats, std::initializer_list<std::size_t> shape) {
  float* const data = floats.data();
  return FloatArray(data, shape, floats.release());
}

}  // namespace ttt::python
