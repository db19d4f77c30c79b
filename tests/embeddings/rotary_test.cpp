#include "embeddings/rotary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/fields.h"
#include "embeddings/position.h"
#include "kernels/attention/store_rows.h"
#include "support/attention_case.h"
#include "support/npy.h"

namespace ttt {
namespace {

const std::string kGolden = TTT_SOURCE_DIR "/tests/golden/attention/";

Json read_json(const std::string& name) { return Json::parse(support::read_text(kGolden + name), name); }

std::vector<float> floats(const Json& json) {
  std::vector<float> x;
  for (const Json& v : json.as_array("values")) x.push_back(static_cast<float>(v.as_number("value")));
  return x;
}

// Steps between neighbouring f32 numbers from a to b.
double ulps(float a, float b) {
  const float step = std::nextafter(std::abs(b), std::numeric_limits<float>::infinity()) - std::abs(b);
  return std::abs(static_cast<double>(a) - static_cast<double>(b)) / static_cast<double>(step);
}

std::vector<IsaLevel> levels() {
  std::vector<IsaLevel> all;
  for (const IsaLevel l : {IsaLevel::kSse2, IsaLevel::kAvx2, IsaLevel::kAvx512}) {
    if (query_device_traits().isa() >= l) all.push_back(l);
  }
  return all;
}

// Turns rows [rows, dim] of one head, each at its positions [axes, rows], as the attention does.
std::vector<float> turn(const RoPESpec& spec, const RotaryFrequencies& f, std::vector<float> x,
                        const std::vector<std::int64_t>& positions, IsaLevel level, bool reference = false) {
  const std::int64_t rows = static_cast<std::int64_t>(positions.size()) / rope_position_axes(spec);
  const std::int64_t dim = static_cast<std::int64_t>(x.size()) / rows;
  support::Runner runner(1);
  Scratch::Frame frame(runner.scratch);
  std::vector<float> unused(x.size());
  const TensorView cosines = frame.take({rows, spec.rotary_dim}, kernels::rotary_table_format(reference));
  const DeviceTraits traits{.features = features_of(level)};
  const std::vector<std::int32_t> axes = rope_axes(spec);
  runner.exec.launch(kernels::select_rotary_table(traits, reference), {.positions = positions,
                                                                       .axes = axes,
                                                                       .inv_freq = f.inv_freq,
                                                                       .attention_factor = f.attention_factor,
                                                                       .table = cosines});
  StatePool pool({{.heads = 0, .key_dim = dim, .value_dim = 0}}, {.context = rows});
  StepBuilder builder(pool, rows, 1);
  Sequence sequence = pool.create();
  const StepEntry entry{&sequence, rows};
  const std::vector<std::int32_t> ids(static_cast<std::size_t>(rows));
  const Step step = builder.prepare({&entry, 1}, ids);
  const bool interleaved = spec.layout == RotaryLayout::kInterleaved;
  runner.exec.launch(kernels::select_store_rows(traits, Format::kF32, interleaved, reference),
                     {.q = view_of(x.data(), {rows, dim}),
                      .k = view_of(unused.data(), {rows, 0}),
                      .v = view_of(unused.data(), {rows, 0}),
                      .table = cosines,
                      .block_pairs = rope_block_pairs(spec),
                      .heads = 1,
                      .kv_heads = 0,
                      .key_dim = dim,
                      .batch = step.batch,
                      .state = step.states[0]});
  return x;
}

struct RotaryCase {
  std::string name = {};
  RoPESpec spec = {};
  std::vector<float> inv_freq = {}, x = {}, turned = {};
  float attention_factor = 1;
  std::vector<std::int64_t> positions = {};  // [axes, rows]
};

std::vector<RotaryCase> golden_cases() {
  std::vector<RotaryCase> all;
  for (const char* file : {"rope.json", "rope_axes.json"}) {
    const Json cases = read_json(file);
    for (const Json& c : cases.as_array(file)) {
      RotaryCase r{.name = c.at("name", "case").as_string("name")};
      from_json(r.spec, c.at("spec", "case"), "spec");
      r.inv_freq = floats(c.at("inv_freq", "case"));
      r.attention_factor = static_cast<float>(c.at("attention_factor", "case").as_number("factor"));
      r.x = floats(c.at("x", "case"));
      r.turned = floats(c.at("turned", "case"));
      for (const Json& p : c.at("positions", "case").as_array("positions")) {
        if (!p.is_array()) r.positions.push_back(p.as_integer("position"));
        if (!p.is_array()) continue;
        for (const Json& q : p.as_array("axis")) r.positions.push_back(q.as_integer("position"));
      }
      all.push_back(std::move(r));
    }
  }
  return all;
}

TEST(Rotary, FrequenciesAreThoseOfTransformers) {
  std::int64_t values = 0, equal = 0;
  for (const RotaryCase& c : golden_cases()) {
    SCOPED_TRACE(c.name);
    validate(c.spec, "spec");
    const RotaryFrequencies f = rope_frequencies(c.spec, c.spec.context);
    EXPECT_FLOAT_EQ(f.attention_factor, c.attention_factor);
    if (c.inv_freq.empty()) continue;  // the other side has tables of angles only
    ASSERT_EQ(f.inv_freq.size(), c.inv_freq.size());
    for (std::size_t i = 0; i < c.inv_freq.size(); ++i) {
      EXPECT_LE(ulps(f.inv_freq[i], c.inv_freq[i]), 4) << i;
      equal += f.inv_freq[i] == c.inv_freq[i];
      ++values;
    }
  }
  // The power function of the other side is good to one unit in the last place, not correctly rounded.
  EXPECT_GE(static_cast<double>(equal), 0.8 * static_cast<double>(values)) << equal << " of " << values;
}

TEST(Rotary, TurnsLikeTransformersAtEveryPosition) {
  const std::vector<RotaryCase> cases = golden_cases();
  EXPECT_GE(cases.size(), 27u);
  for (const RotaryCase& c : cases) {
    SCOPED_TRACE(c.name);
    RotaryFrequencies f = rope_frequencies(c.spec, c.spec.context);
    if (!c.inv_freq.empty()) f.inv_freq = c.inv_freq;  // so that one unit in the last place is not magnified
    for (const IsaLevel level : levels()) {
      for (const bool reference : {false, true}) {
        const std::vector<float> got = turn(c.spec, f, c.x, c.positions, level, reference);
        for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], c.turned[i], 2e-6) << i;
      }
    }
  }
}

// What the reference computes is the formula in double precision, rounded once.
TEST(Rotary, TheReferenceRoundsOnce) {
  const RoPESpec spec{.rotary_dim = 10};
  const RotaryFrequencies f{rope_frequencies(spec, 0).inv_freq, 1.3f};
  const std::vector<std::int64_t> positions{0, 3, 1000003};
  const std::vector<float> x = support::random_values(30, 5);
  const std::vector<float> got = turn(spec, f, x, positions, IsaLevel::kSse2, true);
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t i = 0; i < 5; ++i) {
      const double angle = static_cast<double>(static_cast<float>(positions[r]) * f.inv_freq[i]);
      const double a = static_cast<double>(x[r * 10 + i]), b = static_cast<double>(x[r * 10 + i + 5]);
      const double c = std::cos(angle) * static_cast<double>(1.3f), s = std::sin(angle) * static_cast<double>(1.3f);
      EXPECT_EQ(got[r * 10 + i], static_cast<float>(a * c - b * s));
      EXPECT_EQ(got[r * 10 + i + 5], static_cast<float>(b * c + a * s));
    }
  }
}

TEST(Rotary, SineAndCosineAreExactForMillions) {
  std::vector<std::int64_t> positions;
  for (std::int64_t p = 0; p < 4000; ++p) positions.push_back(p * 2503 + p % 7);
  const std::vector<float> inv_freq{1.0f, 0.7498942f, 0.1f, 1e-4f};
  const std::int64_t rows = static_cast<std::int64_t>(positions.size());
  std::vector<float> table(positions.size() * 8);
  support::Runner runner(2);
  for (const IsaLevel level : levels()) {
    runner.exec.launch(kernels::select_rotary_table({.features = features_of(level)}),
                       {.positions = positions, .inv_freq = inv_freq, .table = view_of(table.data(), {rows, 8})});
    for (std::size_t r = 0; r < positions.size(); ++r) {
      for (std::size_t i = 0; i < 4; ++i) {
        const double angle = static_cast<double>(static_cast<float>(positions[r]) * inv_freq[i]);
        ASSERT_NEAR(table[r * 8 + i], std::cos(angle), 6e-8) << positions[r];
        ASSERT_NEAR(table[r * 8 + 4 + i], std::sin(angle), 6e-8) << positions[r];
      }
    }
  }
}

TEST(Rotary, ExplicitFactorsDivide) {
  RoPESpec spec{.rotary_dim = 4, .freq_factors = {2.0f, 4.0f}};
  const std::vector<float> plain = rope_frequencies({.rotary_dim = 4}, 0).inv_freq;
  const std::vector<float> divided = rope_frequencies(spec, 0).inv_freq;
  EXPECT_EQ(divided[0], plain[0] / 2);
  EXPECT_EQ(divided[1], plain[1] / 4);
}

TEST(Rotary, SpecsSurviveJson) {
  RoPESpec spec{.rotary_dim = 6,
                .base = 5e5,
                .layout = RotaryLayout::kInterleaved,
                .scaling = YaRNScaling{.factor = 4, .original_max_position_embeddings = 128, .attention_factor = 1.25},
                .freq_factors = {1, 2, 3}};
  RoPESpec read;
  from_json(read, to_json(spec), "spec");
  EXPECT_EQ(read, spec);
}

TEST(Rotary, RefusesWhatCannotBe) {
  const auto message = [](const RoPESpec& spec) {
    try {
      validate(spec, "[a] position");
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kUsage);
      return std::string(e.what());
    }
    return std::string("nothing");
  };
  EXPECT_EQ(message({.rotary_dim = 7}), "[a] position.rotary_dim wanted a positive even number, got 7");
  EXPECT_EQ(message({.rotary_dim = 8, .base = 0.5}), "[a] position.base wanted a number above 1, got 0.5");
  EXPECT_EQ(message({.rotary_dim = 8, .freq_factors = {1}}), "[a] position.freq_factors wanted 4 values, got 1");
  EXPECT_EQ(message({.rotary_dim = 8, .scaling = LinearScaling{.factor = 0}}),
            "[a] position.scaling.factor wanted a positive number, got 0");
  EXPECT_EQ(message({.rotary_dim = 8, .scaling = YaRNScaling{.factor = 2}}),
            "[a] position.scaling.original_max_position_embeddings wanted a positive number, got 0");
  EXPECT_EQ(message({.rotary_dim = 8,
                     .scaling = LongRoPEScaling{.short_factor = {1, 2}, .original_max_position_embeddings = 8}}),
            "[a] position.scaling.short_factor and long_factor wanted 4 values each, got 2 and 0");
}

TEST(ALiBi, SlopesAreThoseOfTransformers) {
  const Json all = read_json("alibi.json");
  for (const auto& [heads, slopes] : all.as_object("alibi.json")) {
    const std::vector<float> wanted = floats(slopes), got = alibi_slopes({}, std::stoll(heads));
    ASSERT_EQ(got.size(), wanted.size());
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_FLOAT_EQ(got[i], wanted[i]) << heads << " heads, " << i;
  }
}

TEST(RopeSections, SayWhichAxisTurnsAPair) {
  EXPECT_TRUE(rope_axes({.rotary_dim = 12}).empty());
  const RoPESpec blocks{.rotary_dim = 12, .sections = {2, 3, 1}};
  EXPECT_EQ(rope_axes(blocks), (std::vector<std::int32_t>{0, 0, 1, 1, 1, 2}));
  RoPESpec turns{.rotary_dim = 16, .sections = {4, 2, 2}, .interleaved_sections = true};
  EXPECT_EQ(rope_axes(turns), (std::vector<std::int32_t>{0, 1, 2, 0, 1, 2, 0, 0}));
}

TEST(RopeSections, TurnByTheirAxis) {
  const RoPESpec spec{.rotary_dim = 12, .sections = {2, 3, 1}};
  const std::vector<float> inv_freq = rope_frequencies(spec, 0).inv_freq;
  const std::vector<std::int32_t> axes = rope_axes(spec);
  const std::vector<std::int64_t> positions{5, 9, 7, 100, 2, 3};  // [3 axes, 2 rows]
  ThreadPool threads(2);
  Scratch scratch(1 << 12);
  NoObserver observer;
  Exec exec(threads, scratch, self_communicator(), observer);
  const auto table = [&](std::span<const std::int64_t> at, std::span<const std::int32_t> by) {
    std::vector<float> t(2 * 12);
    exec.launch(kernels::select_rotary_table(query_device_traits()),
                {.positions = at, .axes = by, .inv_freq = inv_freq, .table = view_of(t.data(), {2, 12})});
    return t;
  };
  const std::vector<float> mixed = table(positions, axes);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::vector<float> alone = table(std::span(positions).subspan(2 * axis, 2), {});
    for (std::size_t i = 0; i < axes.size(); ++i) {
      if (axes[i] != static_cast<std::int32_t>(axis)) continue;
      for (const std::size_t at : {i, i + 6, i + 12, i + 18}) EXPECT_EQ(mixed[at], alone[at]) << "pair " << i;
    }
  }
  const std::span<const std::int64_t> one = std::span(positions).first(2);
  EXPECT_EQ(table(one, axes), table(one, {})) << "one axis serves for all";
}

TEST(RopeSections, AreChecked) {
  const auto message = [](const RoPESpec& spec) -> std::string {
    try {
      validate(spec, "rope");
    } catch (const Error& e) {
      return e.what();
    }
    return "nothing";
  };
  EXPECT_EQ(message({.rotary_dim = 8, .sections = {2, 1}}), "rope.sections wanted a sum of 4, got 3");
  EXPECT_EQ(message({.rotary_dim = 8, .sections = {5, -1}}), "rope.sections wanted numbers of at least 0, got -1");
  EXPECT_EQ(message({.rotary_dim = 8, .interleaved_sections = true}),
            "rope.interleaved_sections wanted sections, got none");
  EXPECT_EQ(message({.rotary_dim = 8, .layout = RotaryLayout::kHalfSplitByAxis, .sections = {3, 1}}),
            "rope.layout half_split_by_axis wanted equal sections one after the other, got others");
  EXPECT_EQ(message({.rotary_dim = 8, .section_frequencies = SectionFrequencies::kOwn}),
            "rope.section_frequencies own wanted sections one after the other, got none");
  EXPECT_EQ(message({.rotary_dim = 8, .sections = {3, 1}, .section_frequencies = SectionFrequencies::kStrided}),
            "rope.section_frequencies strided wanted equal sections, got others");
  EXPECT_EQ(message({.rotary_dim = 8,
                     .scaling = LinearScaling{.factor = 2},
                     .sections = {2, 2},
                     .section_frequencies = SectionFrequencies::kOwn}),
            "rope.section_frequencies own wanted scaling default, got another");
}

}  // namespace
}  // namespace ttt
