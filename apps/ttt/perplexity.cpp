#include "runtime/perplexity.h"

#include <cmath>
#include <cstdio>

#include "apps/ttt/commands.h"
#include "apps/ttt/options.h"
#include "apps/ttt/prompt.h"
#include "apps/ttt/ranks.h"
#include "apps/ttt/signals.h"
#include "apps/ttt/standard_files.h"
#include "base/error.h"

namespace ttt::app {
namespace {

struct PerplexityFlags {
  ModelOptions model;
  std::string file;
  std::int64_t tokens = 0;
  bool json = false, no_special = false;
};

constexpr std::int64_t kDefaultWindow = 2048;

int measure(const PerplexityFlags& f) {
  require(f.tokens >= 0, ErrorKind::kUsage, "--tokens wanted a positive number, got ", f.tokens);
  const auto checkpoint = open_model(f.model);
  const Tokenizer tokenizer = tokenizer_of(f.model, *checkpoint);
  say_remarks(tokenizer, f.model.verbose);
  std::vector<std::int32_t> ids = tokenizer.encode(read_input(f.file, kMostText, "the text"), {.add_special = false});
  if (f.tokens > 0 && f.tokens < static_cast<std::int64_t>(ids.size())) ids.resize(static_cast<std::size_t>(f.tokens));
  require(ids.size() >= 2, ErrorKind::kUsage, f.file, " wanted at least 2 tokens, got ", ids.size());
  const std::int64_t limit = max_positions(checkpoint->config(), checkpoint->config_where());
  const std::int64_t usual = limit > 0 ? std::min(kDefaultWindow, limit) : kDefaultWindow;
  const std::int64_t window = context_for(f.model, *checkpoint, f.model.context > 0 ? f.model.context : usual);
  const bool begins = tokenizer.adds_bos() && !f.no_special;

  constexpr std::int64_t kLogitRows = 128;
  const std::int64_t chunk = f.model.chunk > 0 ? f.model.chunk : RunnerConfig{}.chunk;
  Workbench bench(f.model, checkpoint, {.context = window, .chunk = chunk, .wanted = std::min(chunk, kLogitRows)},
                  [&](const Model& model) { require_rows(tokenizer, ids, model.vocab_size()); });
  require_same("text", ids);
  Runner runner = bench.runner();
  Progress progress;
  const Graceful graceful;
  const Perplexity p = perplexity(runner, ids, window, begins ? *tokenizer.bos_id() : -1, [&](const Perplexity& sofar) {
    progress.show(text(sofar.tokens, " of ", ids.size(), " tokens: ", sofar.value()));
    return interrupted() == 0;
  });
  if (f.json) {
    const Json out(Json::Object{{"perplexity", p.value()}, {"nll", p.nll}, {"tokens", p.tokens}, {"ctx", window}});
    std::printf("%s\n", out.dump().c_str());
  } else {
    std::printf("perplexity %s over %s tokens, windows of %s\n", text(p.value()).c_str(), text(p.tokens).c_str(),
                text(window).c_str());
  }
  return interrupted();
}

}  // namespace

void add_perplexity(Arguments& arguments, std::span<const Family> families) {
  auto f = std::make_shared<PerplexityFlags>();
  Command c = arguments.command("perplexity", "Perplexity of a model on a text, in windows that do not overlap",
                                "Example: ttt perplexity -m model.gguf -f text.txt --tokens 10000 --ctx 2048",
                                [f] { return measure(*f); });
  add_model_options(c, f->model, families);
  c.option("-f,--file", f->file, "file with the text, a pipe, or - for standard input", Option::kRequired);
  c.option("--tokens", f->tokens, "use the first N tokens only");
  c.flag("--no-special-tokens", f->no_special, "do not start each window with the begin token");
  c.flag("--json", f->json, "print JSON");
}

}  // namespace ttt::app
