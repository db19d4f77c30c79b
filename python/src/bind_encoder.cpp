#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "python/src/bindings.h"
#include "python/src/encoder.h"

namespace nb = nanobind;

namespace ttt::python {
namespace {

FloatArray embeddings(PyModel& model, const std::vector<std::string>& texts, std::int64_t batch) {
  std::int64_t width = 0;
  OwnedFloats all = model.compute([&] { return embed(model, texts, batch, width); });
  return array_of(std::move(all), {texts.size(), static_cast<std::size_t>(width)});
}

using PairOfTexts = std::pair<std::string, std::optional<std::string>>;

std::vector<std::vector<double>> probabilities(PyModel& model, const std::vector<PairOfTexts>& pairs) {
  std::vector<TextPair> texts;
  for (const PairOfTexts& pair : pairs) texts.push_back({.first = pair.first, .second = pair.second});
  return model.compute([&] { return classify(model, texts); });
}

}  // namespace

void bind_encoder(nb::module_& m) {
  m.def("embed", embeddings, nb::arg("model"), nb::arg("texts"), nb::arg("batch"),
        "Embeddings of texts: float32 [texts, width], without a copy.");
  m.def("classify", probabilities, nb::arg("model"), nb::arg("texts"),
        "Scores of every class for texts, or for pairs of texts.");
  m.def("labels", labels_of, nb::arg("model"), "The names of the classes.");
}

}  // namespace ttt::python
