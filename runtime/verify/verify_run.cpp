#include "runtime/verify/verify_run.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "collectives/self.h"
#include "testing/metrics.h"

namespace ttt {
namespace {

double range_of(const std::vector<float>& x) {
  if (x.empty()) return 1;
  const auto [low, high] = std::ranges::minmax(x);
  const double range = double{high} - double{low}, largest = std::max(std::fabs(double{low}), std::fabs(double{high}));
  return range > 0 ? range : largest > 0 ? largest : 1;
}

// Sum of the products of two sides of equal size.
double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * double{b[i]};
  return sum;
}

}  // namespace

ConstTensorView RequestLog::fetch(const WeightRequest& request) {
  requests_.push_back(request);
  return source_.fetch(request);
}

std::vector<BuiltBlock> RequestLog::blocks(const ModelTree& tree) const {
  std::vector<BuiltBlock> all;
  auto request = requests_.begin();
  for (const BlockRecord& b : tree.blocks) {
    const auto end = request + static_cast<std::ptrdiff_t>(b.weights.size());
    all.push_back({.path = std::string(b.place.path),
                   .recorded = b.recorded,
                   .block = b.block,
                   .spec = b.spec,
                   .impl = b.impl,
                   .requests = {request, end}});
    request = end;
  }
  return all;
}

std::vector<Written> run_observed(const BuiltModel& built, std::span<const std::int32_t> ids, ThreadPool& threads) {
  const auto rows = static_cast<std::int64_t>(ids.size());
  require(built.model->input_size() == 0 && !built.model->has_encoder(), ErrorKind::kUnsupported,
          "a trace wanted a model that takes ids and has no encoder beside its decoder");
  const std::int64_t width = built.model->output_size();
  StatePool state(built.tree->states, {.context = rows, .chunk = rows});
  StepBuilder builder(state, rows, 1);
  Sequence sequence = state.create();
  std::vector<std::int64_t> wanted(ids.size());
  std::iota(wanted.begin(), wanted.end(), 0);
  std::vector<float> logits(wanted.size() * static_cast<std::size_t>(width));
  std::set<std::string, std::less<>> blocks;
  for (const BlockRecord& b : built.tree->blocks) blocks.emplace(b.place.path);
  const StepEntry entry{.sequence = &sequence, .rows = rows};
  const Step step = builder.prepare({&entry, 1}, ids, wanted);
  const TensorView y = view_of(logits.data(), {rows, width});
  // Planned with the same wishes: an observer of a projection's product costs scratch. What it sees is not
  // kept.
  Scratch planned = Scratch::planned();
  class : public Observer {
   public:
    void done(const Place&, TensorView) override {}
    void launched(double, double) override {}
    bool counts() const override { return false; }
    bool observes(const Place&) const override { return true; }
  } wishes;
  Exec plan(threads, planned, self_communicator(), wishes, Exec::Mode::kPlan);
  built.model->forward(plan, step, y);
  Scratch scratch(planned.peak());
  TraceObserver observer(std::move(blocks));
  Exec exec(threads, scratch, self_communicator(), observer);
  built.model->forward(exec, step, y);
  return observer.written();
}

PlaceComparison compare_place(const std::string& path, const std::vector<float>& wanted, const std::vector<float>& got,
                              std::int64_t width, double tolerance) {
  require(wanted.size() == got.size() && width > 0, ErrorKind::kBadData, "[", path, "] the recorded output has ",
          wanted.size(), " values, this model's ", got.size());
  PlaceComparison c{.path = path, .rows = static_cast<std::int64_t>(got.size()) / width, .width = width};
  c.error = max_abs_error(wanted, got);
  c.share = c.error / range_of(wanted);
  c.pcc = pcc(wanted, got);
  c.cosine = cosine(wanted, got);
  c.agrees = c.share <= tolerance;
  double most = -1;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double d = std::fabs(double{got[i]} - double{wanted[i]}), error = std::isnan(d) ? HUGE_VAL : d;
    if (error <= most) continue;
    most = error;
    c.row = static_cast<std::int64_t>(i) / width;
    c.column = static_cast<std::int64_t>(i) % width;
    c.wanted = wanted[i];
    c.got = got[i];
  }
  return c;
}

std::optional<PlaceComparison> compare_written(const Trace& trace, const std::string& name, const Written& w,
                                               double tolerance) {
  const std::optional<testing::Values> recorded = trace.values(name + ":out");
  if (!recorded) return std::nullopt;
  if (!w.product.empty()) return compare_place(w.path, recorded->data, w.product, w.width, tolerance);
  PlaceComparison c = compare_place(w.path, recorded->data, w.y, w.width, tolerance);
  if (c.agrees || w.before.empty()) return c;
  std::vector<float> grown(w.y.size());
  for (std::size_t i = 0; i < grown.size(); ++i) grown[i] = w.y[i] - w.before[i];
  const PlaceComparison other = compare_place(w.path, recorded->data, grown, w.width, tolerance);
  return other.share < c.share ? other : c;
}

std::optional<double> agreeing_factor(const std::vector<float>& wanted, const std::vector<float>& got,
                                      double tolerance) {
  const double square = dot(got, got);
  if (wanted.size() != got.size() || !(square > 0)) return std::nullopt;
  const double factor = dot(wanted, got) / square;
  std::vector<float> scaled(got);
  for (float& v : scaled) v = static_cast<float>(v * factor);
  if (!(max_abs_error(wanted, scaled) / range_of(wanted) <= tolerance)) return std::nullopt;
  return factor;
}

const BlockKind* Bystander::kind(const BuiltBlock& block) const {
  const auto found = std::ranges::find(options_.kinds, block.block, &BlockKind::block);
  return found == options_.kinds.end() ? nullptr : &*found;
}

testing::Values Bystander::input(const BuiltBlock& block) const {
  // Blocks that look rows up read the ids, whatever a module of that name was given.
  testing::Values x = trace_.values(block.recorded + ":in").value_or(testing::Values{});
  x.ids.assign(trace_.ids().begin(), trace_.ids().end());
  return x;
}

// What a block was given besides its input: rows of another sequence.
testing::Values Bystander::source(const BuiltBlock& block, const testing::Subject& subject) const {
  return subject.store ? *trace_.values(block.recorded + ":in.1") : testing::Values{};
}

std::optional<testing::Subject> Bystander::subject(const BuiltBlock& block, const Json& spec) const {
  const BlockKind* k = kind(block);
  if (k == nullptr || !trace_.has(block.recorded + ":in") || !trace_.has(block.recorded + ":out")) return std::nullopt;
  std::optional<testing::Subject> subject = k->build(block, spec, source_, traits_);
  if (subject->store && !trace_.has(block.recorded + ":in.1")) return std::nullopt;
  return subject;
}

std::vector<float> Bystander::output(const BuiltBlock& block) const {
  std::optional<testing::Subject> s = subject(block, block.spec);
  if (!s) return {};
  testing::Values rows = source(block, *s);
  return testing::BlockRunner(std::move(*s), input(block), threads_, std::move(rows)).run();
}

std::optional<PlaceComparison> Bystander::run(const BuiltBlock& block, const Json& spec) const {
  std::optional<testing::Subject> s = subject(block, spec);
  if (!s) return std::nullopt;
  const std::int64_t width = s->width;
  testing::Values rows = source(block, *s);
  const std::vector<float> y = testing::BlockRunner(std::move(*s), input(block), threads_, std::move(rows)).run();
  const testing::Values wanted = *trace_.values(block.recorded + ":out");
  PlaceComparison c = compare_place(block.path, wanted.data, y, width, tolerance_);
  c.block = block.block;
  return c;
}

std::vector<Bystander::Tried> Bystander::try_all(const BuiltBlock& block,
                                                 const std::vector<SpecChange>& changes) const {
  std::vector<Tried> all;
  for (const SpecChange& change : changes) {
    try {
      if (std::optional<PlaceComparison> c = run(block, change.spec)) all.push_back({&change, std::move(*c)});
    } catch (const Error&) {
      // There is no such block: an illegal combination, or a weight that the checkpoint lacks.
    }
  }
  std::ranges::stable_sort(all, {}, [](const Tried& t) { return t.result.share; });
  return all;
}

void Bystander::find_causes(const BuiltBlock& block, VerifyReport& report) const {
  report.first_alone = run(block, block.spec);
  if (!report.first_alone || report.first_alone->agrees) return;
  const std::vector<SpecChange> singles = kind(block)->changes(block.spec);
  std::vector<Tried> tried = try_all(block, singles);
  report.tried = static_cast<std::int64_t>(tried.size());
  const auto keep = [&](const Tried& t) {
    report.causes.push_back({.what = t.change->what, .share = t.result.share, .agrees = t.result.agrees});
  };
  // What agrees too, but a hundred times less well, is another value of the right field.
  constexpr double kMuchWorse = 100, kRounding = 1e-7;
  for (const Tried& t : tried) {
    if (t.result.agrees && t.result.share <= kMuchWorse * std::max(tried[0].result.share, kRounding)) keep(t);
  }
  const std::vector<float> wanted = trace_.values(block.recorded + ":out")->data;
  if (const auto factor = agreeing_factor(wanted, output(block), tolerance_)) {
    report.causes.push_back(
        {.what = text("the output times ", *factor), .share = tolerance_, .agrees = true, .of_spec = false});
  }
  if (!report.causes.empty() || tried.empty()) return;

  constexpr std::size_t kPairedWith = 8;  // of the nearest: pairs are tried when no change alone agrees
  std::vector<SpecChange> pairs;
  for (std::size_t i = 0; i < std::min(kPairedWith, tried.size()); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (auto pair = both(*tried[k].change, *tried[i].change)) pairs.push_back(std::move(*pair));
    }
  }
  const std::vector<Tried> paired = try_all(block, pairs);
  report.tried += static_cast<std::int64_t>(paired.size());
  constexpr double kNearer = 0.25;  // of the error before, for a change that does not agree to be worth a line
  if (!paired.empty() && paired[0].result.agrees) {
    keep(paired[0]);
  } else if (tried[0].result.share < kNearer * report.first_alone->share) {
    keep(tried[0]);
  }
}

}  // namespace ttt
