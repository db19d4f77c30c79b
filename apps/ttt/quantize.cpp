#include "runtime/quantize/quantize.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "apps/ttt/commands.h"
#include "apps/ttt/options.h"
#include "apps/ttt/ranks.h"
#include "apps/ttt/signals.h"
#include "base/error.h"

namespace ttt::app {
namespace {

struct QuantizeFlags {
  ModelOptions model;
  std::string output = {};
  std::int64_t shard_megabytes = 5000;
};

std::string megabytes(std::int64_t bytes) { return text((bytes + 500'000) / 1'000'000, " MB"); }

std::string bar(std::int64_t done, std::int64_t total) {
  constexpr std::int64_t kWidth = 30;
  const std::int64_t percent = total > 0 ? done * 100 / total : 100;
  const auto filled = static_cast<std::size_t>(percent * kWidth / 100);
  return text("quantize [", std::string(filled, '#'), std::string(kWidth - filled, ' '), "] ", percent, " %, ",
              megabytes(done), " of ", megabytes(total));
}

int quantize_model(const QuantizeFlags& f) {
  require(communicator().ranks() == 1, ErrorKind::kUsage, "quantize runs on one rank, got ", communicator().ranks());
  require(f.shard_megabytes > 0, ErrorKind::kUsage, "--shard-size wanted a positive number, got ", f.shard_megabytes);
  const auto checkpoint = open_model(f.model);
  QuantizeOptions options{.output = f.output, .load = load_options(f.model)};
  const std::unique_ptr<ThreadPool> threads = make_threads(f.model, options.load.traits);
  options.load.parallel_for = *threads;
  options.shard_bytes = f.shard_megabytes * 1'000'000;
  QuantizeResult result;
  {
    Progress progress;
    std::int64_t shown = -1;
    options.progress = [&](std::int64_t done, std::int64_t total) {
      const std::int64_t permille = total > 0 ? done * 1000 / total : 1000;
      if (permille != shown) progress.show(bar(done, total));
      shown = permille;
    };
    options.stop = [] { return interrupted() != 0; };
    const Graceful graceful;
    result = quantize(*checkpoint, f.model.families, options);
  }
  if (!result.finished) return interrupted();
  if (f.model.verbose > 0) {
    for (const std::string& note : result.notes) say("ttt: note: " + note);
  }
  std::printf("%s: %lld tensors, %s from %s\n", f.output.c_str(), static_cast<long long>(result.tensors),
              megabytes(result.bytes).c_str(), megabytes(result.source_bytes).c_str());
  return 0;
}

}  // namespace

void add_quantize(Arguments& arguments, std::span<const Family> families) {
  auto f = std::make_shared<QuantizeFlags>();
  Command c = arguments.command(
      "quantize", "Writes a checkpoint whose weights are in another format",
      "Example: ttt quantize -m MODEL --format int8 -o MODEL-int8   (a directory; a name ending in .gguf: a GGUF file)",
      [f] { return quantize_model(*f); });
  add_model_options(c, f->model, families);
  c.option("-o,--output", f->output, "directory to write, or .gguf file (from a GGUF file)", Option::kRequired);
  c.option("--shard-size", f->shard_megabytes, "megabytes of one file of a directory, at most", Option::kShowsDefault);
}

}  // namespace ttt::app
