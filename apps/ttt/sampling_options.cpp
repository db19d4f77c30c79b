#include "apps/ttt/sampling_options.h"

#include <algorithm>
#include <random>

#include "apps/ttt/ranks.h"
#include "base/error.h"
#include "base/fields.h"
#include "checkpoint/config_reader.h"

namespace ttt::app {
namespace {

// Flags win over generation_config.json; without either, the most likely token. What sampling leaves open is as in
// Hugging Face transformers, whose top_k is 50 where nothing sets it (GenerationConfig._get_default_generation_params).
SamplingSpec sampling_spec(const SamplingFlags& f, const GenerationDefaults& d) {
  SamplingSpec s;
  const bool flagged = f.temperature || f.top_k || f.top_p || f.min_p;
  const bool sampled = flagged || d.do_sample.value_or(false);
  s.temperature = f.temperature.value_or(sampled ? d.temperature.value_or(1.0) : 0.0);
  constexpr std::int64_t kDefaultTopK = 50;
  s.top_k = f.top_k.value_or(sampled ? d.top_k.value_or(kDefaultTopK) : 0);
  s.top_p = f.top_p.value_or(sampled ? d.top_p.value_or(1.0) : 1.0);
  s.min_p = f.min_p.value_or(sampled ? d.min_p.value_or(0.0) : 0.0);
  s.typical_p = sampled ? d.typical_p.value_or(1.0) : 1.0;
  s.bad_words = d.bad_words;
  for (const auto& [id, bias] : d.biases) s.logit_bias.push_back({.id = id, .bias = bias});
  s.repetition_penalty = f.repetition_penalty.value_or(d.repetition_penalty.value_or(1.0));
  s.seed = same_on_all(f.seed ? *f.seed : s.temperature > 0 ? std::random_device{}() : 0);
  return s;
}

}  // namespace

GenerateOptions generate_options(const ModelOptions& model, const SamplingFlags& f, std::int64_t count,
                                 const Checkpoint& checkpoint, const Tokenizer& tokenizer, std::int64_t vocab) {
  const Json nothing, &config = f.ignore_generation_config ? nothing : checkpoint.generation_config();
  const std::string where = (checkpoint.path() / "generation_config.json").string();
  ConfigReport report{.strict = model.strict};
  const GenerationDefaults defaults = generation_defaults(config, where, vocab);
  GenerateOptions options{
      .max_new_tokens = count,
      .sampling = sampling_spec(f, defaults),
      .end_ids = end_token_ids(checkpoint.config(), checkpoint.config_where(), config, where, vocab, &report)};
  for (const std::int32_t id : tokenizer.end_ids()) options.end_ids.push_back(id);
  for (const std::string& note : report.notes) {
    if (model.verbose > 0) say("ttt: note: " + note);
  }
  // As in transformers, the end itself is no bad word.
  std::erase_if(options.sampling.bad_words, [&](const std::vector<std::int32_t>& word) {
    return word.size() == 1 && std::ranges::find(options.end_ids, word[0]) != options.end_ids.end();
  });
  const Sampler checked(options.sampling, vocab);
  return options;
}

void add_sampling_options(Command& command, SamplingFlags& flags) {
  command.option("--temp", flags.temperature, "temperature; 0: the most likely token");
  command.option("--top-k", flags.top_k, "sample from the k most likely; 0: all (default: 50, as in transformers)");
  command.option("--top-p", flags.top_p, "sample from the most likely that add up to p");
  command.option("--min-p", flags.min_p, "drop tokens less likely than p times the most likely");
  command.option("--repeat-penalty", flags.repetition_penalty, "divide scores of tokens seen before");
  command.option("-s,--seed", flags.seed, "seed of the random stream (default: random)");
  command.flag("--ignore-generation-config", flags.ignore_generation_config, "do not read generation_config.json");
}

}  // namespace ttt::app
