#include "embeddings/rotary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/fields.h"
#include "embeddings/position.h"
#include "kernels/store_rows.h"
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
    if (query_device_traits().isa >= l) all.push_back(l);
  }
  return all;
}

// Turns rows [rows, dim] of one head, each at its position, as the attention does.
std::vector<float> turn(const RoPESpec& spec, const RotaryFrequencies& f, std::vector<float> x,
                        const std::vector<std::int64_t>& positions, IsaLevel level) {
  const std::int64_t rows = static_cast<std::int64_t>(positions.size()), dim = spec.rotary_dim;
  support::Runner runner(1);
  std::vector<float> table(x.size()), unused(x.size());
  const TensorView cosines = view_of(table.data(), {rows, dim});
  const DeviceTraits traits{.isa = level};
  runner.exec.launch(
      kernels::select_rotary_table(traits),
      {.positions = positions, .inv_freq = f.inv_freq, .attention_factor = f.attention_factor, .table = cosines});
  StatePool pool({{.heads = 0, .key_dim = dim, .value_dim = 0}}, {.context = rows});
  StepBuilder builder(pool, rows, 1);
  Sequence sequence = pool.create();
  const StepEntry entry{&sequence, rows};
  const std::vector<std::int32_t> ids(positions.size());
  const Step step = builder.prepare({&entry, 1}, ids);
  runner.exec.launch(kernels::select_store_rows(traits, Format::kF32, spec.layout == RotaryLayout::kInterleaved),
                     {.q = view_of(x.data(), {rows, dim}),
                      .k = view_of(unused.data(), {rows, 0}),
                      .v = view_of(unused.data(), {rows, 0}),
                      .table = cosines,
                      .heads = 1,
                      .kv_heads = 0,
                      .key_dim = dim,
                      .batch = step.batch,
                      .state = step.states[0]});
  return x;
}

TEST(Rotary, FrequenciesAreThoseOfTransformers) {
  std::int64_t values = 0, equal = 0;
  const Json all = read_json("rope.json");
  for (const Json& c : all.as_array("rope.json")) {
    SCOPED_TRACE(c.at("name", "case").as_string("name"));
    RoPESpec spec;
    from_json(spec, c.at("spec", "case"), "spec");
    validate(spec, "spec");
    const RotaryFrequencies f = rope_frequencies(spec, spec.context);
    const std::vector<float> wanted = floats(c.at("inv_freq", "case"));
    ASSERT_EQ(f.inv_freq.size(), wanted.size());
    EXPECT_FLOAT_EQ(f.attention_factor, static_cast<float>(c.at("attention_factor", "case").as_number("factor")));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_LE(ulps(f.inv_freq[i], wanted[i]), 4) << i;
      equal += f.inv_freq[i] == wanted[i];
      ++values;
    }
  }
  // The power function of the other side is good to one unit in the last place, not correctly rounded.
  EXPECT_GE(static_cast<double>(equal), 0.8 * static_cast<double>(values)) << equal << " of " << values;
}

TEST(Rotary, TurnsLikeTransformersAtEveryPosition) {
  const Json all = read_json("rope.json");
  for (const Json& c : all.as_array("rope.json")) {
    SCOPED_TRACE(c.at("name", "case").as_string("name"));
    RoPESpec spec;
    from_json(spec, c.at("spec", "case"), "spec");
    std::vector<std::int64_t> positions;
    for (const Json& p : c.at("positions", "case").as_array("positions")) positions.push_back(p.as_integer("position"));
    RotaryFrequencies f = rope_frequencies(spec, spec.context);
    f.inv_freq = floats(c.at("inv_freq", "case"));  // so that one unit in the last place is not magnified
    const std::vector<float> x = floats(c.at("x", "case")), wanted = floats(c.at("turned", "case"));
    for (const IsaLevel level : levels()) {
      const std::vector<float> got = turn(spec, f, x, positions, level);
      for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], wanted[i], 2e-6) << i;
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
    runner.exec.launch(kernels::select_rotary_table({.isa = level}),
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
}

}  // namespace
}  // namespace ttt
