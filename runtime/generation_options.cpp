#include "runtime/generation_options.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "runtime/chat.h"

namespace ttt {

SamplingSpec sampling_spec(const SamplingChoice& choice, const GenerationDefaults& d) {
  SamplingSpec s;
  const bool asked = choice.temperature || choice.top_k || choice.top_p || choice.min_p || choice.typical_p;
  const bool sampled = asked || d.do_sample.value_or(false);
  s.temperature = choice.temperature.value_or(sampled ? d.temperature.value_or(1.0) : 0.0);
  constexpr std::int64_t kDefaultTopK = 50;
  s.top_k = choice.top_k.value_or(sampled ? d.top_k.value_or(kDefaultTopK) : 0);
  s.top_p = choice.top_p.value_or(sampled ? d.top_p.value_or(1.0) : 1.0);
  s.min_p = choice.min_p.value_or(sampled ? d.min_p.value_or(0.0) : 0.0);
  s.typical_p = choice.typical_p.value_or(sampled ? d.typical_p.value_or(1.0) : 1.0);
  s.bad_words = d.bad_words;
  for (const auto& [id, bias] : d.biases) s.logit_bias.push_back({.id = id, .bias = bias});
  s.repetition_penalty = choice.repetition_penalty.value_or(d.repetition_penalty.value_or(1.0));
  return s;
}

GenerateOptions generation_options(const SamplingChoice& choice, const Checkpoint& checkpoint,
                                   const Tokenizer* tokenizer, std::int64_t vocab, bool ignore_generation_config,
                                   ConfigReport* report) {
  const Json nothing, &config = ignore_generation_config ? nothing : checkpoint.generation_config();
  const std::string where = (checkpoint.path() / "generation_config.json").string();
  GenerateOptions options{
      .sampling = sampling_spec(choice, generation_defaults(config, where, vocab)),
      .end_ids = end_token_ids(checkpoint.config(), checkpoint.config_where(), config, where, vocab, report)};
  if (tokenizer != nullptr) {
    for (const std::int32_t id : tokenizer->end_ids()) options.end_ids.push_back(id);
  }
  // As in transformers, the end itself is no bad word.
  std::erase_if(options.sampling.bad_words, [&](const std::vector<std::int32_t>& word) {
    return word.size() == 1 && std::ranges::find(options.end_ids, word[0]) != options.end_ids.end();
  });
  return options;
}

std::vector<std::int64_t> answer_end_ids(const ChatTemplate& chat_template, const Tokenizer& tokenizer,
                                         const Json& variables) {
  std::vector<std::int64_t> ids;
  for (const std::int32_t id : turn_end_ids(chat_template, tokenizer, variables)) ids.push_back(id);
  for (const auto& id : {tokenizer.eos_id(), tokenizer.eot_id()}) {
    if (id) ids.push_back(*id);
  }
  return ids;
}

std::int32_t decoder_start_id(const Checkpoint& checkpoint) {
  for (const Json* config : {&checkpoint.generation_config(), &checkpoint.config()}) {
    const Json* id = config->is_object() ? config->find("decoder_start_token_id") : nullptr;
    if (id == nullptr || id->is_null()) continue;
    const std::int64_t value = id->as_integer("decoder_start_token_id");
    require(value >= 0 && value <= INT32_MAX, ErrorKind::kBadData, checkpoint.config_where(),
            ": decoder_start_token_id wanted an id, got ", value);
    return static_cast<std::int32_t>(value);
  }
  fail(ErrorKind::kBadData, text(checkpoint.config_where(), ": decoder_start_token_id is missing"));
}

}  // namespace ttt
