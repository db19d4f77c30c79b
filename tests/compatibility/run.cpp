#include "compatibility/run.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <limits>
#include <tuple>

#include "checkpoint/weight_store.h"
#include "collectives/threads.h"
#include "linear/linear.h"
#include "state/step_builder.h"
#include "testing/metrics.h"
#include "testing/values.h"

namespace ttt::compatibility {

// What ranks run on, kept for all runs.
class Machine {
 public:
  struct RankParts {
    ThreadPool threads{1};
    Scratch scratch{std::int64_t{64} << 20};
  };
  Machine() { parts_.resize(static_cast<std::size_t>(kMaxRanks)); }
  RankParts& of(std::int64_t rank) {
    std::unique_ptr<RankParts>& p = parts_[static_cast<std::size_t>(rank)];
    if (!p) p = std::make_unique<RankParts>();
    return *p;
  }
  const DeviceTraits& traits() const { return traits_; }

 private:
  std::vector<std::unique_ptr<RankParts>> parts_;
  DeviceTraits traits_ = query_device_traits();
};

namespace {

constexpr std::int64_t kSequences = 2, kPageRows = 4, kMaxStepRows = 17, kAllRows = 27;
constexpr std::chrono::milliseconds kPatience{30000};

// Rows that each of two sequences gets, step by step.
using Schedule = std::vector<std::array<std::int64_t, kSequences>>;
// Prompts, parts of prompts and single tokens, side by side.
const Schedule& schedule(const Option& o) {
  static const Schedule kMixed{{7, 4}, {1, 3}, {1, 1}}, kWhole{{7, 4}};
  return o.whole_sequences ? kWhole : kMixed;
}
// The same rows in other steps: at once, and one by one.
const std::array<Schedule, 2>& other_splits() {
  static const std::array<Schedule, 2> kSplits{
      Schedule{{9, 8}}, Schedule{{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 0}}};
  return kSplits;
}

// One block on one rank, with everything it refers to.
struct Built {
  explicit Built(const Checkpoint& checkpoint) : source(checkpoint) {}
  WeightStore source;
  ModelTree tree;
  Overrides overrides;
  BuildOptions options;
  Instance instance;
};

struct Making {
  const Option& option;
  const Checkpoint& checkpoint;
  const WeightFormat& format;
  const DeviceTraits& traits;
};

Overrides overrides_of(const Option& o) {
  return o.impl.empty() ? Overrides() : Overrides(Json::parse(text("{\"", kPath, "\": ", o.impl, "}"), "impl"), "impl");
}

std::unique_ptr<Built> build(const Making& m, Strategy strategy, std::int64_t rank, std::int64_t ranks) {
  auto b = std::make_unique<Built>(m.checkpoint);
  b->overrides = overrides_of(m.option);
  b->options = {.traits = m.traits,
                .strategy = strategy,
                .rank = rank,
                .ranks = ranks,
                .weight_format = m.format.asked,
                .state_format = m.option.state,
                .context = kContext};
  b->instance = m.option.build(Scope(b->source, b->tree, b->overrides, b->options));
  return b;
}

// The requests of the option's blocks on one rank.
std::vector<WeightRequest> requests_of(const Option& o, const DeviceTraits& traits) {
  RequestList list;
  ModelTree tree;
  Overrides overrides = overrides_of(o);
  const BuildOptions options{.traits = traits, .state_format = o.state, .context = kContext};
  o.build(Scope(list, tree, overrides, options));
  return list.requests();
}

// The steps of one run, and what they are fed.
class Feed {
 public:
  Feed(const Option& option, Built& built)
      : option_(option),
        in_(built.instance),
        pool_(states_of(built.tree),
              {.sequences = kSequences, .context = kContext, .page_rows = kPageRows, .chunk = kMaxStepRows}),
        builder_(pool_, kMaxStepRows, kSequences) {
    for (std::int64_t i = 0; i < kSequences; ++i) sequences_.push_back(pool_.create());
    values_ = testing::uniform(kAllRows, in_.x_width, 77, -1.7, 1.7).data;
    mask_ = testing::uniform(kContext, kContext, 78, -1.7, 1.7).data;
    // Rows see themselves, so that every row has something to see.
    for (std::size_t i = 0; i < mask_.size(); i += 3) {
      if (i % (kContext + 1) != 0) mask_[i] = -std::numeric_limits<float>::infinity();
    }
  }

  // The results of each sequence, one sequence after the other.
  std::vector<float> run(Exec& exec, const Schedule& steps) {
    if (in_.store) store(exec);
    for (const auto& rows : steps) step(exec, rows);
    std::vector<float> all;
    for (const std::vector<float>& y : results_) all.insert(all.end(), y.begin(), y.end());
    return all;
  }

 private:
  static std::vector<StateSpec> states_of(const ModelTree& tree) {
    return tree.states.empty() ? std::vector<StateSpec>{{.heads = 1, .key_dim = 1, .value_dim = 1}} : tree.states;
  }

  std::vector<StepEntry> entries(const std::array<std::int64_t, kSequences>& rows) {
    std::vector<StepEntry> all;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i] > 0) all.push_back({.sequence = &sequences_[i], .rows = rows[i]});
    }
    return all;
  }

  // The rows of another sequence come first among the values.
  void store(Exec& exec) {
    const Step s = builder_.prepare_source(entries({kSourceRows, kSourceRows - 2}));
    const ConstTensorView x = view_of(static_cast<const float*>(values_.data()), {2 * kSourceRows - 2, in_.x_width});
    in_.store({.exec = exec, .step = s, .x = x, .y = {}});
    builder_.commit();
  }

  void step(Exec& exec, const std::array<std::int64_t, kSequences>& rows) {
    const std::int64_t total = rows[0] + rows[1];
    std::vector<std::int32_t> ids;
    std::vector<std::int64_t> wanted;
    std::vector<float> x;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::int64_t r = 0; r < rows[i]; ++r) {
        const std::int64_t row = kFirstRow[i] + fed_[i]++;
        ids.push_back(static_cast<std::int32_t>(row * 17 % kVocab));
        wanted.push_back(static_cast<std::int64_t>(wanted.size()));
        const auto from = values_.begin() + row * in_.x_width;
        x.insert(x.end(), from, from + in_.x_width);
      }
    }
    Step s = builder_.prepare(entries(rows), ids, wanted);
    add_axes(s);
    add_masks(s);
    const std::int64_t y_rows = in_.row_per_sequence ? kSequences : total;
    std::vector<float> y(static_cast<std::size_t>(y_rows * in_.y_width), std::numeric_limits<float>::quiet_NaN());
    in_.forward({.exec = exec,
                 .step = s,
                 .x = view_of(static_cast<const float*>(x.data()), {total, in_.x_width}),
                 .y = view_of(y.data(), {y_rows, in_.y_width})});
    builder_.commit();
    auto at = y.begin();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto end = at + (in_.row_per_sequence ? 1 : rows[i]) * in_.y_width;
      results_[i].insert(results_[i].end(), at, end);
      at = end;
    }
  }

  // Positions of an image's rows differ by axis.
  void add_axes(Step& s) {
    if (option_.position_axes == 1) return;
    const std::span<const std::int64_t> first = s.batch.positions;
    positions_.clear();
    for (std::int64_t axis = 0; axis < option_.position_axes; ++axis) {
      for (const std::int64_t p : first) positions_.push_back(p * (axis + 1) + axis);
    }
    s.batch.positions = positions_;
  }

  void add_masks(Step& s) {
    if (!option_.masks) return;
    masks_.clear();
    for (std::size_t i = 0; i < s.batch.past.size(); ++i) {
      const std::int64_t past = s.batch.past[i], more = s.batch.row_begin[i + 1] - s.batch.row_begin[i];
      masks_.push_back(view_of(mask_.data() + past * kContext, {more, past + more}));
      masks_.back().row_bytes = kContext * static_cast<std::int64_t>(sizeof(float));
    }
    s.masks = masks_;
  }

  const Option& option_;
  const Instance& in_;
  StatePool pool_;
  StepBuilder builder_;
  std::deque<Sequence> sequences_;
  std::vector<float> values_, mask_;
  std::vector<std::int64_t> positions_;
  std::vector<ConstTensorView> masks_;
  // Where the values of each sequence begin, behind those of the other sequences that are stored.
  static constexpr std::array<std::int64_t, kSequences> kFirstRow{2 * kSourceRows - 2, 2 * kSourceRows + 7};
  std::array<std::int64_t, kSequences> fed_{};
  std::array<std::vector<float>, kSequences> results_;
};

// Half a step of a format, as a share of the largest value of its group.
double rounding(Format f) {
  if (f == Format::kBF16) return 0x1p-9;
  if (f == Format::kInt8) return 1.0 / 254;
  return f == Format::kBfp8B ? 0x1p-7 : 0;
}
double rounding(kernels::ActivationForm f) {
  if (f == kernels::ActivationForm::kBF16) return 0x1p-9;
  return f == kernels::ActivationForm::kInt8 ? 1.0 / 254 : 0;
}

// What a run may differ from the reference by, as a share of the largest value: rounding in f32 over sums of a few
// hundred terms, and of every product's input and every stored row. Up to four products follow one another, and a
// value that is rounded lies within twice the typical size of its group.
double tolerance_of(const Built& b) {
  double inputs = 0, rows = 0;
  for (const StateSpec& s : b.tree.states) rows = std::max(rows, rounding(s.format));
  for (const BlockRecord& r : b.tree.blocks) {
    std::optional<kernels::ActivationForm> chosen;
    if (const Json* linear = r.impl.find("linear"); linear != nullptr) {
      LinearImplConfig config;
      from_json(config, *linear, "linear");
      chosen = config.activation;
      if (config.reference && !chosen) chosen = kernels::ActivationForm::kF32;
    }
    for (const BoundWeight& w : r.weights) {
      if (w.use != WeightUse::kMatrix) continue;
      inputs = std::max(inputs, rounding(chosen.value_or(default_activation(b.options.traits, w.format))));
    }
  }
  constexpr double kSumRounding = 0x1p-24 * 16;  // sqrt of the longest sum
  return 8 * (kSumRounding + inputs + rows);
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

Ending ending_of(const Error& e) {
  return e.kind() == ErrorKind::kUsage || e.kind() == ErrorKind::kUnsupported ? Ending::kRefused : Ending::kFailed;
}

struct Ran {
  Outcome outcome;
  std::vector<float> y = {};
  bool splits = false;  // every row has a result, and none looks ahead
};

class Bench {
 public:
  Bench(const Making& making, Machine& machine) : m_(making), machine_(machine) {}

  Ran run(Strategy strategy, std::int64_t ranks) const { return run(strategy, ranks, schedule(m_.option)); }

  Ran run(Strategy strategy, std::int64_t ranks, const Schedule& steps) const {
    std::vector<std::unique_ptr<Built>> built;
    try {
      for (std::int64_t r = 0; r < ranks; ++r) built.push_back(build(m_, strategy, r, ranks));
    } catch (const Error& e) {
      return {{.ending = ending_of(e), .message = e.what()}};
    }
    std::vector<std::vector<float>> y(static_cast<std::size_t>(ranks));
    try {
      run_ranks(
          ranks,
          [&](std::int64_t rank, Communicator& communicator) {
            Machine::RankParts& parts = machine_.of(rank);
            NoObserver observer;
            Exec exec(parts.threads, parts.scratch, communicator, observer);
            y[static_cast<std::size_t>(rank)] =
                Feed(m_.option, *built[static_cast<std::size_t>(rank)]).run(exec, steps);
          },
          kPatience);
    } catch (const std::exception& e) {
      return {{.ending = Ending::kFailed, .message = text("was built, but did not run: ", e.what())}};
    }
    for (const std::vector<float>& other : y) {
      if (!same_bits(other, y[0])) return {{.ending = Ending::kFailed, .message = "ranks have different results"}};
    }
    return {{.tolerance = tolerance_of(*built[0])},
            std::move(y[0]),
            !m_.option.whole_sequences && !built[0]->instance.row_per_sequence};
  }

 private:
  const Making& m_;
  Machine& machine_;
};

bool same_bits_wanted(Strategy strategy) { return strategy == Strategy::kInvariant; }

void compare(const std::vector<float>& wanted, Ran& ran) {
  Outcome& o = ran.outcome;
  if (wanted.size() != ran.y.size()) {
    o = {.ending = Ending::kFailed, .message = text("wanted ", wanted.size(), " values, got ", ran.y.size())};
    return;
  }
  o.error = max_relative_error(wanted, ran.y);
  if (o.error <= o.tolerance) return;
  o.ending = Ending::kFailed;
  o.message = text("differs from the reference by ", o.error, " of the largest value, wanted at most ", o.tolerance);
}

// The law of splits: the same rows in other steps give the same results, in kInvariant the same bits.
void compare_splits(const Bench& bench, Strategy strategy, Ran& ran) {
  for (const Schedule& steps : other_splits()) {
    Ran other = bench.run(strategy, 1, steps);
    if (other.outcome.ending == Ending::kWorks) compare(ran.y, other);
    const bool alike = !same_bits_wanted(strategy) || same_bits(ran.y, other.y);
    if (other.outcome.ending == Ending::kWorks && alike) continue;
    ran.outcome = {.ending = Ending::kFailed,
                   .message = text("in ", steps.size(), " steps: ", alike ? other.outcome.message : "other bits")};
  }
}

}  // namespace

bool Combination::operator<(const Combination& o) const {
  return std::tie(format, strategy, ranks) < std::tie(o.format, o.strategy, o.ranks);
}

Laboratory::Laboratory(std::filesystem::path folder)
    : folder_(std::move(folder)), machine_(std::make_unique<Machine>()) {}
Laboratory::~Laboratory() = default;

OptionReport Laboratory::run(const Option& option, const Option& plain, std::span<const WeightFormat> formats) {
  OptionReport report{.block = option.block, .name = option.name};
  for (const WeightFormat& format : formats) {
    const std::vector<float>& plain_y = reference_of(plain, format);
    const auto checkpoint = checkpoint_of(option, plain, format);
    const Making making{option, *checkpoint, format, machine_->traits()};
    const Bench bench(making, *machine_);
    const bool same = &option == &plain || option.same_answer;
    const std::vector<float> y = same ? plain_y : bench.run(Strategy::kReference, 1).y;
    const bool ignored = !same && same_bits(y, plain_y);
    for (const Strategy strategy : kStrategies) {
      std::vector<float> one_rank;
      for (std::int64_t ranks = 1; ranks <= kMaxRanks; ++ranks) {
        Ran ran = bench.run(strategy, ranks);
        if (ranks == 1) one_rank = ran.y;
        if (ran.outcome.ending == Ending::kWorks) {
          const bool alike = !same_bits_wanted(strategy) || one_rank.empty() || same_bits(ran.y, one_rank);
          compare(y, ran);
          const bool splits = ranks == 1 && (strategy == Strategy::kDefault || same_bits_wanted(strategy));
          if (splits && ran.splits && ran.outcome.ending == Ending::kWorks) compare_splits(bench, strategy, ran);
          if (!alike) ran.outcome = {.ending = Ending::kFailed, .message = "differs from one rank's bits"};
          if (ignored) ran.outcome = {.ending = Ending::kFailed, .message = "the option changes nothing"};
        }
        report.outcomes[{std::string(format.name), strategy, ranks}] = std::move(ran.outcome);
      }
    }
  }
  return report;
}

std::unique_ptr<const Checkpoint> Laboratory::checkpoint_of(const Option& option, const Option& plain,
                                                            const WeightFormat& format) {
  std::vector<WeightRequest> requests;
  try {
    requests = requests_of(option, machine_->traits());
  } catch (const Error&) {
    // It is refused on one rank, which is noted when it is built; on more it may have the plain one's weights.
    requests = requests_of(plain, machine_->traits());
  }
  return write_checkpoint(folder_ / "block.gguf", requests, format.stored);
}

const std::vector<float>& Laboratory::reference_of(const Option& plain, const WeightFormat& format) {
  const auto [at, first] = references_.try_emplace({plain.block, std::string(format.name)});
  if (first) {
    const auto checkpoint = checkpoint_of(plain, plain, format);
    const Making making{plain, *checkpoint, format, machine_->traits()};
    at->second = Bench(making, *machine_).run(Strategy::kReference, 1).y;
  }
  return at->second;
}

}  // namespace ttt::compatibility
