#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "base/fields.h"
#include "ffn/load_balancing.h"
#include "ffn/moe.h"
#include "ffn/moe_case.h"

namespace ttt {
namespace {

using support::MoEData;

struct Chosen {
  std::vector<std::int32_t> experts;
  std::vector<float> weights;
};

Chosen route_row(std::vector<float> logits, const kernels::RouterRule& rule) {
  const auto n = static_cast<std::int64_t>(logits.size());
  std::vector<float> work(logits.size() * 5);
  Chosen c{std::vector<std::int32_t>(static_cast<std::size_t>(rule.top_k)),
           std::vector<float>(static_cast<std::size_t>(rule.top_k))};
  support::TestExec exec(1);
  (*exec).launch(kernels::route, kernels::RouteArgs{.logits = view_of(logits.data(), {1, n}),
                                                    .rule = rule,
                                                    .work = view_of(work.data(), {1, 5 * n}),
                                                    .experts = c.experts.data(),
                                                    .weights = c.weights.data()});
  return c;
}

TEST(Router, TakesTheLowestIndexAmongEqualScores) {
  using Experts = std::vector<std::int32_t>;
  EXPECT_EQ(route_row({1, 1, 1, 1, 1}, {.top_k = 3}).experts, (Experts{0, 1, 2}));
  EXPECT_EQ(route_row({0, 2, 1, 2, 1}, {.top_k = 3}).experts, (Experts{1, 3, 2}));
  EXPECT_EQ(route_row({0, 2, 1, 2, 1}, {.score = RouterScore::kLogit, .top_k = 5}).experts, (Experts{1, 3, 2, 4, 0}));
  // Sigmoids of 40 and 50 are both 1 in f32.
  EXPECT_EQ(route_row({40, 50, 0}, {.score = RouterScore::kSigmoid, .top_k = 2}).experts, (Experts{0, 1}));
  // Groups whose sums are equal: the first ones.
  EXPECT_EQ(
      route_row({1, 0, 1, 0, 1, 0}, {.score = RouterScore::kLogit, .top_k = 4, .groups = 3, .groups_used = 2}).experts,
      (Experts{0, 2, 1, 3}));
}

TEST(Router, AlwaysChoosesDifferentExperts) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  using Experts = std::vector<std::int32_t>;
  for (const RouterScore score : {RouterScore::kLogit, RouterScore::kSigmoid, RouterScore::kSqrtSoftplus}) {
    EXPECT_EQ(route_row({nan, 1, nan, 2}, {.score = score, .top_k = 3}).experts, (Experts{3, 1, 0}));
  }
  EXPECT_EQ(route_row({nan, nan, nan}, {.top_k = 2}).experts, (Experts{0, 1}));
  EXPECT_EQ(route_row({-infinity, -infinity, -infinity}, {.score = RouterScore::kLogit, .top_k = 2}).experts,
            (Experts{0, 1}));
  EXPECT_TRUE(std::isnan(route_row({nan, 1}, {.top_k = 1}).weights[0]));
}

// Random rules against the reference, with scores from a small set so that ties are common.
TEST(Router, LimitsGroupsAsTheFormulaDoes) {
  std::mt19937 random(3);
  for (int round = 0; round < 400; ++round) {
    const std::int64_t groups = 1 + random() % 5, size = 1 + random() % 6, n = groups * size;
    kernels::RouterRule rule{.score = RouterScore::kLogit, .groups = groups};
    rule.groups_used = 1 + static_cast<std::int64_t>(random() % static_cast<unsigned>(groups));
    rule.group_top = 1 + static_cast<std::int64_t>(random() % static_cast<unsigned>(size));
    rule.top_k = 1 + static_cast<std::int64_t>(random() % static_cast<unsigned>(rule.groups_used * size));
    std::vector<float> logits;
    for (std::int64_t i = 0; i < n; ++i) logits.push_back(static_cast<float>(random() % 4));
    reference::Router r{.weight = support::doubles(logits),
                        .routed = n,
                        .top_k = rule.top_k,
                        .groups = groups,
                        .groups_used = rule.groups_used,
                        .group_top = rule.group_top,
                        .score = [](const reference::Row& x) { return x; }};
    const std::vector<std::int64_t> want = reference::route({1.0}, r).experts;
    const std::vector<std::int32_t> got = route_row(logits, rule).experts;
    EXPECT_EQ(std::vector<std::int64_t>(got.begin(), got.end()), want) << "round " << round;
  }
}

// Weights of the experts that are near to the one chosen among those that were not chosen before.
TEST(Router, SparseMixerWeighsWhatIsNear) {
  kernels::RouterRule rule{
      .score = RouterScore::kLogit, .weight = RouterWeight::kSparseMixer, .top_k = 2, .tolerance = 0.5f};
  // Of 2: 1 is near (distance 0.5), 0.9 is not. Of 1, without 2: 0.9 is near, -1 is not.
  Chosen c = route_row({0.9f, 2, -1, 1}, rule);
  EXPECT_EQ(c.experts, (std::vector<std::int32_t>{1, 3}));
  EXPECT_FLOAT_EQ(c.weights[0], 1 / (1 + std::exp(-1.0f)));
  EXPECT_FLOAT_EQ(c.weights[1], 1 / (1 + std::exp(-0.1f)));
  // Below 0 the size is that of the other logit.
  c = route_row({-1, -1.5f, -4}, rule);
  EXPECT_EQ(c.experts, (std::vector<std::int32_t>{0, 1}));
  EXPECT_FLOAT_EQ(c.weights[0], 1 / (1 + std::exp(-0.5f)));
  EXPECT_FLOAT_EQ(c.weights[1], 1);
  rule.tolerance = 0;
  EXPECT_EQ(route_row({3, 0, 3}, rule).weights, (std::vector<float>{0.5f, 1}));
}

TEST(ExpertRows, SortsAssignmentsByExpert) {
  const std::vector<std::int32_t> experts{3, 0, -1, 3, 1, 3, 0};
  std::vector<std::int64_t> begin(5, -7);
  std::vector<std::int32_t> order(7, -7);
  support::TestExec exec(1);
  (*exec).launch(kernels::group_rows, kernels::GroupRowsArgs{.experts = experts, .begin = begin, .order = order});
  EXPECT_EQ(begin, (std::vector<std::int64_t>{0, 2, 3, 3, 6}));
  order.resize(6);
  EXPECT_EQ(order, (std::vector<std::int32_t>{1, 6, 4, 0, 3, 5}));
  (*exec).launch(kernels::group_rows, kernels::GroupRowsArgs{.experts = {}, .begin = begin, .order = {}});
  EXPECT_EQ(begin, std::vector<std::int64_t>(5, 0));
}

// Adds up the cost of all launches.
class Counter final : public Observer {
 public:
  void done(const Place&, TensorView) override {}
  void launched(double operations, double bytes) override {
    operations_ += operations;
    bytes_ += bytes;
  }
  bool counts() const override { return true; }
  bool observes(const Place&) const override { return false; }
  double operations() const { return operations_; }
  double bytes() const { return bytes_; }

 private:
  double operations_ = 0, bytes_ = 0;
};

struct Cost {
  double operations, bytes;
  std::int64_t scratch;
};

Cost cost_of(const MoE& moe, std::int64_t rows, std::int64_t hidden, Exec::Mode mode) {
  std::vector<float> x = support::normal_values(rows * hidden, 9), y(x.size());
  ThreadPool threads(1);
  Scratch scratch = mode == Exec::Mode::kPlan ? Scratch::planned() : Scratch(std::int64_t{16} << 20);
  Counter counter;
  Exec exec(threads, scratch, self_communicator(), counter, mode);
  moe.forward(exec, view_of(x.data(), {rows, hidden}), view_of(y.data(), {rows, hidden}));
  return {counter.operations(), counter.bytes(), scratch.peak()};
}

TEST(MoE, APlannedStepCoversEveryRouting) {
  for (const bool together : {false, true}) {
    MoEData data({.hidden_dim = 64, .num_experts = 8, .router = {.top_k = 2, .bias = true}, .expert = {.ffn_dim = 96}});
    std::fill(data.router_bias.begin(), data.router_bias.end(), 0.0f);
    if (together) data.router_bias[5] = data.router_bias[2] = 1000;  // every row to the same two experts
    for (const Strategy strategy : {Strategy::kDefault, Strategy::kInvariant}) {
      const MoEImplConfig impl = default_impl_config(data.spec, query_device_traits(), strategy);
      const MoE moe(data.spec, data.weights(impl, 0, 1), impl, {.traits = query_device_traits()});
      for (const std::int64_t rows : {1, 2, 7, 64, 129}) {
        const Cost plan = cost_of(moe, rows, 64, Exec::Mode::kPlan), run = cost_of(moe, rows, 64, Exec::Mode::kRun);
        EXPECT_GE(plan.scratch, run.scratch) << rows;
        // The spread of rows over experts moves nothing but how often a weight is read, and padding.
        EXPECT_NEAR(plan.operations, run.operations, 0.01 * plan.operations) << rows;
        EXPECT_GE(plan.bytes, 0.95 * run.bytes) << rows;
        if (together) {
          EXPECT_EQ(plan.scratch, run.scratch) << rows;
        }
      }
    }
  }
}

// A step of one row reads the weights of its chosen experts, not of all.
TEST(MoE, OneRowReadsItsExpertsOnly) {
  const MoEData data({.hidden_dim = 64, .num_experts = 32, .router = {.top_k = 2}, .expert = {.ffn_dim = 96}});
  const MoE moe(data.spec, data.weights({}, 0, 1), {}, {.traits = query_device_traits()});
  const double one_expert = 3 * 64 * 96 * 4, router = 32 * 64 * 4;
  const double read = cost_of(moe, 1, 64, Exec::Mode::kRun).bytes;
  EXPECT_GE(read, 2 * one_expert + router);
  EXPECT_LT(read, 2.2 * one_expert + router);
}

std::string refusal(const MoESpec& spec) {
  try {
    validate(spec, {});
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(MoE, RefusesBadSpecs) {
  const MoESpec good{.hidden_dim = 8, .num_experts = 6, .router = {.top_k = 2}, .expert = {.ffn_dim = 16}};
  EXPECT_EQ(refusal(good), "");
  const auto changed = [&](const auto& change) {
    MoESpec spec = good;
    change(spec);
    return refusal(spec);
  };
  EXPECT_EQ(changed([](MoESpec& s) { s.hidden_dim = 0; }), "[MoE] hidden_dim wanted a positive number, got 0");
  EXPECT_EQ(changed([](MoESpec& s) { s.num_experts = -1; }), "[MoE] num_experts wanted a positive number, got -1");
  EXPECT_EQ(changed([](MoESpec& s) { s.identity_experts = -1; }),
            "[MoE] identity_experts wanted a number of at least 0, got -1");
  EXPECT_EQ(changed([](MoESpec& s) { s.expert.ffn_dim = 0; }), "[GatedMLP] ffn_dim wanted a positive number, got 0");
  EXPECT_EQ(changed([](MoESpec& s) { s.router.top_k = 7; }), "[MoE] top_k wanted 1 to 6, got 7");
  EXPECT_EQ(changed([](MoESpec& s) { s.router.groups = 4; }), "[MoE] groups wanted a divisor of 6 experts, got 4");
  EXPECT_EQ(changed([](MoESpec& s) {
              s.router.groups = 3;
              s.router.groups_used = 4;
            }),
            "[MoE] groups_used wanted 1 to 3, got 4");
  EXPECT_EQ(changed([](MoESpec& s) {
              s.router.groups = 3;
              s.router.group_top = 3;
            }),
            "[MoE] group_top wanted 1 to 2, got 3");
  EXPECT_EQ(changed([](MoESpec& s) {
              s.router.groups = 3;
              s.router.top_k = 3;
            }),
            "[MoE] top_k wanted 1 to 2, got 3");
  EXPECT_EQ(changed([](MoESpec& s) { s.router.token_table = -1; }),
            "[MoE] token_table wanted a number of at least 0, got -1");
  EXPECT_EQ(changed([](MoESpec& s) {
              s.router.token_table = 10;
              s.router.selection_bias = true;
            }),
            "[MoE] token_table chooses the experts, so selection_bias and groups wanted none, got selection_bias true, "
            "groups 1");
  EXPECT_EQ(changed([](MoESpec& s) { s.router.sum_floor = -1; }),
            "[MoE] router wanted finite numbers, got routed_scale 1, logit_scale 1, sum_floor -1");
  EXPECT_EQ(changed([](MoESpec& s) { s.router.tolerance = 0.5f; }),
            "[MoE] tolerance wanted weight sparse_mixer, got score");
  EXPECT_EQ(changed([](MoESpec& s) {
              s.router.weight = RouterWeight::kSparseMixer;
              s.router.tolerance = -1;
            }),
            "[MoE] tolerance wanted a finite number of at least 0, got -1");
  EXPECT_EQ(changed([](MoESpec& s) { s.router.score = static_cast<RouterScore>(9); }), "[MoE] score has no number 9");
  EXPECT_EQ(changed([](MoESpec& s) { s.router.weight = static_cast<RouterWeight>(9); }),
            "[MoE] weight has no number 9");
  EXPECT_EQ(changed([](MoESpec& s) { s.router.norm = RMSNormSpec{.dim = 4}; }),
            "[MoE] router norm wanted dim 8, got 4");
  EXPECT_EQ(changed([](MoESpec& s) {
              s.expert.gated = false;
              s.expert.clamp = GateClamp{};
            }),
            "[MoE] clamp wanted gated experts");
  EXPECT_EQ(changed([](MoESpec& s) {
              s.expert.activation = Activation::kGelu;
              s.expert.clamp = GateClamp{};
            }),
            "[GatedMLP] clamp wanted activation silu, got gelu");
  EXPECT_EQ(changed([](MoESpec& s) { s.shared_gate = true; }), "[MoE] shared_gate wanted a shared expert");
  EXPECT_EQ(changed([](MoESpec& s) { s.shared = SwiGLU(9, 16); }), "[MoE] shared wanted hidden_dim 8, got 9");
  EXPECT_EQ(changed([](MoESpec& s) { s.dense = SwiGLU(9, 16); }), "[MoE] dense wanted hidden_dim 8, got 9");
}

template <class F>
std::string error_of(const F& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(MoE, RefusesBadWeightsAndCalls) {
  MoEData data(
      {.hidden_dim = 8, .num_experts = 3, .router = {.top_k = 2, .token_table = 5}, .expert = {.ffn_dim = 16}});
  MoEWeights w = data.weights({}, 0, 1);
  w.experts.pop_back();
  EXPECT_EQ(error_of([&] { const MoE moe(data.spec, w, {}, {}); }), "[] experts wanted 3 on this rank, got 2");
  w = data.weights({}, 0, 1);
  w.experts[1].down = w.experts[1].up;
  EXPECT_EQ(error_of([&] { const MoE moe(data.spec, w, {}, {}); }),
            "[] experts.1.down_proj.weight wanted [8, 16], got [16, 8]");
  std::vector<float> x(16), bad(16);
  std::vector<std::int32_t> ids{0, 4}, experts(3);
  const TensorView v = view_of(x.data(), {2, 8});
  support::TestExec exec;
  const MoE moe(data.spec, data.weights({}, 0, 1), {}, {});
  EXPECT_EQ(error_of([&] { moe.forward(*exec, v, v); }), "[] ids wanted one for each of 2 rows, got 0");
  const std::vector<std::int32_t> beyond{0, 5};
  EXPECT_EQ(error_of([&] { moe.forward(*exec, v, {.ids = beyond}, v); }), "[] ids wanted 0 to 4, got 5");
  EXPECT_EQ(error_of([&] { moe.forward(*exec, v, {.ids = ids, .experts = experts}, v); }),
            "[] experts wanted 4 values, got 3");
  EXPECT_EQ(error_of([&] { moe.forward(*exec, v, {.ids = ids, .logits = v}, v); }),
            "[] logits wanted [2, 3], got [2, 8]");
  EXPECT_EQ(error_of([&] {
              moe.forward(*exec, view_of(x.data(), {4, 4}), {.ids = ids}, v);
            }),
            "[] x and y wanted [rows, 8], got [4, 4] and [2, 8]");
  data.table[9] = 3;
  const MoE broken(data.spec, data.weights({}, 0, 1), {}, {});
  EXPECT_EQ(error_of([&] { broken.forward(*exec, v, {.ids = ids}, v); }),
            "[] token table names an expert outside [0, 3)");
}

// Lists what a block asks for.
class Listing final : public WeightBinder {
 public:
  void bind(ConstTensorView&, const WeightRequest& request) override {
    requests[request.full_name()].push_back(request);
  }
  std::map<std::string, std::vector<WeightRequest>> requests;
};

TEST(MoE, NamesOfExperts) {
  EXPECT_EQ(expert_name("experts.{}.w1.weight", 12).name, "experts.12.w1.weight");
  EXPECT_EQ(expert_name("experts.down_proj", 3), slice("experts.down_proj", 3));
  MoESpec spec{.hidden_dim = 8,
               .num_experts = 4,
               .router = {.top_k = 2, .selection_bias = true, .bias = true},
               .expert = {.ffn_dim = 16, .bias = true},
               .shared = SwiGLU(8, 32),
               .shared_gate = true,
               .dense = SwiGLU(8, 64)};
  Listing listing;
  MoEWeights w;
  bind_weights(w, spec, {}, {}, {.rank = 1, .ranks = 2, .place = {.path = "model.layers.0.mlp"}}, listing);
  EXPECT_EQ(w.experts.size(), 2u);
  for (const char* name : {"gate.weight", "gate.bias", "gate.e_score_correction_bias", "experts.2.gate_proj.weight",
                           "experts.3.down_proj.bias", "shared_experts.up_proj.weight", "mlp.down_proj.weight",
                           "shared_expert_gate.weight"}) {
    EXPECT_TRUE(listing.requests.contains(text("model.layers.0.mlp.", name))) << name;
  }
  EXPECT_FALSE(listing.requests.contains("model.layers.0.mlp.experts.1.gate_proj.weight"));  // the other rank's
  EXPECT_EQ(listing.requests["model.layers.0.mlp.gate.weight"][0].format, Format::kF32);

  const MoENames stacked = stacked_experts(16), columns = stacked_transposed_experts(16);
  EXPECT_EQ(expert_name(stacked.up, 2), slice(rows("experts.gate_up_proj", 16, 16), 2));
  EXPECT_EQ(expert_name(columns.up, 2), slice(every(transposed("experts.gate_up_proj"), 1, 1, 2, 16), 2));
  EXPECT_EQ(columns.down, transposed("experts.down_proj"));
  EXPECT_EQ(columns.gate_bias, every("experts.gate_up_proj_bias", 0, 1, 2, 16));
  EXPECT_EQ(below("shared_expert").gate.name, "shared_expert.gate_proj.weight");
}

TEST(MoE, SpecGoesThroughJson) {
  const MoESpec spec{.hidden_dim = 8,
                     .num_experts = 4,
                     .identity_experts = 2,
                     .router = {.score = RouterScore::kSqrtSoftplus,
                                .weight = RouterWeight::kSparseMixer,
                                .tolerance = 0.25f,
                                .top_k = 2,
                                .groups = 2,
                                .renormalise = true,
                                .norm = RMSNormSpec{.dim = 8}},
                     .expert = {.ffn_dim = 16, .gated = false, .clamp = GateClamp{.limit = 3}},
                     .shared = SwiGLU(8, 32),
                     .dense = GeGLU(8, 64)};
  MoESpec read;
  from_json(read, to_json(spec), "spec");
  EXPECT_EQ(read, spec);
  MoEImplConfig impl, read_impl;
  set_weight_format(impl, Format::kBfp8B);
  from_json(read_impl, to_json(impl), "impl");
  EXPECT_EQ(read_impl, impl);
  EXPECT_EQ(impl.shared.down, Format::kBfp8B);
}

TEST(LoadBalancing, IsOneForAnEvenSpreadAndTheNumberOfExpertsForTheWorst) {
  std::vector<float> even(16), worst(16);
  for (std::size_t r = 0; r < 4; ++r) {
    even[r * 4 + r] = 60;
    worst[r * 4 + 2] = 60;
  }
  const ConstTensorView a = view_of(std::as_const(even).data(), {4, 4}),
                        b = view_of(std::as_const(worst).data(), {4, 4});
  EXPECT_NEAR(load_balancing_loss({{a}}, 1), 1, 1e-12);
  EXPECT_NEAR(load_balancing_loss({{b}}, 1), 4, 1e-12);
  const std::vector<float> first_only{1, 0, 0, 0};
  EXPECT_NEAR(load_balancing_loss({{a}}, 1, first_only), 4, 1e-12);
  EXPECT_EQ(error_of([&] { load_balancing_loss({}, 1); }),
            "load_balancing_loss wanted logits [rows, experts] of at least one layer");
  EXPECT_EQ(error_of([&] { load_balancing_loss({{a}}, 5); }), "load_balancing_loss wanted top_k 1 to 4, got 5");
  const std::vector<float> none(4, 0.0f);
  EXPECT_EQ(error_of([&] { load_balancing_loss({{a}}, 1, none); }),
            "load_balancing_loss wanted rows that count, got none");
  EXPECT_EQ(error_of([&] { load_balancing_loss({{a}}, 1, std::span<const float>(even).first(3)); }),
            "load_balancing_loss wanted 4 row weights, got 3");
  const ConstTensorView c = view_of(std::as_const(even).data(), {2, 8});
  const std::vector<ConstTensorView> two{a, c};
  EXPECT_EQ(error_of([&] { load_balancing_loss(two, 1); }),
            "load_balancing_loss wanted f32 [4, 4] of every layer, got f32 [2, 8]");
}

}  // namespace
}  // namespace ttt
