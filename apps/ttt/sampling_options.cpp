#include "apps/ttt/sampling_options.h"

#include <random>

#include "apps/ttt/ranks.h"

namespace ttt::app {

GenerateOptions generate_options(const ModelOptions& model, const SamplingFlags& f, std::int64_t count,
                                 const Checkpoint& checkpoint, const Tokenizer& tokenizer, std::int64_t vocab) {
  ConfigReport report{.strict = model.strict};
  GenerateOptions options =
      generation_options(f.choice, checkpoint, &tokenizer, vocab, f.ignore_generation_config, &report);
  options.max_new_tokens = count;
  options.sampling.seed = same_on_all(f.seed ? *f.seed : options.sampling.temperature > 0 ? std::random_device{}() : 0);
  for (const std::string& note : report.notes) {
    if (model.verbose > 0) say("ttt: note: " + note);
  }
  const Sampler checked(options.sampling, vocab);
  return options;
}

void add_sampling_options(Command& command, SamplingFlags& flags) {
  command.option("--temp", flags.choice.temperature, "temperature; 0: the most likely token");
  command.option("--top-k", flags.choice.top_k,
                 "sample from the k most likely; 0: all (default: 50, as in transformers)");
  command.option("--top-p", flags.choice.top_p, "sample from the most likely that add up to p");
  command.option("--min-p", flags.choice.min_p, "drop tokens less likely than p times the most likely");
  command.option("--repeat-penalty", flags.choice.repetition_penalty, "divide scores of tokens seen before");
  command.option("-s,--seed", flags.seed, "seed of the random stream (default: random)");
  command.flag("--ignore-generation-config", flags.ignore_generation_config, "do not read generation_config.json");
}

}  // namespace ttt::app
