#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/checkpoint.h"

// From the outputs of a model of classes to what users read: labels with probabilities, and scores of pairs.
namespace ttt {

enum class ClassScores : std::uint8_t { kSoftmax, kSigmoid, kPlain };

// Of a text's classes, as the pipelines of transformers do: none of a regression, the sigmoid of each where several
// labels may hold or there is only one, else softmax over all.
ClassScores class_scores(const Json& config, std::int64_t classes);

// Of a pair, as the CrossEncoder of sentence-transformers does: what its entries in config.json name, by the full name
// of a class of torch.nn, else the sigmoid. Error{kUnsupported} naming another function.
ClassScores pair_scores(const Checkpoint& checkpoint);

// Whether the checkpoint classifies tokens: its architecture ends in ForTokenClassification.
bool classifies_tokens(const Json& config);

// outputs: those of one text.
std::vector<double> apply_scores(ClassScores scores, std::span<const float> outputs);

// The name of a class by id2label, else LABEL_i.
std::string class_label(const Json& config, std::size_t i);

}  // namespace ttt
