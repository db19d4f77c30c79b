#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "models/families.h"
#include "python/src/bindings.h"
#include "python/src/json.h"
#include "python/src/model.h"
#include "python/src/model_info.h"
#include "runtime/perplexity.h"

namespace nb = nanobind;

namespace ttt::python {
namespace {

std::shared_ptr<PyModel> load_model_with(const std::string& path, nb::handle arguments) {
  const ModelOptions options = model_options(to_json(arguments, "arguments"));
  const nb::gil_scoped_release release;
  return std::make_shared<PyModel>(path, options);
}

// Taps as tuples (path, function, takes the path, gets a copy).
using TapTuple = std::tuple<std::string, nb::object, bool, bool>;

void set_taps(PyModel& model, std::vector<TapTuple> tuples) {
  std::vector<PythonTap> taps;
  for (auto& [path, function, takes_path, copies] : tuples) {
    taps.push_back({.path = path,
                    .function = std::make_shared<HeldObject>(std::move(function)),
                    .takes_path = takes_path,
                    .copies = copies});
  }
  model.set_taps(taps);
}

// (sum of -log p, predicted tokens)
std::tuple<double, std::int64_t> perplexity_of(PyModel& model, const std::vector<std::int32_t>& ids,
                                               std::int64_t window, std::int32_t begin_id) {
  const Perplexity p = model.compute([&] {
    const Lease lease = model.decoding_runner();
    return perplexity(*lease, ids, window, begin_id);
  });
  return {p.nll, p.tokens};
}

std::vector<std::string> model_types() {
  std::vector<std::string> names;
  for (const Family& family : families())
    names.insert(names.end(), family.model_types.begin(), family.model_types.end());
  return names;
}

}  // namespace

void bind_model(nb::module_& m) {
  m.def("model_types", model_types, "The values of config.json's model_type that can be loaded.");
  nb::class_<PyModel>(m, "Model", "A loaded model with its threads.")
      .def(nb::new_(&load_model_with), nb::arg("path"), nb::arg("arguments"))
      .def(
          "info", [](PyModel& model) { return from_json(model.compute([&] { return info_of(model); })); },
          "What was loaded and decided, as a dict.")
      .def(
          "places", [](PyModel& model) { return from_json(model.compute([&] { return places_of(model); })); },
          "Every place of a step in the order of a run, as a list of dicts.")
      .def("set_taps", set_taps, nb::arg("taps"), "Replaces all taps: tuples (path, function, takes path, gets copy).")
      .def("perplexity", perplexity_of, nb::arg("ids"), nb::arg("window"), nb::arg("begin_id"),
           "(sum of -log p, predicted tokens) of ids in windows; begin_id < 0: none.")
      .def_prop_ro("context", &PyModel::context, "Rows of one sequence, at most.")
      .def_prop_ro("has_tokenizer", &PyModel::has_tokenizer, "Whether the model's files hold a tokenizer.")
      .def_prop_ro(
          "tokenizer", [](PyModel& model) { return model.tokenizer(); }, "The tokenizer of the model's files.");
}

}  // namespace ttt::python
