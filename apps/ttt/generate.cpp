#include "runtime/generate.h"

#include <unistd.h>

#include <algorithm>
#include <optional>

#include "apps/ttt/commands.h"
#include "apps/ttt/options.h"
#include "apps/ttt/prompt.h"
#include "apps/ttt/ranks.h"
#include "apps/ttt/sampling_options.h"
#include "apps/ttt/signals.h"
#include "apps/ttt/standard_files.h"
#include "base/error.h"
#include "checkpoint/config_reader.h"
#include "runtime/generation_options.h"
#include "text/grammar/grammar.h"

namespace ttt::app {
namespace {

struct GenerateFlags {
  ModelOptions model;
  std::string prompt, file;
  std::int64_t count = 256;
  SamplingFlags sampling;
  bool no_special = false;
  std::string grammar, json_schema, regex;
};

std::string prompt_of(const GenerateFlags& f) {
  require(f.prompt.empty() || f.file.empty(), ErrorKind::kUsage, "-p and -f exclude each other");
  return f.file.empty() ? f.prompt : read_input(f.file, kMostText, "the prompt");
}

// What the text must keep to, if anything.
std::optional<Grammar> grammar_of(const GenerateFlags& f) {
  const int given = static_cast<int>(!f.grammar.empty()) + static_cast<int>(!f.json_schema.empty()) +
                    static_cast<int>(!f.regex.empty());
  require(given <= 1, ErrorKind::kUsage, "--grammar, --json-schema and --regex exclude each other");
  if (given == 0) return std::nullopt;
  if (!f.regex.empty()) {
    require_same("--regex", f.regex);
    return regex_grammar(f.regex, {.where = "--regex"});
  }
  const std::string& name = f.grammar.empty() ? f.json_schema : f.grammar;
  const std::string source = read_input(name, GrammarLimits{}.source_bytes, "the grammar");
  require_same(name, source);
  if (!f.grammar.empty()) return gbnf_grammar(source, {.where = name});
  return json_schema_grammar(Json::parse(source, name), {.where = name});
}

void write_text(const std::string& s) {
  write_stdout(s);
  finish_stdout();
}

// The reference changes the factors once the sequence is that long; here a model has one set of them.
void warn_of_long_factors(const BuiltModel& built, std::int64_t prompt) {
  const std::int64_t limit = built.report.rotary_limit;
  if (limit == 0 || prompt > limit || built.context <= limit) return;
  say(text("ttt: warning: the context of ", built.context, " rows takes the rotary factors of sequences above ", limit,
           " from the first token on; -n ", limit - prompt, " or less keeps those of short ones"));
}

int generate_text(GenerateFlags f) {
  const auto checkpoint = open_model(f.model);
  const Tokenizer tokenizer = tokenizer_of(f.model, *checkpoint);
  say_remarks(tokenizer, f.model.verbose);
  const std::string given = prompt_of(f);
  std::vector<std::int32_t> prompt = encode_text(tokenizer, given, !f.no_special);
  require(!prompt.empty(), ErrorKind::kUsage, "the prompt wanted at least one token, got none; use -p TEXT");
  require(f.count >= 0, ErrorKind::kUsage, "-n wanted a number of at least 0, got ", f.count);
  // An encoder reads the text; the decoder goes on from its first token.
  std::vector<std::int32_t> source;
  if (has_encoder(f.model, *checkpoint)) {
    source.swap(prompt);
    prompt.push_back(decoder_start_id(*checkpoint));
    f.model.source_rows = static_cast<std::int64_t>(source.size());
  }
  const std::optional<Grammar> grammar = grammar_of(f);
  const std::int64_t limit = max_positions(checkpoint->config(), checkpoint->config_where());
  const auto length = static_cast<std::int64_t>(prompt.size());
  // Without --ctx a generation ends where the model's context does, however large -n is.
  constexpr std::int64_t kMost = std::int64_t{1} << 40;  // of one sequence
  std::int64_t wanted = length + std::min(f.count, kMost);
  if (limit >= length && f.model.context == 0) wanted = std::min(wanted, limit);
  if (f.model.context > 0) wanted = std::max(length, std::min(wanted, f.model.context));
  const std::int64_t context = context_for(f.model, *checkpoint, wanted);

  GenerateOptions options;
  // What is wrong with flags and generation_config.json is known before gigabytes are read.
  const RunnerConfig run{.context = context, .chunk = f.model.chunk > 0 ? f.model.chunk : RunnerConfig{}.chunk};
  Workbench bench(f.model, checkpoint, run, [&](const Model& model) {
    require_rows(tokenizer, prompt, model.vocab_size());
    require_rows(tokenizer, source, model.vocab_size());
    options = generate_options(f.model, f.sampling, f.count, *checkpoint, tokenizer, model.vocab_size());
    options.source = source;
    if (!grammar) return;
    options.constraint =
        make_constraint(*grammar, std::make_shared<const GrammarVocabulary>(tokenizer, model.vocab_size()));
  });
  warn_of_long_factors(bench.model.built, length);
  // A file or a pipe was prepared by somebody, who is told only when asking for more.
  if (f.file.empty() || f.model.verbose > 0) warn_of_bare_prompt(f.model.model, tokenizer, given);
  require_same("prompt", source.empty() ? prompt : source);
  if (f.model.verbose > 0) say(text("ttt: sampling: ", to_json(options.sampling).dump()));
  Runner runner = bench.runner();

  StreamDecoder decoder(tokenizer, {.skip_special = true});
  if (source.empty()) decoder.continue_after(prompt);
  std::optional<Graceful> graceful;  // from the first token on: before it there is nothing to finish
  const Generated result = generate(runner, prompt, options, [&](std::int32_t id) {
    if (!graceful) graceful.emplace();
    // A vocabulary may hold ids that are no tokens: gaps, and what pads it.
    if (tokenizer.is_token(id)) write_text(decoder.push(id));
    return interrupted() == 0;
  });
  write_text(decoder.finish());
  if (result.reason == StopReason::kDeadEnd) {
    say("ttt: warning: the text is not complete: no token of the vocabulary goes on as the grammar wants");
  }
  if (isatty(STDOUT_FILENO) == 1) write_text("\n");
  if (f.model.verbose > 0) say(text("ttt: ", result.ids.size(), " tokens, stopped by ", name_of(result.reason)));
  return interrupted();
}

}  // namespace

void add_generate(Arguments& arguments, std::span<const Family> families) {
  auto f = std::make_shared<GenerateFlags>();
  Command c = arguments.command("generate", "Continues a text; stdout is the continuation only",
                                "Example: ttt generate -m model.gguf -p \"The capital of France is\" -n 32 --temp 0",
                                [f] { return generate_text(*f); });
  add_model_options(c, f->model, families);
  c.option("-p,--prompt", f->prompt, "text to continue");
  c.option("-f,--file", f->file, "file with the text to continue, a pipe, or - for standard input");
  c.option("-n,--n-predict", f->count, "tokens to generate, at most", Option::kShowsDefault);
  c.option("--grammar", f->grammar, "file with a grammar (GBNF) that the text must keep to");
  c.option("--json-schema", f->json_schema, "file with a JSON schema: the text is such a value");
  c.option("--regex", f->regex, "regular expression that the text as a whole must match");
  add_sampling_options(c, f->sampling);
  c.flag("--no-special-tokens", f->no_special, "do not add begin or end tokens to the text");
}

}  // namespace ttt::app
