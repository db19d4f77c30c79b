#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <set>

#include "apps/ttt/commands.h"
#include "apps/ttt/options.h"
#include "base/error.h"

namespace ttt::app {
namespace {

struct InspectFlags {
  ModelOptions model;
  bool json = false, impl = false;
};

std::int64_t weight_bytes(const BoundWeight& w) {
  const double bits = traits_of(w.format).nominal_bits * static_cast<double>(w.shape.elements());
  return static_cast<std::int64_t>(bits / 8);
}

// Fields that are floats show as the shortest decimals that mean them: 0.2, not 0.20000000298023224.
Json shortest(const Json& v) {
  if (v.is_array()) {
    Json::Array items;
    for (const Json& item : v.as_array("value")) items.push_back(shortest(item));
    return Json(std::move(items));
  }
  if (v.is_object()) {
    Json::Object members;
    for (const auto& [key, member] : v.as_object("value")) members.emplace_back(key, shortest(member));
    return Json(std::move(members));
  }
  if (!v.is_number() || v.is_integer()) return v;
  const double x = v.as_number("value");
  if (!(std::abs(x) <= static_cast<double>(std::numeric_limits<float>::max()))) return v;
  const auto narrow = static_cast<float>(x);
  if (static_cast<double>(narrow) != x) return v;
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, narrow);
  double result = x;
  std::from_chars(buffer, end.ptr, result);
  return Json(result);
}

std::vector<std::string> notes_of(const Checkpoint& checkpoint, const PlannedModel& plan) {
  std::vector<std::string> all = checkpoint.notes();
  for (const auto* list : {&plan.built.report.warnings, &plan.built.report.notes}) {
    all.insert(all.end(), list->begin(), list->end());
  }
  return all;
}

Json block_json(const BlockRecord& b) {
  Json::Array weights;
  std::int64_t parameters = 0, bytes = 0;
  for (const BoundWeight& w : b.weights) {
    weights.emplace_back(Json::Object{
        {"name", w.name}, {"shape", w.shape.to_string()}, {"format", name_of(w.format)}, {"bytes", weight_bytes(w)}});
    parameters += w.parameters;
    bytes += weight_bytes(w);
  }
  return Json(Json::Object{{"path", b.place.path},
                           {"block", b.block},
                           {"parameters", parameters},
                           {"bytes", bytes},
                           {"spec", shortest(b.spec)},
                           {"impl", shortest(b.impl)},
                           {"weights", std::move(weights)}});
}

Json model_json(const Checkpoint& checkpoint, const PlannedModel& plan) {
  Json::Array blocks, problems, notes;
  for (const BlockRecord& b : plan.built.tree->blocks) blocks.push_back(block_json(b));
  for (const auto& p : plan.source->problems()) problems.emplace_back(p.message);
  for (const std::string& n : notes_of(checkpoint, plan)) notes.emplace_back(n);
  const WeightBytes bytes = plan.source->bytes();
  return Json(Json::Object{{"model", checkpoint.path().string()},
                           {"config", checkpoint.config()},
                           {"parameters", plan.built.tree->parameters()},
                           {"bytes_mapped", bytes.mapped},
                           {"bytes_owned", bytes.owned},
                           {"context", plan.built.context},
                           {"problems", std::move(problems)},
                           {"notes", std::move(notes)},
                           {"blocks", std::move(blocks)}});
}

// Fields that differ from nothing worth showing are left out: null, false, empty.
std::string compact(const Json& fields) {
  std::string s;
  for (const auto& [key, value] : fields.as_object("fields")) {
    if (value.is_null() || value == Json(false) || value == Json(Json::Array{})) continue;
    s += text(s.empty() ? "" : " ", key, "=", value.is_string() ? value.as_string(key) : value.dump());
  }
  return s;
}

void print_tree(const Checkpoint& checkpoint, const PlannedModel& plan) {
  for (const BlockRecord& b : plan.built.tree->blocks) {
    std::int64_t parameters = 0, bytes = 0;
    std::set<std::string_view> formats;
    for (const BoundWeight& w : b.weights) {
      parameters += w.parameters;
      bytes += weight_bytes(w);
      formats.insert(name_of(w.format));
    }
    std::string stored;
    for (const std::string_view f : formats) stored += text(stored.empty() ? "" : ",", f);
    std::printf("%s\n", text(b.place.path, "  ", b.block, "  ", parameters, " parameters, ", bytes, " bytes (", stored,
                             ")\n    spec: ", compact(shortest(b.spec)), "\n    impl: ", compact(shortest(b.impl)))
                            .c_str());
  }
  const WeightBytes bytes = plan.source->bytes();
  std::printf("%s\n", text(checkpoint.path().string(), ": ", plan.built.tree->blocks.size(), " blocks, ",
                           plan.built.tree->parameters(), " parameters, ", bytes.mapped, " bytes used in place, ",
                           bytes.owned, " bytes converted or packed, context ", plan.built.context)
                          .c_str());
  for (const std::string& note : notes_of(checkpoint, plan)) std::printf("note: %s\n", note.c_str());
  for (const std::string& name : plan.source->unused()) std::printf("not used: %s\n", name.c_str());
}

int inspect(const InspectFlags& f) {
  const auto checkpoint = open_model(f.model, true);
  LoadOptions load = load_options(f.model);
  const PlannedModel plan = plan_model(*checkpoint, f.model.families, load);
  if (f.impl) {
    std::printf("%s\n", shortest(plan.built.tree->impl_configs()).dump(2).c_str());
  } else if (f.json) {
    std::printf("%s\n", model_json(*checkpoint, plan).dump(2).c_str());
  } else {
    print_tree(*checkpoint, plan);
  }
  plan.source->require_complete();
  return 0;
}

}  // namespace

void add_inspect(Arguments& arguments, std::span<const Family> families) {
  auto f = std::make_shared<InspectFlags>();
  Command c = arguments.command(
      "inspect", "The tree of blocks with spec, resolved choices, parameters and bytes",
      "Example: ttt inspect -m model.gguf --impl-configs > impl.json   (edit it, then: --impl impl.json)",
      [f] { return inspect(*f); });
  add_model_options(c, f->model, families);
  c.flag("--json", f->json, "print JSON");
  c.flag("--impl-configs", f->impl, "print every block's ImplConfig, as --impl reads them");
}

}  // namespace ttt::app
