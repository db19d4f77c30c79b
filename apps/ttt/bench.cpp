#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/ttt/bench_measure.h"
#include "apps/ttt/by_block.h"
#include "apps/ttt/commands.h"
#include "apps/ttt/options.h"
#include "apps/ttt/ranks.h"
#include "base/error.h"

namespace ttt::app {
namespace {

struct BenchFlags {
  ModelOptions model;
  std::string config, prompt = "512", batch = "1";
  std::optional<std::string> context = {}, roofline = {};
  std::int64_t generate = 64, repeat = 3;
  bool json = false, by_block = false;
};

constexpr std::string_view kRooflineText = "text";

BenchLists lists_of(const BenchFlags& f) {
  BenchLists lists{
      .formats = f.model.format.empty() ? std::vector<std::string>{"auto"} : parse_names("--format", f.model.format),
      .prompts = parse_counts("--prompt", f.prompt, 1),
      .batches = parse_counts("--batch", f.batch, 1),
      .contexts = {}};
  if (f.context) lists.contexts = parse_counts("--context", *f.context, 0);
  return lists;
}

void write_svg(const std::string& file, const std::string& svg, const char* mode) {
  if (!leads()) return;
  errno = 0;
  std::FILE* to = std::fopen(file.c_str(), mode);
  const bool written = to != nullptr && std::fwrite(svg.data(), 1, svg.size(), to) == svg.size();
  const bool closed = to != nullptr && std::fclose(to) == 0;
  if (written && closed) return;
  const ErrorKind kind = errno == ENOSPC || errno == EDQUOT ? ErrorKind::kResources : ErrorKind::kIo;
  fail(kind, text(file, ": cannot write: ", std::strerror(errno)));
}

void check(const BenchFlags& f, const BenchLists& lists) {
  require(f.model.model.empty() != f.config.empty(), ErrorKind::kUsage, "one of -m and --config is wanted");
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  require(f.generate >= 1 && f.repeat >= 1 && f.generate <= kMost && f.repeat <= kMost, ErrorKind::kUsage,
          "--generate and --repeat wanted numbers from 1 to ", kMost);
  for (const std::string& format : lists.formats) bench_options(f.model, format, !f.config.empty());
  require(!f.by_block || lists.single(), ErrorKind::kUsage,
          "--by-block wanted one format, prompt, batch and context, got a list");
  if (!f.roofline) return;
  require(f.roofline == kRooflineText || f.roofline->ends_with(".svg"), ErrorKind::kUsage,
          "--roofline wanted text or a file whose name ends in .svg, got \"", *f.roofline, "\"");
  require(f.roofline != kRooflineText || !f.json, ErrorKind::kUsage,
          "--roofline text and --json wanted both to have stdout; --roofline FILE.svg goes with --json");
  // Before the long work: whether it can be kept.
  if (f.roofline != kRooflineText) write_svg(*f.roofline, "", "ae");
}

void print_blocks(const BenchFlags& f, const BenchLists& lists, const ModelTree& tree,
                  const BenchMeasurement::ByBlock& blocks, const MachineLimit& limit) {
  const std::int64_t batch = lists.batches.front();
  const std::string of_sequences = batch == 1 ? "" : text(" for each of ", batch, " sequences");
  print_by_block(text("\nprefill of ", lists.prompts.front(), " tokens", of_sequences), tree, blocks.prefill, limit);
  print_by_block(text("\ndecode of ", f.generate, " tokens", of_sequences), tree, blocks.decode, limit);
}

int bench(const BenchFlags& f) {
  const BenchLists lists = lists_of(f);
  check(f, lists);
  const BenchQuestion question{
      .model = f.model, .config = f.config, .lists = lists, .generate = f.generate, .repeat = f.repeat};
  BenchMeasurement measurement(question);
  const BenchResults results = measurement.run();
  const Roofline roofline = roofline_of(results);
  if (f.roofline && f.roofline != kRooflineText) write_svg(*f.roofline, roofline_svg(roofline), "we");

  BenchMeasurement::ByBlock blocks;
  if (f.by_block) blocks = measurement.run_by_block();
  const MachineLimit limit{peak_of(results.peak, results.formats.front().form), results.peak.read_bandwidth};
  if (f.json) {
    Json out = bench_json(results, lists.contexts.empty());
    if (f.by_block) {
      out.set("prefill_by_block", by_block_json(measurement.tree(), blocks.prefill, limit));
      out.set("decode_by_block", by_block_json(measurement.tree(), blocks.decode, limit));
    }
    std::printf("%s\n", out.dump(2).c_str());
    return 0;
  }
  if (lists.single() && lists.contexts.empty()) {
    print_first(results);
  } else {
    print_tables(results);
  }
  if (f.by_block) print_blocks(f, lists, measurement.tree(), blocks, limit);
  if (f.roofline == kRooflineText) std::printf("\n%s", roofline_text(roofline).c_str());
  return 0;
}

}  // namespace

void add_bench(Arguments& arguments, std::span<const Family> families) {
  auto f = std::make_shared<BenchFlags>();
  Command c = arguments.command(
      "bench", "Speed of prefill and decode, with the share of the machine's measured limit",
      "Example: ttt bench -m model.gguf --prompt 512 --generate 64\n"
      "         ttt bench --config config.json --format bf16 --json   (random weights of that shape)\n"
      "         ttt bench --config config.json --format bf16,int8,q4_0 --prompt 512,8192 --batch 1,4,16\n"
      "                   --context 0,8192 --roofline roofline.svg\n"
      "--format, --prompt, --batch and --context take lists: every combination is measured. Random weights can have\n"
      "every grouped format (q4_0, q4_k, mxfp4, ...). docs/performance.md has the method.",
      [f] { return bench(*f); });
  add_model_options(c, f->model, families);
  c.make_optional("--model");
  c.option("--config", f->config, "config.json of the shape to measure with random weights");
  c.option("--prompt", f->prompt, "tokens of a prompt, or a list", Option::kShowsDefault);
  c.option("--generate", f->generate, "tokens to generate", Option::kShowsDefault);
  c.option("--batch", f->batch, "sequences at once, or a list", Option::kShowsDefault);
  c.option("--context", f->context, "tokens that decode begins after, or a list (default: the prompt)");
  c.option("--repeat", f->repeat, "repetitions; medians are printed", Option::kShowsDefault);
  c.flag("--by-block", f->by_block, "also time, bytes, operations and share of the limit of every block");
  c.option("--roofline", f->roofline, "FILE.svg, or text for stdout: what was measured below the machine's limits");
  c.flag("--json", f->json, "print JSON");
}

}  // namespace ttt::app
