#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "server/fields.h"
#include "server/service.h"

namespace ttt::server {

// What both APIs say of how an answer is streamed.
struct StreamFields {
  bool stream = false, include_usage = false;
};
StreamFields read_stream_fields(Fields& fields);

// The model of the request: one of the served names, or none. Error 404 "model_not_found".
void read_model(Fields& fields, const ServedModel& model);
// The same, where the model must continue texts. Refused as unsupported for one that embeds or ranks them.
void read_generating_model(Fields& fields, const ServedModel& model);

// The parameters that choose tokens and end a text, which the completions and the chat API share: temperature, top_p,
// top_k, min_p, penalties, logit_bias, seed, n, stop, stop_token_ids, min_tokens, ignore_eos and so on. What is absent
// is as in generation_config.json, else as in the OpenAI API: temperature 1. Log-probabilities and the number of tokens
// are the caller's. Fields that are known and not supported are refused by name.
EngineRequest read_sampling(Fields& fields, const ServiceOptions& options, const ServedModel& model,
                            const std::vector<std::int32_t>& end_ids);

// At most `most` strings, from one or a list; none of them empty.
std::vector<std::string> read_strings(Fields& fields, std::string_view name, std::int64_t most);

// Cuts the prompt to its last `truncate_prompt_tokens` ids where that is asked for, sets it, and checks that it fits
// the context with `wanted` new tokens (absent: as many as fit). Error 400 "context_length_exceeded". `param`: the
// field that the prompt came from.
void set_prompt(EngineRequest& request, std::vector<std::int32_t> ids, Fields& fields, const ServedModel& model,
                std::optional<std::int64_t> wanted, const std::string& param);

// Refuses an unknown field where `options` are strict.
void finish_fields(const Fields& fields, const ServiceOptions& options);

}  // namespace ttt::server
