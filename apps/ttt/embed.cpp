#include <algorithm>
#include <cstdio>
#include <optional>

#include "apps/ttt/commands.h"
#include "apps/ttt/npy.h"
#include "apps/ttt/options.h"
#include "apps/ttt/prompt.h"
#include "apps/ttt/ranks.h"
#include "apps/ttt/text_lines.h"
#include "base/error.h"
#include "runtime/embedder.h"

namespace ttt::app {
namespace {

struct EmbedFlags {
  ModelOptions model;
  std::string output = {};
  std::int64_t batch = 32;
};

void write_lines(std::span<const float> values, std::int64_t width) {
  for (std::size_t i = 0; i < values.size(); i += static_cast<std::size_t>(width)) {
    std::string line = "[";
    for (const float v : values.subspan(i, static_cast<std::size_t>(width))) {
      char number[32];
      std::snprintf(number, sizeof number, "%s%.9g", line.size() > 1 ? ", " : "", static_cast<double>(v));
      line += number;
    }
    write_stdout(line + "]\n");
  }
}

int embed(EmbedFlags f) {
  require(f.batch >= 1, ErrorKind::kUsage, "--batch wanted a positive number, got ", f.batch);
  f.model.output = OutputKind::kHiddenStates;
  const auto checkpoint = open_model(f.model);
  const EmbeddingModules modules = read_embedding_modules(*checkpoint);
  const Tokenizer tokenizer = tokenizer_of(f.model, *checkpoint);
  say_remarks(tokenizer, f.model.verbose);
  const PlannedModel planned = plan_model(*checkpoint, f.model.families, load_options(f.model));
  TextLimit limit = text_limit(*checkpoint, planned.built.context);
  if (modules.max_rows > 0) limit.ids = std::min(modules.max_rows, planned.built.context);
  std::vector<Encoding> texts;
  std::int64_t longest = 1;
  for (const std::string& line : stdin_lines()) {
    texts.push_back(tokenizer.encode_with_types(modules.prompt + line, {.limit = limit}));
    longest = std::max(longest, static_cast<std::int64_t>(texts.back().ids.size()));
    require_rows(tokenizer, texts.back().ids, planned.built.model->vocab_size());
  }
  require(!texts.empty(), ErrorKind::kUsage, "standard input wanted at least one line, got none");
  // Several short texts make a step worth its while.
  constexpr std::int64_t kStepRows = 256;
  const std::int64_t context = std::max(longest, std::min(limit.ids, kStepRows));
  Workbench bench(f.model, checkpoint,
                  {.sequences = std::min<std::int64_t>(f.batch, std::ssize(texts)),
                   .context = context_for(f.model, *checkpoint, context),
                   .chunk = context,
                   .wanted = context});
  for (const Encoding& t : texts) require_same("texts", t.ids);
  Runner runner = bench.runner();
  Embedder embedder(runner, *bench.threads, modules);
  const std::vector<float> all = embedder.embed(texts);
  if (!leads()) return 0;
  if (f.output.empty()) {
    write_lines(all, embedder.width());
    return 0;
  }
  NpyWriter out(f.output == "-" ? "/dev/stdout" : f.output, std::ssize(texts), embedder.width());
  out.write(all);
  out.finish();
  return 0;
}

}  // namespace

void add_embed(Arguments& arguments, std::span<const Family> families) {
  auto f = std::make_shared<EmbedFlags>();
  Command c = arguments.command(
      "embed", "Embeddings of the lines of standard input, one JSON list a line or a .npy array",
      "Example: ttt embed -m all-MiniLM-L6-v2 -o embeddings.npy < lines.txt", [f] { return embed(*f); });
  add_model_options(c, f->model, families);
  c.option("-o,--output", f->output, ".npy file to write, float32 [lines, width]; - is stdout");
  c.option("--batch", f->batch, "texts of one step, at most", Option::kShowsDefault);
}

}  // namespace ttt::app
