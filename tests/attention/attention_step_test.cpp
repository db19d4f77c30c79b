#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "attention/attention.h"
#include "state/prefix_cache.h"
#include "support/attention_layer.h"
#include "support/mixer_step.h"

// What steps bring: positions on several axes, many sequences, reused beginnings, one row or many.
namespace ttt {
namespace {

using support::AttentionLayer;
using support::Feed;
using support::message_of;
using support::said_of_step;

constexpr std::int64_t kHidden = 40;

AttentionSpec axes_spec(bool interleaved) {
  const RoPESpec rope{.rotary_dim = 12, .sections = {3, 2, 1}, .interleaved_sections = interleaved};
  return {.hidden_dim = kHidden, .num_heads = 6, .num_kv_heads = 2, .head_dim = 14, .position = rope};
}

// Products that do not depend on how many rows a step has.
AttentionImplConfig steady(Format state = Format::kF32) {
  return {.linear = {.activation = kernels::ActivationForm::kF32, .one_kernel = true}, .state = state};
}

// Positions of a sequence with an image in it: the axes go their own ways.
std::vector<std::int64_t> positions_on(std::int64_t axes, std::int64_t rows) {
  std::vector<std::int64_t> p;
  for (std::int64_t a = 0; a < axes; ++a) {
    for (std::int64_t r = 0; r < rows; ++r)
      p.push_back(r < 4 ? r : 4 + (a == 0 ? 0 : (a == 1 ? r / 3 : r % 3)) + 2 * r / 5);
  }
  return p;
}

// One layer and a pool for it.
struct World {
  World(const AttentionLayer& layer, const AttentionSpec& spec, const AttentionImplConfig& impl, StatePoolConfig config)
      : attention(spec, layer.weights(0, 1), impl, {.traits = query_device_traits()}),
        pool({state_spec(spec, impl, {})}, config),
        builder(pool, 64, config.sequences),
        runner(2) {}

  // x: rows of all entries one after the other. Returns y.
  std::vector<float> step(const std::vector<StepEntry>& entries, std::vector<float> x) {
    const std::int64_t rows = static_cast<std::int64_t>(x.size()) / kHidden;
    const std::vector<std::int32_t> ids(static_cast<std::size_t>(rows));
    const Step step = builder.prepare(entries, ids);
    std::vector<float> y(x.size());
    attention.forward(runner.exec, view_of(x.data(), {rows, kHidden}), step, view_of(y.data(), {rows, kHidden}));
    builder.commit();
    return y;
  }

  Attention attention;
  StatePool pool;
  StepBuilder builder;
  support::Runner runner;
};

std::vector<float> rows_of(const std::vector<float>& x, std::int64_t begin, std::int64_t count) {
  return {x.begin() + begin * kHidden, x.begin() + (begin + count) * kHidden};
}

TEST(PositionAxes, SplitsAgreeAndAxesMatter) {
  for (const bool interleaved : {false, true}) {
    const AttentionLayer layer(axes_spec(interleaved));
    Feed feed{.x = layer.inputs(23), .positions = positions_on(3, 23)};
    const std::vector<float> whole = layer.run(steady(), feed);
    for (const std::int64_t chunk : {1, 4, 9}) {
      Feed split = feed;
      split.chunk = chunk, split.page_rows = 3, split.threads = 2;
      EXPECT_EQ(layer.run(steady(), split), whole) << "chunks of " << chunk;
    }
    for (std::size_t axis = 0; axis < 3; ++axis) {
      Feed moved = feed;
      moved.positions[axis * 23 + 10] += 5;
      EXPECT_NE(layer.run(steady(), moved), whole) << "axis " << axis;
    }
  }
}

TEST(PositionAxes, NoneGivenAreTheIndicesOnEveryAxis) {
  const AttentionLayer layer(axes_spec(false));
  Feed feed{.x = layer.inputs(9), .chunk = 4};
  const std::vector<float> plain = layer.run(steady(), feed);
  for (int axis = 0; axis < 3; ++axis) {
    for (std::int64_t r = 0; r < 9; ++r) feed.positions.push_back(r);
  }
  EXPECT_EQ(layer.run(steady(), feed), plain);
  AttentionSpec one_axis = axes_spec(false);
  std::get<RoPESpec>(one_axis.position).sections = {};
  feed.positions = {};
  EXPECT_EQ(AttentionLayer(one_axis).run(steady(), feed), plain);
}

// Two sequences in the same steps, one with positions of its own: each gets what it gets alone.
TEST(PositionAxes, SequencesOfAStepKeepTheirOwn) {
  const AttentionSpec spec = axes_spec(true);
  const AttentionLayer layer(spec);
  const std::vector<float> x = layer.inputs(17);
  const std::vector<std::int64_t> positions = positions_on(3, 17);
  const Feed given{.x = x, .positions = positions};
  const std::vector<float> alone = layer.run(steady(), given), plain = layer.run(steady(), {.x = x});
  World world(layer, spec, steady(), {.sequences = 2, .context = 20, .page_rows = 4});
  Sequence a = world.pool.create(), b = world.pool.create();
  for (const std::int64_t rows : {6, 1, 1, 8, 1}) {
    const std::int64_t at = a.length();
    const std::vector<std::int64_t> part = given.positions_of(at, rows, 17);
    std::vector<float> both = rows_of(x, at, rows);
    both.insert(both.end(), both.begin(), both.end());
    const std::vector<float> y = world.step({{&b, rows}, {&a, rows, part}}, both);
    EXPECT_EQ(rows_of(y, 0, rows), rows_of(plain, at, rows));
    EXPECT_EQ(rows_of(y, rows, rows), rows_of(alone, at, rows));
  }
}

// A window with global rows, a quantised cache in pages, chunks, neighbours in the step and a beginning found again.
TEST(Attention, FeaturesWorkTogether) {
  for (const Format state : {Format::kF32, Format::kBF16, Format::kInt8, Format::kBfp8B}) {
    SCOPED_TRACE(name_of(state));
    const AttentionSpec spec = SlidingWindowAttentionSpec{.hidden_dim = kHidden,
                                                          .num_heads = 6,
                                                          .num_kv_heads = 2,
                                                          .head_dim = 14,
                                                          .window = 12,
                                                          .global_tokens = 3,
                                                          .position = RoPESpec{.rotary_dim = 12}};
    const AttentionLayer layer(spec);
    std::vector<std::int32_t> ids(44);
    for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i * 7 % 40);
    const std::vector<float> x = layer.inputs(44);
    const std::vector<float> wanted = layer.run(steady(state), {.x = x});
    World world(layer, spec, steady(state), {.sequences = 5, .context = 64, .page_rows = 4, .chunk = 7});
    PrefixCache cache(world.pool);
    PrefixCache::Found begin_of_first = cache.find("", {});
    Sequence first = std::move(begin_of_first.sequence), other = world.pool.create();
    while (first.length() < 24) {
      const std::int64_t at = first.length(), rows = std::min<std::int64_t>(7, 24 - at);
      const std::vector<float> y = world.step({{&first, rows}}, rows_of(x, at, rows));
      EXPECT_EQ(y, rows_of(wanted, at, rows));
    }
    cache.keep(begin_of_first.place, first, std::span(ids).first(24));
    Sequence again = cache.find("", ids).sequence;
    ASSERT_EQ(again.length(), 24);
    while (again.length() < 44) {
      const std::int64_t at = again.length(), rows = std::min<std::int64_t>(3, 44 - at);
      std::vector<float> all = rows_of(x, other.length(), 1), more = rows_of(x, first.length(), 1);
      const std::vector<float> mine = rows_of(x, at, rows);
      all.insert(all.end(), mine.begin(), mine.end());
      all.insert(all.end(), more.begin(), more.end());
      const std::int64_t begin = other.length(), next = first.length();
      const std::vector<float> y = world.step({{&other, 1}, {&again, rows}, {&first, 1}}, all);
      EXPECT_EQ(rows_of(y, 0, 1), rows_of(wanted, begin, 1));
      EXPECT_EQ(rows_of(y, 1, rows), rows_of(wanted, at, rows));
      EXPECT_EQ(rows_of(y, 1 + rows, 1), rows_of(wanted, next, 1));
    }
  }
}

TEST(AttentionSteps, PrefillAndDecodeAreChecked) {
  const AttentionSpec spec = axes_spec(false);
  const AttentionLayer layer(spec);
  World world(layer, spec, {}, {.sequences = 2, .context = 20, .page_rows = 4});
  Sequence a = world.pool.create(), b = world.pool.create();
  const auto call = [&](auto f, std::int64_t rows_a, std::int64_t rows_b) {
    const StepEntry entries[] = {{&a, rows_a}, {&b, rows_b}};
    return said_of_step(world.attention, f, world.runner.exec, world.builder, entries, kHidden);
  };
  EXPECT_EQ(call(&Attention::decode, 3, 1), "[] decode wanted one row for each of 2 sequences, got 4 rows");
  EXPECT_EQ(call(&Attention::prefill, 3, 1), "nothing");
  EXPECT_EQ(call(&Attention::prefill, 3, 1),
            "[] prefill wanted several rows for sequence 1 of the step, which has 1 stored, got 1");
  EXPECT_EQ(call(&Attention::decode, 1, 1), "nothing");
  EXPECT_EQ(a.length(), 4);
}

TEST(AttentionSteps, PositionsOfTooFewAxesAreRefused) {
  const AttentionSpec spec = axes_spec(false);
  const AttentionLayer layer(spec);
  World world(layer, spec, {}, {.context = 20});
  Sequence a = world.pool.create();
  const StepEntry entry{&a, 3};
  const std::vector<std::int32_t> ids(3);
  Step step = world.builder.prepare({&entry, 1}, ids);
  std::vector<float> x = layer.inputs(3);
  const TensorView view = view_of(x.data(), {3, kHidden});
  step.batch.positions = step.batch.positions.first(6);
  EXPECT_EQ(message_of([&] { world.attention.forward(world.runner.exec, view, step, view); }),
            "[] positions wanted 3 values on 3 axes, got 6");
}

// Scratch that is planned at a sequence's last row serves at all rows before it.
TEST(AttentionScratch, NeverFallsAndIsEnough) {
  const Visible cases[] = {{},
                           {.chunk = 24},
                           {.behind = 20},
                           {.behind = 17, .pinned = 9},
                           {.pinned = 5, .chunk = 32},
                           {.behind = 10, .pinned = 40, .chunk = 12}};
  for (const Visible& visible : cases) {
    for (const std::int64_t key_block : {1, 5, 16}) {
      std::int64_t before = 0;
      for (std::int64_t index = 0; index < 120; ++index) {
        const std::int64_t rows[] = {0, 1}, past[] = {index};
        const std::int32_t seqs[] = {0};
        const kernels::AttendArgs args{
            .batch = {.row_begin = rows, .past = past, .positions = {}, .many = {}, .one = {}},
            .seqs = seqs,
            .slice = {.heads = 3, .kv_heads = 1, .group = 3},
            .key_dim = 4,
            .value_dim = 6,
            .visible = visible,
            .blocks = {.key_block = key_block}};
        const kernels::AttendKernel kernel =
            kernels::select_attend_one(query_device_traits(), kernels::ScoreAlgorithm::kFlash, Format::kF32);
        const std::int64_t bytes = kernel.scratch(args, 2);
        const kernels::SeenRows seen = kernels::seen_rows(visible, index, index + 1);
        std::set<std::int64_t> blocks;
        for (std::int64_t j = 0; j < seen.end; ++j) {
          if (j < seen.pinned || j >= seen.begin) blocks.insert(j / key_block);
        }
        ASSERT_GE(bytes, static_cast<std::int64_t>(blocks.size()) * 3 * (6 + 2) * 4) << index;
        ASSERT_GE(bytes, before) << index;
        before = bytes;
      }
    }
  }
}

}  // namespace
}  // namespace ttt
