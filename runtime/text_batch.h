#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "runtime/runner.h"
#include "text/tokenizer.h"

// Texts that a model reads whole, several in a step.
namespace ttt {

// The types of a text's tokens for a step of `model`: none where it does not tell types apart, whatever the tokenizer
// says.
std::span<const std::int32_t> types_for(const Model& model, const Encoding& text);

// The texts in order of their lengths, as indices, in groups of as many as fit into the sequences and rows of a step.
// Error{kUsage} for a text without tokens or with more than the context.
std::vector<std::vector<std::size_t>> batches_by_length(std::span<const Encoding> texts, const RunnerConfig& config);

// What a step takes for some of the texts, each a new sequence. `texts` must outlive it.
struct TextBatch {
  TextBatch(Runner& runner, std::span<const Encoding> texts, std::span<const std::size_t> which);

  std::vector<Sequence> sequences;
  std::vector<StepEntry> entries;
  std::vector<std::int32_t> ids;
  std::vector<std::int64_t> begins;  // rows of each text's beginning, and of the end of the last
};

// What the decoder of an encoder-decoder reads of a text that its encoder has read: the text's ids, behind `start` and
// without the last, which has to be `end`, the row that its head reads.
struct ShiftedSource {
  std::int32_t start = 0, end = 0;
};
// Of the configuration: decoder_start_token_id and eos_token_id. Error{kBadData} where they are missing.
ShiftedSource shifted_source(const Checkpoint& checkpoint);

// Of a model with a head for classes: the classes of each text, [texts.size(), runner.output_size()], in their order.
// Texts of similar length share a step. `shifted` is for encoder-decoders, which take one text after the other.
// Error{kUsage} for a text whose last id is not shifted.end.
std::vector<float> classes_of(Runner& runner, std::span<const Encoding> texts, const ShiftedSource& shifted = {});
// Of a model with a head for classes of tokens: for each text [its ids, runner.output_size()]. A step has as many
// wanted rows as the runner's configuration has rows.
std::vector<std::vector<float>> token_classes_of(Runner& runner, std::span<const Encoding> texts);

}  // namespace ttt
