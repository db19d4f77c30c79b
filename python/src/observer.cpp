#include "python/src/observer.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <cstring>

#include "base/error.h"

namespace nb = nanobind;

namespace ttt::python {
namespace {

using Array = nb::ndarray<nb::numpy, float>;
using Given = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;

std::vector<std::size_t> shape_of(const TensorView& y) {
  std::vector<std::size_t> shape;
  for (int i = 0; i < y.shape.rank(); ++i) shape.push_back(static_cast<std::size_t>(y.shape[i]));
  return shape;
}

std::size_t row_values(const TensorView& y) {
  const int rank = y.shape.rank();
  return rank == 0 ? 1 : static_cast<std::size_t>(y.shape[rank - 1]);
}

Array copy_of(const TensorView& y) {
  const std::size_t width = row_values(y), rows = static_cast<std::size_t>(y.rows());
  auto values = std::make_unique_for_overwrite<float[]>(rows * width);
  for (std::size_t r = 0; r < rows; ++r) {
    std::memcpy(values.get() + r * width, y.row<float>(static_cast<std::int64_t>(r)), width * sizeof(float));
  }
  float* const data = values.get();
  const nb::capsule owner(values.release(), [](void* p) noexcept { delete[] static_cast<float*>(p); });
  const std::vector<std::size_t> shape = shape_of(y);
  return Array(data, shape.size(), shape.data(), owner);
}

Array view_of_values(const TensorView& y) {
  const std::vector<std::size_t> shape = shape_of(y);
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) {
    strides[i - 1] = i + 1 == shape.size() ? y.row_bytes / static_cast<std::int64_t>(sizeof(float))
                                           : strides[i] * static_cast<std::int64_t>(shape[i]);
  }
  // Without an owner nanobind would copy.
  return Array(reinterpret_cast<float*>(y.data), shape.size(), shape.data(), nb::none(), strides.data());
}

std::string string_of(nb::handle value) { return nb::cast<std::string>(nb::steal<nb::str>(PyObject_Str(value.ptr()))); }

std::string described(nb::handle value) {
  if (!nb::hasattr(value, "shape") || !nb::hasattr(value, "dtype")) {
    return nb::cast<std::string>(value.type().attr("__name__"));
  }
  const nb::object dtype = value.attr("dtype"), shape = value.attr("shape");
  return text(string_of(dtype), " ", string_of(shape));
}

bool is_float32(nb::handle value) {
  if (!nb::hasattr(value, "dtype")) return false;
  const nb::object dtype = value.attr("dtype");
  return string_of(dtype) == "float32";
}

void replace(const Place& place, const TensorView& y, nb::handle value) {
  Given given;
  const bool is_array = is_float32(value) && nb::try_cast(value, given, true);
  bool fits = is_array && given.ndim() == static_cast<std::size_t>(y.shape.rank());
  for (int i = 0; fits && i < y.shape.rank(); ++i) {
    fits = static_cast<std::int64_t>(given.shape(static_cast<std::size_t>(i))) == y.shape[i];
  }
  if (!fits) {
    fail(ErrorKind::kUsage, ErrorParts{.where = "tap",
                                       .block = std::string(place.path),
                                       .field = "replacement",
                                       .wanted = text("an array of float32 ", y.shape.to_string(), " or None"),
                                       .got = described(value)});
  }
  const std::size_t width = row_values(y);
  for (std::int64_t r = 0; r < y.rows(); ++r) {
    std::memcpy(y.row<float>(r), given.data() + static_cast<std::size_t>(r) * width, width * sizeof(float));
  }
}

void call(const PythonTap& tap, const Place& place, TensorView y) {
  require(y.format == Format::kF32, ErrorKind::kUnsupported, "[", place.path, "] a tap wanted values in f32, got ",
          name_of(y.format));
  const nb::gil_scoped_acquire lock;
  const Array array = tap.copies ? copy_of(y) : view_of_values(y);
  const nb::handle function = tap.function->get();
  const nb::object result = tap.takes_path ? function(array, std::string(place.path)) : function(array);
  if (!result.is_none()) replace(place, y, result);
}

}  // namespace

HeldObject::~HeldObject() {
  if (Py_IsInitialized() == 0) return;
  const nb::gil_scoped_acquire lock;
  object_.dec_ref();
}

bool in_main_thread() {
  const nb::object thread = nb::module_::import_("threading").attr("main_thread")();
  const nb::object ident = thread.attr("ident");
  return !ident.is_none() && nb::cast<unsigned long>(ident) == PyThread_get_thread_ident();
}

void PythonObserver::begin(bool handles_signals) {
  handles_signals_ = handles_signals;
  checked_ = Clock::now();
}

void PythonObserver::set(const std::vector<PythonTap>& taps) {
  std::shared_ptr<TapObserver> next;
  if (!taps.empty()) next = std::make_shared<TapObserver>(tree_);
  for (const PythonTap& tap : taps) {
    next->add(tap.path, [tap](const Place& place, TensorView y) { call(tap, place, y); });
  }
  taps_ = std::move(next);
}

void PythonObserver::done(const Place& place, TensorView y) {
  if (const std::shared_ptr<TapObserver> taps = taps_) taps->done(place, y);
  if (handles_signals_) check_signals();
}

void PythonObserver::check_signals() {
  constexpr auto kInterval = std::chrono::milliseconds(20);
  const Clock::time_point now = Clock::now();
  if (now - checked_ < kInterval) return;
  checked_ = now;
  const nb::gil_scoped_acquire lock;
  if (PyErr_CheckSignals() != 0) throw nb::python_error();
}

}  // namespace ttt::python
