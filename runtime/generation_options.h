#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/config_reader.h"
#include "runtime/generate.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

// How a generation is set up from what a user asks for and what a model's files say.
namespace ttt {

// What a user asks for of sampling. What is absent is as in generation_config.json.
struct SamplingChoice {
  std::optional<double> temperature = {}, top_p = {}, min_p = {}, typical_p = {}, repetition_penalty = {};
  std::optional<std::int64_t> top_k = {};
};

// The choice over the defaults, and the most likely token where neither asks for sampling. What sampling leaves open is
// as in Hugging Face transformers, whose top_k is 50 where nothing sets it
// (GenerationConfig._get_default_generation_params). The seed is 0.
SamplingSpec sampling_spec(const SamplingChoice& choice, const GenerationDefaults& defaults);

// The sampling of `choice`, and the ids that end a generation by the checkpoint's files and the tokenizer (null: none).
// `ignore_generation_config`: as if there were no generation_config.json. Errors are those of generation_defaults and
// of end_token_ids; the Spec is not checked yet.
GenerateOptions generation_options(const SamplingChoice& choice, const Checkpoint& checkpoint,
                                   const Tokenizer* tokenizer, std::int64_t vocab, bool ignore_generation_config,
                                   ConfigReport* report = nullptr);

// Further ids that end an answer of a conversation: those that end a turn of the template, and those that the tokenizer
// names as ends.
std::vector<std::int64_t> answer_end_ids(const ChatTemplate& chat_template, const Tokenizer& tokenizer,
                                         const Json& variables = {});

// What the decoder of an encoder-decoder begins with: decoder_start_token_id. Error{kBadData} where the files do not
// say.
std::int32_t decoder_start_id(const Checkpoint& checkpoint);

}  // namespace ttt
