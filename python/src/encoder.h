#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "python/src/arrays.h"
#include "python/src/model.h"

namespace ttt::python {

// Embeddings [texts, width] as sentence-transformers makes them; texts of similar length share steps of at most
// `batch`.
OwnedFloats embed(PyModel& model, const std::vector<std::string>& texts, std::int64_t batch, std::int64_t& width);

// A text, or a pair of texts where `second` is one.
struct TextPair {
  std::string first = {};
  std::optional<std::string> second = {};
};

// The probabilities of every class for every text: [texts][classes]. Pairs are scored as CrossEncoder does, texts as
// the pipelines of transformers do.
std::vector<std::vector<double>> classify(PyModel& model, const std::vector<TextPair>& texts);
std::vector<std::string> labels_of(PyModel& model);

}  // namespace ttt::python
