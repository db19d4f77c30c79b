#include <algorithm>
#include <charconv>
#include <filesystem>
#include <numeric>
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
#include "runtime/image_rows.h"
#include "runtime/runner.h"

namespace ttt::app {
namespace {

struct LogitsFlags {
  ModelOptions model;
  std::string tokens, tokens_file, decoder_tokens, token_types, pixels, output;
  std::optional<std::int64_t> last = {}, prefill = {};
};

std::vector<std::int32_t> parse_ids(std::string_view list, std::string_view option = "--tokens") {
  std::vector<std::int32_t> ids;
  const char *p = list.data(), *end = p + list.size();
  for (bool more = true; more;) {
    std::int32_t id = 0;
    const auto r = std::from_chars(p, end, id);
    require(r.ec == std::errc{} && (r.ptr == end || *r.ptr == ','), ErrorKind::kUsage, option,
            " wanted integers between commas, got \"", list, "\"");
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

// Rows of outputs as they come; of classes one row.
class Output {
 public:
  Output(const LogitsFlags& f, std::int64_t rows, const Runner& runner)
      : one_(runner.model().output() == OutputKind::kClasses) {
    if (!leads()) return;
    out_.emplace(f.output == "-" ? "/dev/stdout" : f.output, one_ ? 1 : rows, runner.output_size());
  }
  void write(std::span<const float> rows) {
    if (out_ && (!one_ || !written_)) out_->write(one_ ? rows.first(width(rows)) : rows);
    written_ = true;
  }
  void finish() {
    if (out_) out_->finish();
  }
  void set_width(std::int64_t width) { width_ = static_cast<std::size_t>(width); }

 private:
  std::size_t width(std::span<const float> rows) const { return std::min(width_, rows.size()); }
  bool one_, written_ = false;
  std::size_t width_ = 0;
  std::optional<NpyWriter> out_;
};

int write_image(const LogitsFlags& f) {
  require(f.tokens.empty() && f.tokens_file.empty() && f.decoder_tokens.empty() && f.token_types.empty(),
          ErrorKind::kUsage, "--pixels excludes tokens");
  const auto checkpoint = open_model(f.model);
  require_no_input(f, *checkpoint);
  constexpr std::int64_t kMost = std::int64_t{1} << 30;  // bytes
  const NpyFloats pixels = parse_npy_floats(read_input(f.pixels, kMost, "pixels"), f.pixels);
  const ImageRows image = image_rows(checkpoint->config(), checkpoint->config_where(), pixels.shape, pixels.values);
  const std::int64_t last = f.last.value_or(image.rows);
  require(last >= 1 && last <= image.rows, ErrorKind::kUsage, "--last wanted 1 to ", image.rows, " (the rows), got ",
          last);
  Workbench bench(f.model, checkpoint, {.context = image.rows, .chunk = image.rows, .wanted = last},
                  [&](const Model& model) {
                    require(model.input_size() == image.width, ErrorKind::kUsage,
                            "--pixels wanted a model that takes rows of ", image.width, " values, got ",
                            model.input_size() == 0 ? std::string("one that takes tokens") : text(model.input_size()));
                  });
  Runner runner = bench.runner();
  Output out(f, last, runner);
  out.set_width(runner.output_size());
  Sequence sequence = runner.create();
  std::vector<std::int64_t> wanted(static_cast<std::size_t>(last));
  std::iota(wanted.begin(), wanted.end(), image.rows - last);
  const StepEntry entry{
      .sequence = &sequence, .rows = image.rows, .given = view_of(image.values.data(), {image.rows, image.width})};
  out.write(runner.step({&entry, 1}, {}, wanted));
  out.finish();
  return 0;
}

int write_logits(LogitsFlags f) {
  require(!f.output.empty(), ErrorKind::kUsage, "-o wanted the name of a file, got \"\"");
  if (!f.pixels.empty()) return write_image(f);
  require(f.tokens.empty() != f.tokens_file.empty(), ErrorKind::kUsage, "one of --tokens and --tokens-file is wanted");
  std::vector<std::int32_t> ids = f.tokens.empty() ? read_ids(f.tokens_file) : parse_ids(f.tokens);
  require(!ids.empty(), ErrorKind::kUsage, "at least one token id is wanted");
  const std::vector<std::int32_t> types =
      f.token_types.empty() ? std::vector<std::int32_t>{} : parse_ids(f.token_types, "--token-types");
  require(types.empty() || types.size() == ids.size(), ErrorKind::kUsage, "--token-types wanted ", ids.size(),
          " values (the tokens), got ", types.size());
  std::vector<std::int32_t> source;
  if (!f.decoder_tokens.empty()) {
    source = std::exchange(ids, parse_ids(f.decoder_tokens, "--decoder-tokens"));
    f.model.source_rows = static_cast<std::int64_t>(source.size());
  }
  const std::int64_t rows = static_cast<std::int64_t>(ids.size());
  const std::int64_t prefill = f.prefill.value_or(rows), last = f.last.value_or(rows);
  require(prefill >= 0 && prefill <= rows, ErrorKind::kUsage, "--prefill wanted 0 to ", rows, " (the tokens), got ",
          prefill);
  require(last >= 1 && last <= rows, ErrorKind::kUsage, "--last wanted 1 to ", rows, " (the tokens), got ", last);

  const auto checkpoint = open_model(f.model);
  require_no_input(f, *checkpoint);
  const std::int64_t asked = f.model.chunk > 0 ? f.model.chunk : RunnerConfig{}.chunk;
  Workbench bench(f.model, checkpoint,
                  {.context = context_for(f.model, *checkpoint, rows), .chunk = asked, .wanted = last},
                  [&](const Model& model) {
                    require(model.input_size() == 0, ErrorKind::kUsage, "the model takes rows, and wanted --pixels");
                    require(model.has_encoder() != source.empty(), ErrorKind::kUsage,
                            model.has_encoder() ? "an encoder-decoder wanted --decoder-tokens beside --tokens"
                                                : "--decoder-tokens wanted an encoder-decoder, got another model");
                    require_known(ids, model.vocab_size());
                    require_known(source, model.vocab_size());
                  });
  Runner runner = bench.runner();
  const std::int64_t chunk = runner.config().chunk;
  require_same("tokens", ids);
  Output out(f, last, runner);
  out.set_width(runner.output_size());
  Sequence sequence = runner.create();
  if (!source.empty()) runner.encode(sequence, source);
  const std::int64_t first = rows - last;  // of the rows that are kept
  const auto run = [&](std::int64_t begin, std::int64_t count) {
    const auto part = std::span(ids).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
    runner.extend(sequence, part, std::max(first - begin, std::int64_t{0}),
                  [&](std::int64_t, std::span<const float> logits) { out.write(logits); });
  };
  if (!types.empty()) {
    require(rows <= chunk && source.empty(), ErrorKind::kUsage,
            "--token-types wanted tokens of one step and no source, got ", rows, " tokens and steps of ", chunk);
    std::vector<std::int64_t> wanted(static_cast<std::size_t>(last));
    std::iota(wanted.begin(), wanted.end(), first);
    const StepEntry entry{.sequence = &sequence, .rows = rows, .token_types = types};
    out.write(runner.step({&entry, 1}, ids, wanted));
    out.finish();
    return 0;
  }
  for (std::int64_t i = 0; i < rows;) {
    const std::int64_t count = i < prefill ? std::min(chunk, prefill - i) : 1;
    run(i, count);
    i += count;
  }
  out.finish();
  return 0;
}

}  // namespace

void add_logits(Arguments& arguments, std::span<const Family> families) {
  auto f = std::make_shared<LogitsFlags>();
  Command c = arguments.command(
      "logits",
      "Writes what a model computes of given tokens or pixels as a float32 .npy array: logits, "
      "hidden states or classes [rows, width]",
      "Example: ttt logits -m model.gguf --tokens 1,2,3 --prefill 2 -o logits.npy", [f] { return write_logits(*f); });
  add_model_options(c, f->model, families);
  c.option("--tokens", f->tokens, "token ids between commas");
  c.option("--tokens-file", f->tokens_file, ".npy file of int32 token ids");
  c.option("--token-types", f->token_types, "token types between commas, one for each token");
  c.option("--decoder-tokens", f->decoder_tokens,
           "ids of the decoder between commas, for an encoder-decoder; --tokens are the encoder's then");
  c.option("--pixels", f->pixels, ".npy file of normalised float32 pixels [channels, height, width], for image models");
  c.option("-o,--output", f->output, ".npy file to write; - is stdout", Option::kRequired);
  c.option("--last", f->last, "keep the last N rows only");
  c.option("--prefill", f->prefill, "run the first N tokens as prefill and the rest one by one");
}

}  // namespace ttt::app
