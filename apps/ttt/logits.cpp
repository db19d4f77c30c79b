#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <set>
#include <span>

#include "apps/ttt/commands.h"
#include "apps/ttt/npy.h"
#include "apps/ttt/npy_ids.h"
#include "apps/ttt/options.h"
#include "apps/ttt/ranks.h"
#include "apps/ttt/standard_files.h"
#include "base/checked.h"
#include "runtime/runner.h"

namespace ttt::app {
namespace {

struct LogitsFlags {
  ModelOptions model;
  std::string tokens, tokens_file, output;
  std::optional<std::int64_t> last = {}, prefill = {};
};

std::vector<std::int32_t> parse_ids(std::string_view list) {
  std::vector<std::int32_t> ids;
  const char *p = list.data(), *end = p + list.size();
  for (bool more = true; more;) {
    std::int32_t id = 0;
    const auto r = std::from_chars(p, end, id);
    require(r.ec == std::errc{} && (r.ptr == end || *r.ptr == ','), ErrorKind::kUsage,
            "--tokens wanted integers between commas, got \"", list, "\"");
    ids.push_back(id);
    more = r.ptr != end;
    p = more ? r.ptr + 1 : end;
  }
  return ids;
}

std::vector<std::int32_t> read_ids(const std::string& file) {
  constexpr std::int64_t kMost = std::int64_t{1} << 30;  // bytes
  return parse_npy_ids(read_input(file, kMost, "token ids"), file);
}

void require_known(std::span<const std::int32_t> ids, std::int64_t vocab) {
  for (const std::int32_t id : ids) {
    require(id >= 0 && id < vocab, ErrorKind::kUsage, "token id wanted 0 to ", vocab - 1, ", got ", id);
  }
}

// A result never takes the place of what it is computed from.
void require_no_input(const LogitsFlags& f, const Checkpoint& checkpoint) {
  std::set<std::string> inputs{f.model.model, f.tokens_file, f.model.impl};
  for (const StoredTensor& t : checkpoint.tensors()) inputs.insert(t.file);
  for (const char* name : {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
                           "model.safetensors.index.json", "chat_template.jinja"}) {
    if (const auto file = checkpoint.file(name)) inputs.insert(file->string());
  }
  for (const std::string& input : inputs) {
    std::error_code none;
    require(input.empty() || !std::filesystem::equivalent(input, f.output, none), ErrorKind::kUsage, f.output,
            ": is an input and cannot be the output");
  }
}

int write_logits(const LogitsFlags& f) {
  require(f.tokens.empty() != f.tokens_file.empty(), ErrorKind::kUsage, "one of --tokens and --tokens-file is wanted");
  const std::vector<std::int32_t> ids = f.tokens.empty() ? read_ids(f.tokens_file) : parse_ids(f.tokens);
  const std::int64_t rows = static_cast<std::int64_t>(ids.size());
  require(rows > 0, ErrorKind::kUsage, "at least one token id is wanted");
  require(!f.output.empty(), ErrorKind::kUsage, "-o wanted the name of a file, got \"\"");
  const std::int64_t prefill = f.prefill.value_or(rows), last = f.last.value_or(rows);
  require(prefill >= 0 && prefill <= rows, ErrorKind::kUsage, "--prefill wanted 0 to ", rows, " (the tokens), got ",
          prefill);
  require(last >= 1 && last <= rows, ErrorKind::kUsage, "--last wanted 1 to ", rows, " (the tokens), got ", last);

  const auto checkpoint = open_model(f.model);
  require_no_input(f, *checkpoint);
  const std::int64_t asked = f.model.chunk > 0 ? f.model.chunk : RunnerConfig{}.chunk;
  Workbench bench(f.model, checkpoint,
                  {.context = context_for(f.model, *checkpoint, rows), .chunk = asked, .wanted = last},
                  [&](const Model& model) { require_known(ids, model.vocab_size()); });
  Runner runner = bench.runner();
  const std::int64_t chunk = runner.config().chunk;
  require_same("tokens", ids);
  std::optional<NpyWriter> out;
  if (leads()) out.emplace(f.output == "-" ? "/dev/stdout" : f.output, last, runner.vocab());
  Sequence sequence = runner.create();
  const std::int64_t first = rows - last;  // of the rows that are kept
  const auto run = [&](std::int64_t begin, std::int64_t count) {
    const auto part = std::span(ids).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
    runner.extend(sequence, part, std::max(first - begin, std::int64_t{0}),
                  [&](std::int64_t, std::span<const float> logits) {
                    if (out) out->write(logits);
                  });
  };
  for (std::int64_t i = 0; i < rows;) {
    const std::int64_t count = i < prefill ? std::min(chunk, prefill - i) : 1;
    run(i, count);
    i += count;
  }
  if (out) out->finish();
  return 0;
}

}  // namespace

void add_logits(Arguments& arguments, std::span<const Family> families) {
  auto f = std::make_shared<LogitsFlags>();
  Command c = arguments.command("logits", "Writes logits of given tokens as a float32 .npy array [tokens, vocab]",
                                "Example: ttt logits -m model.gguf --tokens 1,2,3 --prefill 2 -o logits.npy",
                                [f] { return write_logits(*f); });
  add_model_options(c, f->model, families);
  c.option("--tokens", f->tokens, "token ids between commas");
  c.option("--tokens-file", f->tokens_file, ".npy file of int32 token ids");
  c.option("-o,--output", f->output, ".npy file to write; - is stdout", Option::kRequired);
  c.option("--last", f->last, "keep the last N rows only");
  c.option("--prefill", f->prefill, "run the first N tokens as prefill and the rest one by one");
}

}  // namespace ttt::app
