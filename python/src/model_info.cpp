#include "python/src/model_info.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/scratch.h"
#include "runtime/plan_step.h"
#include "state/planned_step.h"

namespace ttt::python {
namespace {

// The shapes of what a step writes, and in which order.
class ShapeObserver final : public Observer {
 public:
  void done(const Place& place, TensorView y) override {
    if (place.index < 0 || shapes_.contains(place.index)) return;
    shapes_.emplace(place.index, y.shape);
    order_.push_back(place.index);
  }
  void launched(double, double) override {}
  bool counts() const override { return false; }
  bool observes(const Place&) const override { return true; }

  const std::vector<std::int64_t>& order() const { return order_; }
  const Shape& shape(std::int64_t place) const { return shapes_.at(place); }

 private:
  std::map<std::int64_t, Shape> shapes_;
  std::vector<std::int64_t> order_;
};

// Rows of a step that can be told from every other extent of a small number: one of them is wanted.
constexpr std::int64_t kRows = 3;

void plan(PyModel& m, RowsKind kind, ShapeObserver& observer) {
  const std::vector<StateSpec>& slots = m.loaded().tree().states;
  const RunnerConfig config =
      checked_config({.context = m.context(), .chunk = std::min(m.chunk(), m.context()), .wanted = 1}, slots);
  const PlannedStep::Entry entry{.rows = std::min(kRows, m.context())};
  const std::int64_t wanted = kind == RowsKind::kSource ? 0 : 1;
  const PlannedStep planned(slots, pool_config(config, slots), {&entry, 1}, wanted, kind, m.model().input_size());
  Scratch scratch = Scratch::planned();
  Exec exec(m.threads(), scratch, self_communicator(), observer, Exec::Mode::kPlan);
  if (kind == RowsKind::kSource) {
    m.model().encode(exec, planned.step());
  } else {
    m.model().forward(exec, planned.step(), view_of(static_cast<float*>(nullptr), {wanted, m.model().output_size()}));
  }
}

Json shape_json(const Shape& shape, std::string_view rows) {
  Json::Array extents;
  for (int i = 0; i < shape.rank(); ++i) {
    if (i > 0) {
      extents.emplace_back(shape[i]);
    } else {
      extents.emplace_back(shape[0] == 1 ? std::string_view("wanted rows") : rows);
    }
  }
  return extents;
}

Json weight_json(const BoundWeight& w) {
  Json::Array shape;
  for (int i = 0; i < w.shape.rank(); ++i) shape.emplace_back(w.shape[i]);
  return Json::Object{{"name", w.name}, {"shape", std::move(shape)}, {"format", name_of(w.format)}};
}

Json record_json(const BlockRecord& b) {
  Json::Array weights;
  std::int64_t parameters = 0;
  for (const BoundWeight& w : b.weights) {
    weights.push_back(weight_json(w));
    parameters += w.parameters;
  }
  return Json::Object{{"kind", b.block},
                      {"parameters", parameters},
                      {"spec", b.spec},
                      {"impl", b.impl},
                      {"weights", std::move(weights)}};
}

void add_places(PyModel& m, const ShapeObserver& observer, std::string_view rows, Json::Array& all) {
  const ModelTree& tree = m.loaded().tree();
  for (const std::int64_t index : observer.order()) {
    Json place(Json::Object{{"path", tree.places[index].path}, {"shape", shape_json(observer.shape(index), rows)}});
    for (const BlockRecord& b : tree.blocks) {
      if (b.place.index == index) place.set("block", record_json(b));
    }
    all.push_back(std::move(place));
  }
}

Json memory_json(PyModel& m) {
  const WeightBytes weights = m.loaded().weights->bytes();
  const RunnerConfig config{.context = m.context(), .chunk = m.chunk()};
  const RunnerMemory run = plan_runner(m.loaded().built, m.threads(), self_communicator(), config);
  return Json::Object{{"weights_mapped", weights.mapped},
                      {"weights_owned", weights.owned},
                      {"state", run.state},
                      {"scratch", run.scratch},
                      {"outputs", run.logits},
                      {"inputs", run.given},
                      {"total", weights.mapped + weights.owned + run.total()}};
}

Json list_of(const std::vector<std::string>& strings) {
  Json::Array all;
  for (const std::string& s : strings) all.emplace_back(s);
  return all;
}

}  // namespace

Json info_of(PyModel& m) {
  const LoadedModel& loaded = m.loaded();
  const Model& model = loaded.model();
  const LoadOptions& load = m.options().load;
  const Json* type = m.checkpoint().config().find("model_type");
  return Json::Object{{"path", m.checkpoint().path().string()},
                      {"family", type == nullptr ? Json() : *type},
                      {"config", m.checkpoint().config()},
                      {"generation_config", m.checkpoint().generation_config()},
                      {"parameters", loaded.tree().parameters()},
                      {"vocab_size", model.vocab_size()},
                      {"output", name_of(model.output())},
                      {"output_size", model.output_size()},
                      {"input_size", model.input_size()},
                      {"has_encoder", model.has_encoder()},
                      {"context", m.context()},
                      {"max_rows", model.max_rows()},
                      {"chunk", m.chunk()},
                      {"threads", m.threads().size()},
                      {"strategy", name_of(load.strategy)},
                      {"isa", name_of(load.traits.isa())},
                      {"memory", memory_json(m)},
                      {"warnings", list_of(loaded.warnings)},
                      {"notes", list_of(loaded.notes)}};
}

Json places_of(PyModel& m) {
  Json::Array all;
  if (m.model().has_encoder()) {
    ShapeObserver encoder;
    plan(m, RowsKind::kSource, encoder);
    add_places(m, encoder, "source rows", all);
  }
  ShapeObserver observer;
  plan(m, RowsKind::kTokens, observer);
  add_places(m, observer, "rows", all);
  return all;
}

}  // namespace ttt::python
