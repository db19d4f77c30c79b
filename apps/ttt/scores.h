#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace ttt::app {

// How outputs of a head for classes become scores.
enum class Scores : std::uint8_t { kSoftmax, kSigmoid, kPlain };

// Of a class each, as the pipelines of transformers do: none of a regression, the sigmoid of each where several labels
// may hold or there is only one, else softmax over all.
Scores scores_of(const Json& config, std::size_t classes);

// Of a pair, as the CrossEncoder of sentence-transformers does: what its entries in config.json name, by the full name
// of a class of torch.nn, else the sigmoid.
Scores pair_scores_of(const Checkpoint& checkpoint);

std::vector<double> applied(Scores scores, std::span<const float> row);

}  // namespace ttt::app
