#include "attention/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/fields.h"
#include "collectives/threads.h"
#include "state/step_builder.h"
#include "support/attention_layer.h"
#include "support/npy.h"

namespace ttt {
namespace {

using support::AttentionLayer;
using support::Feed;

// The largest difference as a share of what rounding in f32 may cost: sums over the hidden width and over the heads.
double share_of_rounding(const std::vector<float>& got, const std::vector<float>& wanted, const AttentionSpec& s) {
  EXPECT_EQ(got.size(), wanted.size());
  double gap = 0, largest = 1e-30;
  for (std::size_t i = 0; i < std::min(got.size(), wanted.size()); ++i) {
    gap = std::max(gap, std::abs(static_cast<double>(got[i]) - static_cast<double>(wanted[i])));
    largest = std::max(largest, std::abs(static_cast<double>(wanted[i])));
  }
  const double length = static_cast<double>(s.hidden_dim + s.num_heads * s.head_dim);
  return gap / (2 * 1.2e-7 * std::sqrt(length) * largest);
}

// ---- golden layers --------------------------------------------------------------------------------------------------

struct Golden {
  AttentionSpec spec = {};
  AttentionNames names = {};
  std::map<std::string, std::vector<float>> tensors = {};
};

AttentionNames names_of(const std::string& kind, const AttentionSpec& spec) {
  if (kind == "fused") return fused_names(spec);
  if (kind == "interleaved") return interleaved_names(spec);
  if (kind == "gated_query") return gated_query_names(spec);
  AttentionNames names;
  if (kind == "key_is_value") names.v = names.k;
  return names;
}

std::map<std::string, Golden> golden_layers() {
  const std::string folder = TTT_SOURCE_DIR "/tests/golden/attention/";
  std::map<std::string, Golden> all;
  const Json layers = Json::parse(support::read_text(folder + "layers.json"), "layers.json");
  for (const Json& layer : layers.as_array("layers")) {
    const std::string name = layer.at("name", "layer").as_string("name");
    Golden& g = all[name];
    from_json(g.spec, layer.at("spec", "layer"), "spec");
    g.names = names_of(layer.at("names", "layer").as_string("names"), g.spec);
    const std::vector<float> flat = support::read_npy(folder + name + ".npy");
    auto at = flat.begin();
    for (const Json& t : layer.at("tensors", "layer").as_array("tensors")) {
      std::int64_t n = 1;
      for (const Json& extent : t.at("shape", "tensor").as_array("shape")) n *= extent.as_integer("extent");
      g.tensors[t.at("name", "tensor").as_string("name")].assign(at, at + n);
      at += n;
    }
  }
  return all;
}

TEST(AttentionGolden, LayersGiveWhatTransformersGives) {
  EXPECT_GE(golden_layers().size(), 30u);
  for (const auto& [name, golden] : golden_layers()) {
    SCOPED_TRACE(name);
    const AttentionLayer layer(golden.spec, golden.tensors, golden.names);
    const std::vector<float>& wanted = golden.tensors.at("y");
    const auto mask = golden.tensors.find("mask"), positions = golden.tensors.find("positions");
    for (const std::int64_t chunk : {40, 9, 1}) {
      if (golden.spec.visible.ahead > 0 && chunk < 40) continue;
      Feed feed{.x = golden.tensors.at("x"), .chunk = chunk};
      if (mask != golden.tensors.end()) feed.mask = mask->second;
      if (positions != golden.tensors.end()) feed.positions.assign(positions->second.begin(), positions->second.end());
      for (const Strategy strategy : {Strategy::kDefault, Strategy::kReference}) {
        const AttentionImplConfig impl = default_impl_config(golden.spec, query_device_traits(), strategy);
        const std::vector<float> y = layer.run(impl, feed);
        EXPECT_LE(share_of_rounding(y, wanted, golden.spec), 1) << "chunks of " << chunk;
      }
    }
  }
}

// ---- laws -----------------------------------------------------------------------------------------------------------

struct LawCase {
  std::string name = {};
  AttentionSpec spec = {};
};
std::ostream& operator<<(std::ostream& out, const LawCase& c) { return out << c.name; }

std::vector<LawCase> law_cases() {
  const RoPESpec rope{.rotary_dim = 16};
  const AttentionSpec grouped{.hidden_dim = 48, .num_heads = 6, .num_kv_heads = 2, .head_dim = 16, .position = rope};
  std::vector<LawCase> all{{"grouped", grouped}};
  const auto add = [&](const std::string& name, auto change) {
    LawCase c{name, grouped};
    change(c.spec);
    all.push_back(c);
  };
  add("uneven", [](AttentionSpec& s) { s.num_heads = 9, s.num_kv_heads = 3, s.head_dim = 16; });
  add("own", [](AttentionSpec& s) { s.num_kv_heads = 6; });
  add("one_kv_head", [](AttentionSpec& s) { s.num_kv_heads = 1; });
  add("odd_width", [](AttentionSpec& s) { s.head_dim = 13, s.value_dim = 7, s.position = RoPESpec{.rotary_dim = 6}; });
  add("window", [](AttentionSpec& s) { s.visible.behind = 5; });
  add("window_pinned", [](AttentionSpec& s) { s.visible.behind = 5, s.visible.pinned = 2; });
  add("alibi", [](AttentionSpec& s) { s.position = ALiBiSpec{}; });
  add("biased", [](AttentionSpec& s) { s.q_bias = s.k_bias = s.v_bias = s.o_bias = s.sinks = true; });
  add("normed", [](AttentionSpec& s) { s.qk_norm = RMSNormSpec{.eps = 1e-6f}, s.soft_cap = 5.0f; });
  add("normed_whole", [](AttentionSpec& s) { s.qk_norm = RMSNormSpec{.eps = 1e-6f}, s.qk_norm_whole = true; });
  add("normed_whole_uneven", [](AttentionSpec& s) {
    s.num_heads = 9, s.num_kv_heads = 3, s.qk_norm_whole = true;
    s.qk_norm = RMSNormSpec{.eps = 1e-2f, .weight_offset = 1};
  });
  add("axes", [](AttentionSpec& s) { s.position = RoPESpec{.rotary_dim = 12, .sections = {1, 3, 2}}; });
  add("layer_normed", [](AttentionSpec& s) { s.qk_layer_norm = LayerNormSpec{}, s.qk_layer_norm_shared = true; });
  add("clipped", [](AttentionSpec& s) { s.qkv_clip = 0.25f; });
  add("v_norm", [](AttentionSpec& s) { s.v_norm = RMSNormSpec{.eps = 1e-6f}; });
  add("gated", [](AttentionSpec& s) { s.gate = s.gate_bias = true; });
  add("temperature", [](AttentionSpec& s) { s.temperature = TemperatureSpec{.scale = 0.5f, .floor_scale = 4}; });
  add("relative", [](AttentionSpec& s) {
    s.position = RelativeBiasSpec{.num_buckets = 12, .max_distance = 20, .bidirectional = false};
  });
  add("interleaved",
      [](AttentionSpec& s) { s.position = RoPESpec{.rotary_dim = 8, .layout = RotaryLayout::kInterleaved}; });
  return all;
}

class AttentionLaws : public testing::TestWithParam<LawCase> {};

TEST_P(AttentionLaws, ImplConfigsAgree) {
  const AttentionLayer layer(GetParam().spec);
  const Feed feed{.x = layer.inputs(45)};
  AttentionImplConfig reference = default_impl_config(GetParam().spec, query_device_traits(), Strategy::kReference);
  for (const Format state : {Format::kF32, Format::kBF16, Format::kInt8, Format::kBfp8B}) {
    reference.state = state;
    const std::vector<float> wanted = layer.run(reference, feed);
    for (const ScoresChoice& choice :
         {ScoresChoice(FlashScores{}), ScoresChoice(FlashScores{.query_block = 7, .key_block = 5}),
          ScoresChoice(FullScores{})}) {
      AttentionImplConfig impl = reference;
      impl.many = impl.one = choice;
      EXPECT_LE(share_of_rounding(layer.run(impl, feed), wanted, GetParam().spec), 1) << name_of(state);
    }
  }
}

TEST_P(AttentionLaws, SplitsAgree) {
  const AttentionLayer layer(GetParam().spec);
  const std::vector<float> x = layer.inputs(45);
  for (const Format state : {Format::kF32, Format::kBF16, Format::kInt8, Format::kBfp8B}) {
    // Products may be rounded differently for other numbers of rows, and a rounding to codes magnifies that.
    AttentionImplConfig impl{.linear = {.activation = kernels::ActivationForm::kF32, .one_kernel = true},
                             .state = state};
    const std::vector<float> whole = layer.run(impl, {.x = x});
    for (const std::int64_t page_rows : {1, 3, 16, 64}) {
      for (const std::int64_t chunk : {1, 2, 7, 45}) {
        EXPECT_EQ(layer.run(impl, {.x = x, .chunk = chunk, .page_rows = page_rows, .threads = 2}), whole)
            << name_of(state) << ", pages of " << page_rows << ", chunks of " << chunk;
      }
    }
  }
}

TEST_P(AttentionLaws, RanksAgree) {
  const AttentionLayer layer(GetParam().spec);
  const Feed feed{.x = layer.inputs(20), .chunk = 6, .page_rows = 3};
  const std::vector<float> alone = layer.run({}, feed);
  for (const std::int64_t ranks : {2, 3, 4}) {
    std::vector<std::vector<float>> results(static_cast<std::size_t>(ranks));
    run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
      results[static_cast<std::size_t>(rank)] = layer.run({}, feed, rank, ranks, communicator);
    });
    EXPECT_LE(share_of_rounding(results[0], alone, GetParam().spec), 1) << ranks << " ranks";
    for (const std::vector<float>& r : results) EXPECT_EQ(r, results[0]);
  }
}

// Whole rows are exchanged where the sums must not depend on how many ranks there are.
TEST(Attention, WholeNormsAreTheSameBitsOnAnyNumberOfRanks) {
  for (const LawCase& c : law_cases()) {
    if (!c.spec.qk_norm_whole) continue;
    const AttentionLayer layer(c.spec);
    const Feed feed{.x = layer.inputs(20), .chunk = 6, .page_rows = 3};
    const AttentionImplConfig impl = default_impl_config(c.spec, query_device_traits(), Strategy::kInvariant);
    const std::vector<float> alone = layer.run(impl, feed);
    for (const std::int64_t ranks : {2, 3, 4}) {
      run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
        EXPECT_EQ(layer.run(impl, feed, rank, ranks, communicator), alone) << c.name << ", " << ranks << " ranks";
      });
    }
  }
}

TEST(Attention, AddsToTheResidualStream) {
  const AttentionLayer layer(law_cases()[0].spec);
  const std::vector<float> x = layer.inputs(12);
  const std::vector<float> y = layer.run({}, {.x = x}), added = layer.run({}, {.x = x, .add = true});
  for (std::size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(added[i], y[i] + Feed::kResidual, 2e-6);
}

TEST(Attention, EmptyStepsDoNothing) {
  const AttentionLayer layer(law_cases()[0].spec);
  EXPECT_TRUE(layer.run({}, {.x = {}}).empty());
}

// ---- plans ----------------------------------------------------------------------------------------------------------

class CountingObserver final : public Observer {
 public:
  void done(const Place&, TensorView) override {}
  void launched(double operations, double bytes) override { operations_ += operations, bytes_ += bytes; }
  bool counts() const override { return true; }
  bool observes(const Place&) const override { return false; }
  double operations() const { return operations_; }
  double bytes() const { return bytes_; }

 private:
  double operations_ = 0, bytes_ = 0;
};

// Shapes without data.
class ShapeBinder final : public WeightBinder {
 public:
  void bind(ConstTensorView& field, const WeightRequest& request) override {
    field = view_of(static_cast<const std::byte*>(nullptr), Format::kF32, request.cut_shape());
  }
};

// Two steps of one block: 20 rows, then one. Returns the scratch's peak.
std::int64_t two_steps(const AttentionSpec& spec, const AttentionWeights& weights, Scratch& scratch, Observer& observer,
                       Exec::Mode mode) {
  const Context context{.traits = query_device_traits()};
  const Attention attention(spec, weights, {}, context);
  StatePool pool({state_spec(spec, {}, context)}, {.context = 32, .page_rows = 4},
                 mode == Exec::Mode::kPlan ? Buffer::Access::kReserved : Buffer::Access::kReadWrite);
  StepBuilder builder(pool, 20, 1);
  Sequence sequence = pool.create();
  ThreadPool threads(2);
  Exec exec(threads, scratch, self_communicator(), observer, mode);
  for (const std::int64_t rows : {20, 1}) {
    const StepEntry entry{&sequence, rows};
    const std::vector<std::int32_t> ids(static_cast<std::size_t>(rows));
    const Step step = builder.prepare({&entry, 1}, ids);
    Scratch::Frame frame(scratch);
    const TensorView x = frame.take({rows, spec.hidden_dim}), y = frame.take({rows, spec.hidden_dim});
    attention.forward(exec, x, step, y);
    builder.commit();
  }
  return scratch.peak();
}

TEST_P(AttentionLaws, PlansAreWhatIsThenUsed) {
  const AttentionSpec& spec = GetParam().spec;
  AttentionWeights shapes;
  ShapeBinder binder;
  bind_weights(shapes, spec, {}, {}, {}, binder);
  CountingObserver planned, run;
  Scratch reserved = Scratch::planned(), memory(std::int64_t{1} << 24);
  const std::int64_t peak = two_steps(spec, shapes, reserved, planned, Exec::Mode::kPlan);
  const AttentionLayer layer(spec);
  EXPECT_EQ(two_steps(spec, layer.weights(0, 1), memory, run, Exec::Mode::kRun), peak);
  EXPECT_EQ(planned.operations(), run.operations());
  EXPECT_EQ(planned.bytes(), run.bytes());
  EXPECT_GT(planned.operations(), 0);
}

INSTANTIATE_TEST_SUITE_P(Blocks, AttentionLaws, testing::ValuesIn(law_cases()),
                         [](const testing::TestParamInfo<LawCase>& c) { return c.param.name; });

// ---- choices --------------------------------------------------------------------------------------------------------

TEST(HeadSlice, DealsOutAnyNumberOfHeads) {
  const std::int64_t heads[] = {3, 2, 2, 2}, first_kv[] = {0, 1, 1, 2}, kv_heads[] = {1, 1, 2, 1};
  std::int64_t first = 0;
  for (std::int64_t rank = 0; rank < 4; ++rank) {
    const kernels::HeadSlice s = head_slice(9, 3, rank, 4);
    EXPECT_EQ(s, (kernels::HeadSlice{first, heads[rank], first_kv[rank], kv_heads[rank], 3})) << rank;
    first += s.heads;
  }
  EXPECT_EQ(head_slice(32, 8, 1, 2), (kernels::HeadSlice{16, 16, 4, 4, 4}));
}

// A layer that reads the rows that the one before it stored gives what one with that layer's keys and values gives.
TEST(Attention, SharesAnEarlierLayersRows) {
  AttentionSpec spec = law_cases()[0].spec, sharing = spec;
  spec.qk_norm = sharing.qk_norm = RMSNormSpec{.eps = 1e-6f};
  sharing.shares_rows = true;
  const AttentionLayer layer(spec);
  const AttentionWeights w = layer.weights(0, 1);
  AttentionWeights w_sharing = w;
  w_sharing.k = w_sharing.v = w_sharing.k_norm = {};
  const Attention first(spec, w, {}, {.traits = query_device_traits()});
  const Attention second(sharing, w_sharing, {}, {.traits = query_device_traits(), .state_slot = 1});
  std::vector<StateSpec> slots{state_spec(spec, {}, {}), state_spec(sharing, {}, {})};
  slots[1].shared_slot = 0;
  StatePool pool(slots, {.context = 24, .page_rows = 4});
  StepBuilder builder(pool, 20, 1);
  Sequence sequence = pool.create();
  support::Runner runner(2);
  for (const std::int64_t rows : {20, 1, 3}) {
    std::vector<float> x = layer.inputs(rows), a(x.size()), b(x.size());
    const StepEntry entry{&sequence, rows};
    const std::vector<std::int32_t> ids(static_cast<std::size_t>(rows));
    const Step step = builder.prepare({&entry, 1}, ids);
    first.forward(runner.exec, view_of(x.data(), {rows, 48}), step, view_of(a.data(), {rows, 48}));
    second.forward(runner.exec, view_of(x.data(), {rows, 48}), step, view_of(b.data(), {rows, 48}));
    builder.commit();
    EXPECT_EQ(a, b);
  }
}

TEST(RelativeBias, BucketsAreWhatTransformersGives) {
  const std::string folder = TTT_SOURCE_DIR "/tests/golden/attention/";
  const Json cases = Json::parse(support::read_text(folder + "relative_buckets.json"), "relative_buckets.json");
  for (const Json& c : cases.as_array("cases")) {
    RelativeBiasSpec spec;
    from_json(spec, c.at("spec", "case"), "spec");
    std::vector<std::int32_t> wanted;
    for (const Json& b : c.at("buckets", "case").as_array("buckets")) {
      wanted.push_back(static_cast<std::int32_t>(b.as_integer("bucket")));
    }
    // The file reaches as far again on both sides, where the buckets at the ends go on.
    const std::vector<std::int32_t> got = relative_buckets(spec);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const std::int64_t at = static_cast<std::int64_t>(i) - spec.max_distance;
      const std::int64_t inside = std::clamp<std::int64_t>(at, 0, 2 * spec.max_distance);
      ASSERT_EQ(got[static_cast<std::size_t>(inside)], wanted[i]) << "distance " << at - spec.max_distance;
    }
  }
}

TEST(AttentionSpecs, SurviveJson) {
  for (const LawCase& c : law_cases()) {
    AttentionSpec read;
    from_json(read, to_json(c.spec), "spec");
    EXPECT_EQ(read, c.spec) << c.name;
  }
  const AttentionImplConfig impl{
      .many = FlashScores{.key_block = 64}, .one = ReferenceScores{}, .state = Format::kInt8};
  AttentionImplConfig read;
  from_json(read, to_json(impl), "impl");
  EXPECT_EQ(read, impl);
}

}  // namespace
}  // namespace ttt
