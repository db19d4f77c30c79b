#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "python/src/arrays.h"
#include "python/src/bindings.h"
#include "python/src/outputs.h"
#include "python/src/sequence.h"

namespace nb = nanobind;

namespace ttt::python {
namespace {

using Pixels = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;

std::span<const std::int32_t> span_or_none(const std::optional<Ids>& ids) {
  return ids ? span_of(*ids) : std::span<const std::int32_t>{};
}

std::int64_t rows_wanted(const PyModel& model, const Ids& ids, std::optional<std::int64_t> last) {
  if (model.model().output() == OutputKind::kClasses) return 1;
  return last.value_or(static_cast<std::int64_t>(ids.size()));
}

// Of one sequence: [wanted rows, size].
FloatArray outputs(PyModel& model, const Ids& ids, std::optional<std::int64_t> last, const std::optional<Ids>& types,
                   const std::optional<Ids>& source) {
  const OutputRequest request{.ids = span_of(ids),
                              .types = span_or_none(types),
                              .source = span_or_none(source),
                              .last = rows_wanted(model, ids, last)};
  OwnedFloats all = model.compute([&] { return outputs_of(model, {&request, 1}); });
  return array_of(std::move(all),
                  {static_cast<std::size_t>(request.last), static_cast<std::size_t>(model.model().output_size())});
}

// Of many: arrays over one memory, which lives as long as the last of them.
std::vector<FloatArray> outputs_of_many(PyModel& model, const std::vector<Ids>& sequences,
                                        std::optional<std::int64_t> last) {
  std::vector<OutputRequest> requests;
  for (const Ids& ids : sequences) {
    const std::int64_t wanted = rows_wanted(model, ids, last);
    requests.push_back({.ids = span_of(ids), .last = std::min<std::int64_t>(wanted, std::ssize(span_of(ids)))});
  }
  OwnedFloats all = model.compute([&] { return outputs_of(model, requests); });
  const auto size = static_cast<std::size_t>(model.model().output_size());
  float* data = all.data();
  const nb::capsule owner = all.release();
  std::vector<FloatArray> arrays;
  for (const OutputRequest& r : requests) {
    const auto rows = static_cast<std::size_t>(r.last);
    arrays.push_back(FloatArray(data, {rows, size}, owner));
    data += rows * size;
  }
  return arrays;
}

FloatArray outputs_of_pixels(PyModel& model, const Pixels& pixels) {
  std::vector<std::int64_t> shape;
  for (std::size_t i = 0; i < pixels.ndim(); ++i) shape.push_back(static_cast<std::int64_t>(pixels.shape(i)));
  std::int64_t rows = 0;
  OwnedFloats all = model.compute([&] { return outputs_of_image(model, shape, {pixels.data(), pixels.size()}, rows); });
  return array_of(std::move(all),
                  {static_cast<std::size_t>(rows), static_cast<std::size_t>(model.model().output_size())});
}

FloatArray extend(PySequence& sequence, const Ids& ids, std::int64_t last) {
  const auto count = static_cast<std::int64_t>(ids.size());
  require(last >= 1 && last <= count, ErrorKind::kUsage, "last wanted 1 to ", count, " (the tokens), got ", last);
  OwnedFloats all = sequence.extend(span_of(ids), count - last);
  return array_of(std::move(all),
                  {static_cast<std::size_t>(last), static_cast<std::size_t>(sequence.model().model().output_size())});
}

}  // namespace

void bind_outputs(nb::module_& m) {
  m.def("outputs", outputs, nb::arg("model"), nb::arg("ids"), nb::arg("last").none(), nb::arg("token_types").none(),
        nb::arg("source").none(), "Outputs of one sequence: float32 [rows, size], without a copy.");
  m.def("outputs_of_many", outputs_of_many, nb::arg("model"), nb::arg("sequences"), nb::arg("last").none(),
        "Outputs of many sequences: an array for each, over one memory.");
  m.def("outputs_of_pixels", outputs_of_pixels, nb::arg("model"), nb::arg("pixels"),
        "Outputs of an image model for normalised pixels [channels, height, width].");
  nb::class_<PySequence>(m, "Sequence", "The rows of one sequence, which goes on step by step.")
      .def(nb::init<std::shared_ptr<PyModel>, std::int64_t>(), nb::arg("model"), nb::arg("forks"))
      .def("extend", extend, nb::arg("ids"), nb::arg("last"), "Adds ids; outputs of the last rows.")
      .def("fork", &PySequence::fork, "Another sequence with the same rows.")
      .def("truncate", &PySequence::truncate, nb::arg("length"), "Removes the rows from length on.")
      .def_prop_ro("length", &PySequence::length, "Rows that it holds.");
}

}  // namespace ttt::python
