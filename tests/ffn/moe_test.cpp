#include "ffn/moe.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "collectives/threads.h"
#include "ffn/moe_case.h"
#include "kernels/formats/packed.h"

namespace ttt {
namespace {

using support::kEpsF32;
using support::MoEData;

struct Case {
  std::string name;
  MoESpec spec;
};
std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

MoESpec base(std::int64_t hidden, std::int64_t experts, std::int64_t ffn, std::int64_t k) {
  return {.hidden_dim = hidden, .num_experts = experts, .router = {.top_k = k}, .expert = {.ffn_dim = ffn}};
}

template <class Change>
Case with(std::string name, MoESpec spec, const Change& change) {
  change(spec);
  return {std::move(name), spec};
}

// Every option at least once, and those that meet in models together.
std::vector<Case> cases() {
  const MoESpec five = base(33, 5, 31, 2), twelve = base(40, 12, 65, 4);
  return {
      {"softmax", five},
      {"one_expert", base(8, 1, 7, 1)},
      {"all_experts", base(16, 3, 9, 3)},
      with("renormalised", five, [](MoESpec& s) { s.router.renormalise = true; }),
      with("sigmoid_groups_bias", twelve,
           [](MoESpec& s) {
             s.router = {.score = RouterScore::kSigmoid,
                         .top_k = 4,
                         .groups = 4,
                         .groups_used = 2,
                         .group_top = 2,
                         .selection_bias = true,
                         .renormalise = true,
                         .routed_scale = 2.5f};
             s.shared = SwiGLU(40, 70);
           }),
      with("softmax_groups", twelve,
           [](MoESpec& s) {
             s.router.groups = 3;
             s.router.groups_used = 2;
             s.router.routed_scale = 16;
           }),
      with("sqrt_softplus", five,
           [](MoESpec& s) {
             s.router = {.score = RouterScore::kSqrtSoftplus,
                         .top_k = 3,
                         .selection_bias = true,
                         .renormalise = true,
                         .routed_scale = 1.5f};
             s.expert.clamp = GateClamp{.limit = 0.5f, .alpha = 1, .up_offset = 0};
           }),
      with("softmax_of_selected_biases_clamp", five,
           [](MoESpec& s) {
             s.router = {
                 .score = RouterScore::kLogit, .weight = RouterWeight::kSoftmaxOfSelected, .top_k = 3, .bias = true};
             s.expert.bias = true;
             s.expert.clamp = GateClamp{.limit = 1.0f};
           }),
      with("sparse_mixer", five,
           [](MoESpec& s) {
             s.router = {
                 .score = RouterScore::kLogit, .weight = RouterWeight::kSparseMixer, .tolerance = 0.9f, .top_k = 3};
           }),
      with("norm_scale_dense", five,
           [](MoESpec& s) {
             s.router = {.top_k = 2,
                         .renormalise = true,
                         .expert_scale = true,
                         .logit_scale = 0.25f,
                         .norm = RMSNormSpec{.dim = 33, .eps = 1e-6f}};
             s.dense = SwiGLU(33, 96);
           }),
      with("identity_experts", five,
           [](MoESpec& s) {
             s.identity_experts = 4;
             s.router = {.top_k = 4, .selection_bias = true, .routed_scale = 6};
           }),
      with("gated_shared", five,
           [](MoESpec& s) {
             s.shared = SwiGLU(33, 48);
             s.shared_gate = true;
           }),
      with("weighed_input", five,
           [](MoESpec& s) {
             s.router = {.score = RouterScore::kSigmoid};
             s.expert.apply_router_weight_on_input = true;
             s.shared = SwiGLU(33, 32);
           }),
      with("plain_relu2", five,
           [](MoESpec& s) {
             s.expert.gated = false;
             s.expert.activation = Activation::kRelu2;
             s.expert.bias = true;
           }),
      with("token_table", five,
           [](MoESpec& s) {
             s.router.token_table = 11;
             s.router.renormalise = true;
             s.shared = SwiGLU(33, 32);
             s.dense = SwiGLU(33, 64);
           }),
  };
}

std::vector<std::int32_t> ids_of(std::int64_t rows, std::int64_t vocab) {
  std::vector<std::int32_t> ids;
  for (std::int64_t r = 0; r < rows; ++r) ids.push_back(static_cast<std::int32_t>(vocab == 0 ? 0 : r * 5 % vocab));
  return ids;
}

struct Result {
  std::vector<float> y, sum, weights;
  std::vector<std::int32_t> experts;
  std::vector<std::int64_t> counts;
};

// y with y over x, y += moe(x), and what the call reports.
Result run(const MoEData& data, const MoEImplConfig& impl, const Context& context, Communicator& communicator,
           const std::vector<float>& x) {
  const std::int64_t hidden = data.spec.hidden_dim, rows = static_cast<std::int64_t>(x.size()) / hidden;
  const MoE moe(data.spec, data.weights(impl, context.rank, context.ranks), impl, context);
  support::TestExec exec(2, communicator);
  const Shape shape{rows, hidden};
  const auto assignments = static_cast<std::size_t>(rows * data.spec.router.top_k);
  const std::vector<std::int32_t> ids = ids_of(rows, data.spec.router.token_table);
  Result r{x, x, std::vector<float>(assignments), std::vector<std::int32_t>(assignments),
           std::vector<std::int64_t>(static_cast<std::size_t>(data.spec.routed()))};
  moe.forward(*exec, view_of(r.y.data(), shape),
              {.ids = ids, .experts = r.experts, .weights = r.weights, .tokens_per_expert = r.counts},
              view_of(r.y.data(), shape));
  moe.forward_add(*exec, view_of(x.data(), shape), {.ids = ids}, view_of(r.sum.data(), shape));
  return r;
}

class MoELaw : public testing::TestWithParam<Case> {};

void check(const MoEData& data, const std::vector<float>& x, const Result& got, const std::string& who) {
  const std::int64_t hidden = data.spec.hidden_dim, rows = static_cast<std::int64_t>(x.size()) / hidden;
  const std::int64_t k = data.spec.router.top_k;
  const std::vector<std::int32_t> ids = ids_of(rows, data.spec.router.token_table);
  const std::int64_t longest =
      hidden + data.spec.expert.ffn_dim + (data.shared ? data.shared->ffn : 0) + (data.dense ? data.dense->ffn : 0);
  std::vector<std::int64_t> counts(got.counts.size());
  for (std::int64_t r = 0; r < rows; ++r) {
    const reference::Row row = support::row_of(x, r, hidden);
    const reference::Route route = data.route(row, ids[static_cast<std::size_t>(r)]);
    double weight = 1;
    for (std::int64_t i = 0; i < k; ++i) {
      const auto at = static_cast<std::size_t>(r * k + i), slot = static_cast<std::size_t>(i);
      ASSERT_EQ(got.experts[at], route.experts[slot]) << who << " row " << r << " slot " << i;
      // The logits' errors grow with their size, and each of k weights may carry them through the sum.
      EXPECT_NEAR(got.weights[at], route.weights[slot], 64 * kEpsF32 * (1 + std::abs(route.weights[slot]))) << who;
      weight += std::abs(route.weights[slot]);
      ++counts[static_cast<std::size_t>(route.experts[slot])];
    }
    const reference::Row want = data.formula(row, ids[static_cast<std::size_t>(r)]);
    const double tolerance = 32 * kEpsF32 * std::sqrt(static_cast<double>(longest)) * weight;
    for (std::int64_t i = 0; i < hidden; ++i) {
      const auto at = static_cast<std::size_t>(r * hidden + i);
      const double v = want[static_cast<std::size_t>(i)];
      ASSERT_NEAR(got.y[at], v, tolerance) << who << " row " << r;
      ASSERT_NEAR(got.sum[at], v + static_cast<double>(x[at]), tolerance) << who << " row " << r;
    }
  }
  EXPECT_EQ(got.counts, counts) << who;
}

TEST_P(MoELaw, EqualsTheFormulaAtEveryLevelAndOnAnyRanks) {
  const MoEData data(GetParam().spec);
  for (const std::int64_t rows : {0, 1, 19}) {
    const std::vector<float> x = support::normal_values(rows * data.spec.hidden_dim, 9);
    for (const DeviceTraits& traits : support::levels()) {
      const MoEImplConfig impl = default_impl_config(data.spec, traits, Strategy::kDefault);
      check(data, x, run(data, impl, {.traits = traits}, self_communicator(), x),
            text(name_of(traits.isa()), ", ", rows, " rows"));
    }
    for (std::int64_t ranks = 2; ranks <= 4; ++ranks) {
      std::vector<Result> results(4);
      run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
        const Context context{.traits = query_device_traits(), .rank = rank, .ranks = ranks};
        const MoEImplConfig impl = default_impl_config(data.spec, context.traits, Strategy::kDefault);
        results[static_cast<std::size_t>(rank)] = run(data, impl, context, communicator, x);
      });
      check(data, x, results[0], text(ranks, " ranks, ", rows, " rows"));
      for (std::size_t r = 1; r < static_cast<std::size_t>(ranks); ++r) {
        EXPECT_EQ(results[r].y, results[0].y);
        EXPECT_EQ(results[r].sum, results[0].sum);
        EXPECT_EQ(results[r].counts, results[0].counts);
      }
    }
  }
}

TEST_P(MoELaw, ReferenceStrategyEqualsTheFormula) {
  const MoEData data(GetParam().spec);
  const std::vector<float> x = support::normal_values(5 * data.spec.hidden_dim, 9);
  const DeviceTraits traits = query_device_traits();
  const MoEImplConfig impl = default_impl_config(data.spec, traits, Strategy::kReference);
  check(data, x, run(data, impl, {.traits = traits}, self_communicator(), x), "reference");
}

TEST_P(MoELaw, InvariantRowsDependOnNoOtherRowAndNoRank) {
  const MoEData data(GetParam().spec);
  const std::int64_t hidden = data.spec.hidden_dim, vocab = data.spec.router.token_table;
  const DeviceTraits traits = query_device_traits();
  const MoEImplConfig impl = default_impl_config(data.spec, traits, Strategy::kInvariant);
  const std::int64_t rows = vocab == 0 ? 40 : vocab;
  const std::vector<float> x = support::normal_values(rows * hidden, 9);
  const Result all = run(data, impl, {.traits = traits}, self_communicator(), x);
  for (std::int64_t ranks = 2; ranks <= 4; ++ranks) {
    run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
      const Context context{.traits = traits, .rank = rank, .ranks = ranks};
      EXPECT_EQ(run(data, impl, context, communicator, x).y, all.y) << ranks << " ranks";
    });
  }
  // The table gives token 0 to the first row of every batch; a batch that begins at row 0 keeps its tokens.
  for (const std::int64_t part : {1, 7}) {
    const std::vector<float> some(x.begin(), x.begin() + part * hidden);
    const Result got = run(data, impl, {.traits = traits}, self_communicator(), some);
    EXPECT_TRUE(std::equal(got.y.begin(), got.y.end(), all.y.begin())) << part << " rows";
  }
}

std::string name_case(const testing::TestParamInfo<Case>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Specs, MoELaw, testing::ValuesIn(cases()), name_case);

// The weights of an expert that nobody chose are not touched: their NaN stays out, in prefill as in decode.
TEST(MoE, ComputesChosenExpertsOnly) {
  for (const std::int64_t rows : {1, 3, 40}) {
    MoEData data(base(32, 16, 32, 2));
    data.spec.router.bias = true;
    // Experts 0 to 4 alone are ever chosen.
    for (std::size_t e = 0; e < data.router_bias.size(); ++e) data.router_bias[e] = e < 5 ? 0 : -100;
    const std::vector<float> x = support::normal_values(rows * 32, 9);
    const Result clean = run(data, {}, {.traits = query_device_traits()}, self_communicator(), x);
    const std::set<std::int32_t> chosen(clean.experts.begin(), clean.experts.end());
    for (std::size_t e = 0; e < data.experts.size(); ++e) {
      if (chosen.contains(static_cast<std::int32_t>(e))) continue;
      for (auto* values : {&data.experts[e].gate, &data.experts[e].up, &data.experts[e].down}) {
        std::fill(values->begin(), values->end(), std::numeric_limits<float>::quiet_NaN());
      }
    }
    EXPECT_LE(chosen.size(), 5u);
    EXPECT_EQ(run(data, {}, {.traits = query_device_traits()}, self_communicator(), x).y, clean.y);
  }
}

TEST(MoE, ARowThatIsNotFiniteLeavesTheOthersAlone) {
  const MoEData data(base(32, 6, 32, 2));
  std::vector<float> x = support::normal_values(4 * 32, 9);
  const MoEImplConfig impl = default_impl_config(data.spec, query_device_traits(), Strategy::kInvariant);
  const Result clean = run(data, impl, {.traits = query_device_traits()}, self_communicator(), x);
  x[32] = std::numeric_limits<float>::quiet_NaN();
  const Result got = run(data, impl, {.traits = query_device_traits()}, self_communicator(), x);
  for (std::size_t i = 0; i < got.y.size(); ++i) {
    if (i / 32 == 1) {
      EXPECT_TRUE(std::isnan(got.y[i]));
    } else {
      EXPECT_EQ(got.y[i], clean.y[i]);
    }
  }
}

// Experts of other formats give what their decoded weights give.
TEST(MoE, TakesExpertsInAnyFormat) {
  constexpr std::int64_t kHidden = 64, kFfn = 96, kExperts = 4, kRows = 21;
  for (const Format format : {Format::kQ8_0, Format::kInt4, Format::kInt8, Format::kBfp8B}) {
    MoEData data(base(kHidden, kExperts, kFfn, 2));
    MoEWeights w = data.weights({}, 0, 1);
    std::vector<std::vector<std::byte>> packed;
    const auto pack = [&](ConstTensorView& view, std::vector<float>& values) {
      const std::int64_t out = view.dim(0), in = view.dim(1);
      std::vector<std::byte>& memory =
          packed.emplace_back(static_cast<std::size_t>(kernels::packed_bytes(format, out, in) + 64));
      std::byte* at = memory.data() + (64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64) % 64;
      kernels::pack_panels(format, {.rows = view}, out, in, 0, kernels::panels_of(out), at);
      view = kernels::packed_view(at, format, out, in);
      for (std::int64_t r = 0; r < out; ++r) kernels::decode_packed_row(view, r, values.data() + r * in);
    };
    packed.reserve(3 * kExperts);
    for (std::size_t e = 0; e < w.experts.size(); ++e) {
      pack(w.experts[e].gate, data.experts[e].gate);
      pack(w.experts[e].up, data.experts[e].up);
      pack(w.experts[e].down, data.experts[e].down);
    }
    const std::vector<float> x = support::normal_values(kRows * kHidden, 9);
    std::vector<float> y(x.size());
    const MoEImplConfig impl = default_impl_config(data.spec, query_device_traits(), Strategy::kAccuracy);
    const MoE moe(data.spec, w, impl, {.traits = query_device_traits()});
    support::TestExec exec;
    moe.forward(*exec, view_of(x.data(), {kRows, kHidden}), view_of(y.data(), {kRows, kHidden}));
    for (std::int64_t r = 0; r < kRows; ++r) {
      const reference::Row want = data.formula(support::row_of(x, r, kHidden), 0);
      for (std::size_t i = 0; i < want.size(); ++i) {
        EXPECT_NEAR(y[static_cast<std::size_t>(r * kHidden) + i], want[i], 64 * kEpsF32 * std::sqrt(160.0))
            << name_of(format);
      }
    }
  }
}

// The router may read other rows than the experts.
TEST(MoE, RoutesByOtherRowsWhereGiven) {
  const MoEData data(base(33, 5, 31, 2));
  const std::vector<float> x = support::normal_values(6 * 33, 9), routed_by = support::normal_values(6 * 33, 10);
  std::vector<std::int32_t> experts(12);
  std::vector<float> y(x.size()), logits(6 * 5);
  const MoE moe(data.spec, data.weights({}, 0, 1), {}, {.traits = query_device_traits()});
  support::TestExec exec;
  moe.forward(
      *exec, view_of(x.data(), {6, 33}),
      {.router_x = view_of(routed_by.data(), {6, 33}), .logits = view_of(logits.data(), {6, 5}), .experts = experts},
      view_of(y.data(), {6, 33}));
  for (std::int64_t r = 0; r < 6; ++r) {
    const reference::Row row = support::row_of(routed_by, r, 33);
    const reference::Route route = data.route(row, 0);
    const reference::Row want = reference::linear(row, support::doubles(data.router), {}, 5);
    for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(experts[static_cast<std::size_t>(r * 2) + i], route.experts[i]);
    for (std::size_t e = 0; e < 5; ++e) {
      EXPECT_NEAR(logits[static_cast<std::size_t>(r * 5) + e], want[e], 32 * kEpsF32);
    }
  }
}

}  // namespace
}  // namespace ttt
