#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>

#include "apps/ttt/by_block.h"
#include "apps/ttt/commands.h"
#include "apps/ttt/options.h"
#include "apps/ttt/ranks.h"
#include "base/error.h"
#include "runtime/memory_plan.h"

namespace ttt::app {
namespace {

struct PlanFlags {
  ModelOptions model;
  std::int64_t batch = 1;
  std::optional<std::int64_t> ranks = {};  // absent: of the job
  bool json = false;
};

Json rank_json(const RankMemory& r) {
  Json::Array blocks;
  for (const BlockMemory& b : r.blocks) {
    blocks.emplace_back(Json::Object{{"path", b.path},
                                     {"block", b.block},
                                     {"mapped", b.mapped},
                                     {"owned", b.owned},
                                     {"state", b.state},
                                     {"scratch", b.scratch}});
  }
  return Json(Json::Object{{"mapped", r.weights.mapped},
                           {"owned", r.weights.owned},
                           {"state", r.runner.state},
                           {"scratch", r.runner.scratch},
                           {"logits", r.runner.logits},
                           {"given", r.runner.given},
                           {"total", r.total()},
                           {"blocks", std::move(blocks)}});
}

void print_row(const std::string& name, const BlockMemory& b) {
  std::printf("  %-44s %15s %15s %15s %15s\n", name.c_str(), text(b.mapped).c_str(), text(b.owned).c_str(),
              text(b.state).c_str(), text(b.scratch).c_str());
}

// Blocks that differ in their index only are added up.
void print_rank(std::size_t rank, const RankMemory& r) {
  std::vector<std::string> order;
  std::map<std::string, BlockMemory> rows;
  std::map<std::string, int> counts;
  for (const BlockMemory& b : r.blocks) {
    const std::string name = without_indices(b.path);
    if (counts[name]++ == 0) order.push_back(name);
    BlockMemory& row = rows[name];
    row.mapped += b.mapped;
    row.owned += b.owned;
    row.state += b.state;
    row.scratch = std::max(row.scratch, b.scratch);
  }
  std::printf("rank %zu\n  %-44s %15s %15s %15s %15s\n", rank, "bytes of", "weights mapped", "weights owned", "state",
              "scratch");
  for (const std::string& name : order) {
    const int count = counts[name];
    print_row(count > 1 ? text(name, " x ", count) : name, rows[name]);
  }
  print_row(
      "all",
      {.mapped = r.weights.mapped, .owned = r.weights.owned, .state = r.runner.state, .scratch = r.runner.scratch});
  const std::string given = r.runner.given > 0 ? text(" and ", r.runner.given, " of rows in place of ids") : "";
  std::printf("  with %s of logits%s: %s\n", text(r.runner.logits).c_str(), given.c_str(), text(r.total()).c_str());
}

int plan(const PlanFlags& f) {
  const std::int64_t ranks = f.ranks.value_or(communicator().ranks());
  require(f.batch >= 1 && ranks >= 1, ErrorKind::kUsage, "--batch and --ranks wanted positive numbers, got ", f.batch,
          " and ", ranks);
  const auto checkpoint = open_model(f.model, true);
  LoadOptions load = load_options(f.model);
  load.rank = 0;
  load.ranks = ranks;
  const std::unique_ptr<ThreadPool> threads = make_threads(f.model, load.traits);
  const RunnerConfig config{.sequences = f.batch,
                            .context = load.context,
                            .chunk = f.model.chunk > 0 ? f.model.chunk : RunnerConfig{}.chunk,
                            .wanted = f.batch};
  const MemoryPlan made = plan_memory(*checkpoint, f.model.families, load, config, *threads);
  const std::int64_t limit = max_positions(checkpoint->config(), checkpoint->config_where());
  constexpr std::int64_t kMost = 1 << 20;  // rows, for configurations that name no limit
  const std::int64_t available = load.traits.available_bytes;
  const std::int64_t longest =
      longest_context(*checkpoint, f.model.families, load, config, *threads, limit > 0 ? limit : kMost, available);
  if (f.json) {
    Json::Array each;
    for (const RankMemory& r : made.ranks) each.push_back(rank_json(r));
    const Json out(Json::Object{{"model", checkpoint->path().string()},
                                {"ctx", made.config.context},
                                {"batch", f.batch},
                                {"chunk", made.config.chunk},
                                {"threads", threads->size()},
                                {"total", made.total()},
                                {"available", available},
                                {"longest_ctx", longest},
                                {"ranks", std::move(each)}});
    std::printf("%s\n", out.dump(2).c_str());
    return 0;
  }
  for (std::size_t r = 0; r < made.ranks.size(); ++r) print_rank(r, made.ranks[r]);
  std::printf("%s\n", text("context ", made.config.context, ", batch ", f.batch, ", steps of ", made.config.chunk,
                           " rows: ", made.total(), " bytes of ", available,
                           " available; the longest context that fits: ", longest)
                          .c_str());
  return 0;
}

}  // namespace

void add_plan(Arguments& arguments, std::span<const Family> families) {
  auto f = std::make_shared<PlanFlags>();
  Command c =
      arguments.command("plan", "Memory by block and rank, and the longest context that fits; reads headers only",
                        "Example: ttt plan -m model.gguf --ctx 4096 --batch 8 --ranks 4", [f] { return plan(*f); });
  add_model_options(c, f->model, families);
  c.option("--batch", f->batch, "sequences at once", Option::kShowsDefault);
  c.option("--ranks", f->ranks, "ranks to plan for; none is started (default: those of mpirun, else 1)");
  c.flag("--json", f->json, "print JSON, with every block");
}

}  // namespace ttt::app
