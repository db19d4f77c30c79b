#include "runtime/verify/verify.h"

#include <cstdio>

#include "apps/ttt/commands.h"
#include "apps/ttt/options.h"
#include "base/error.h"

namespace ttt::app {
namespace {

struct VerifyFlags {
  ModelOptions model;
  std::string trace;
  double tolerance = 0;
  bool alone = false, all = false, json = false;
};

int run_verify(const VerifyFlags& f) {
  require(f.tolerance >= 0, ErrorKind::kUsage, "--tolerance wanted a positive number, got ", f.tolerance);
  const Trace trace = Trace::load(f.trace);
  const auto checkpoint = open_model(f.model);
  const auto rows = static_cast<std::int64_t>(trace.ids().size());
  Workbench bench(f.model, checkpoint, {.context = context_for(f.model, *checkpoint, rows)});
  const VerifyReport report = verify(bench.model, f.model.families, bench.load, trace, *bench.threads,
                                     {.tolerance = f.tolerance, .alone = f.alone});
  const std::string text = f.json ? report.json().dump(2) + "\n" : report.text(f.all);
  std::fputs(text.c_str(), stdout);
  return report.agrees() ? 0 : static_cast<int>(ErrorKind::kBadData);
}

}  // namespace

void add_verify(Arguments& arguments, std::span<const Family> families) {
  auto f = std::make_shared<VerifyFlags>();
  Command c = arguments.command(
      "verify", "Compares a model with a recorded run, block by block",
      "Example: tools/record_trace.py DIRECTORY --tokens 1,2,3 -o trace.safetensors\n"
      "         ttt verify -m DIRECTORY --trace trace.safetensors\n"
      "Exit status: 0 every recorded place agrees, 3 one diverges: which, by how much and why is printed.",
      [f] { return run_verify(*f); });
  f->model.strategy = "accuracy";  // what is compared is the mathematics, not the rounding
  add_model_options(c, f->model, families);
  c.option("--trace", f->trace, "recording of tools/record_trace.py", Option::kRequired);
  c.option("--tolerance", f->tolerance,
           "largest error that agrees, as a share of the range of a recorded output (default: by the formats)");
  c.flag("--alone", f->alone, "run every block on its recorded input");
  c.flag("--all", f->all, "show the places after the first divergence too");
  c.flag("--json", f->json, "print JSON");
}

}  // namespace ttt::app
