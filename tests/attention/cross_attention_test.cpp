#include "attention/cross_attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/fields.h"
#include "collectives/threads.h"
#include "state/step_builder.h"
#include "support/attention_golden.h"
#include "support/mixer_step.h"
#include "support/weight_cutter.h"

namespace ttt {
namespace {

using support::message_of;
using support::Runner;
using support::said_of_step;

// The largest difference as a share of what rounding in f32 may cost.
double share_of_rounding(const std::vector<float>& got, const std::vector<float>& wanted, std::int64_t length) {
  EXPECT_EQ(got.size(), wanted.size());
  double gap = 0, largest = 1e-30;
  for (std::size_t i = 0; i < std::min(got.size(), wanted.size()); ++i) {
    gap = std::max(gap, std::abs(static_cast<double>(got[i]) - static_cast<double>(wanted[i])));
    largest = std::max(largest, std::abs(static_cast<double>(wanted[i])));
  }
  return gap / (2 * 1.2e-7 * std::sqrt(static_cast<double>(length)) * largest);
}

struct CrossFeed {
  std::vector<float> x = {}, source = {};
  std::int64_t chunk = 1 << 20, page_rows = 0, threads = 1;
};

std::vector<float> run(const CrossAttentionSpec& spec, support::WeightCutter& weights, const AttentionImplConfig& impl,
                       const CrossFeed& feed, std::int64_t rank = 0, std::int64_t ranks = 1,
                       Communicator& communicator = self_communicator()) {
  const Context context{.traits = query_device_traits(), .rank = rank, .ranks = ranks};
  CrossAttentionWeights w;
  bind_weights(w, spec, impl, {}, context, weights);
  const CrossAttention block(spec, w, impl, context);
  const std::int64_t width = spec.source_dim > 0 ? spec.source_dim : spec.hidden_dim;
  const std::int64_t rows = static_cast<std::int64_t>(feed.x.size()) / spec.hidden_dim;
  const std::int64_t source_rows = static_cast<std::int64_t>(feed.source.size()) / width;
  StatePool pool({state_spec(spec, impl, context)}, {.context = rows, .page_rows = feed.page_rows});
  StepBuilder builder(pool, std::max(rows, source_rows), 1);
  Sequence sequence = pool.create();
  Runner runner(feed.threads, communicator);
  const StepEntry source{&sequence, source_rows};
  block.store(runner.exec, view_of(feed.source.data(), {source_rows, width}), builder.prepare_source({&source, 1}));
  builder.commit();
  std::vector<float> y(feed.x.size());
  while (sequence.length() < rows) {
    const std::int64_t at = sequence.length(), n = std::min(feed.chunk, rows - at);
    const StepEntry entry{&sequence, n};
    const std::vector<std::int32_t> ids(static_cast<std::size_t>(n));
    const Step step = builder.prepare({&entry, 1}, ids);
    block.forward(runner.exec, view_of(feed.x.data() + at * spec.hidden_dim, {n, spec.hidden_dim}), step,
                  view_of(y.data() + at * spec.hidden_dim, {n, spec.hidden_dim}));
    builder.commit();
  }
  return y;
}

TEST(CrossAttentionGolden, LayersGiveWhatTransformersGives) {
  for (const auto& [name, golden] : support::golden_layers("cross_layers")) {
    SCOPED_TRACE(name);
    CrossAttentionSpec spec;
    from_json(spec, golden.spec, "spec");
    support::WeightCutter weights(golden.tensors);
    for (const std::int64_t chunk : {40, 7, 1}) {
      for (const std::int64_t page_rows : {0, 4}) {
        const std::vector<float> y = run(spec, weights, {},
                                         {.x = golden.tensors.at("x"),
                                          .source = golden.tensors.at("source"),
                                          .chunk = chunk,
                                          .page_rows = page_rows});
        EXPECT_LE(share_of_rounding(y, golden.tensors.at("y"), spec.hidden_dim + spec.num_heads * spec.head_dim), 1);
      }
    }
  }
}

const CrossAttentionSpec kSpec{.hidden_dim = 48,
                               .source_dim = 40,
                               .num_heads = 6,
                               .num_kv_heads = 2,
                               .head_dim = 16,
                               .value_dim = 12,
                               .q_bias = true,
                               .max_source_rows = 150};

TEST(CrossAttentionLaws, SplitsFormatsAndRanksAgree) {
  support::WeightCutter weights;
  const CrossFeed feed{.x = support::random_values(21 * 48, 3), .source = support::random_values(140 * 40, 4)};
  for (const Format state : {Format::kF32, Format::kBF16, Format::kInt8, Format::kBfp8B}) {
    AttentionImplConfig impl{.linear = {.activation = kernels::ActivationForm::kF32, .one_kernel = true},
                             .state = state};
    const std::vector<float> whole = run(kSpec, weights, impl, feed);
    for (const std::int64_t page_rows : {1, 16}) {
      for (const std::int64_t chunk : {1, 5}) {
        CrossFeed split = feed;
        split.chunk = chunk, split.page_rows = page_rows, split.threads = 2;
        EXPECT_EQ(run(kSpec, weights, impl, split), whole) << name_of(state) << ", chunks of " << chunk;
      }
    }
    impl.many = impl.one = ReferenceScores{};
    EXPECT_LE(share_of_rounding(run(kSpec, weights, impl, feed), whole, 48 + 96), 1) << name_of(state);
  }
  const std::vector<float> alone = run(kSpec, weights, {}, feed);
  for (const std::int64_t ranks : {2, 3, 4}) {
    run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
      EXPECT_LE(share_of_rounding(run(kSpec, weights, {}, feed, rank, ranks, communicator), alone, 48 + 96), 1);
    });
  }
}

TEST(CrossAttentionErrors, SayWhatWasWanted) {
  const auto refused = [&](auto change, const Context& context = {}) {
    CrossAttentionSpec s = kSpec;
    change(s);
    return message_of([&] { validate(s, context); });
  };
  EXPECT_EQ(refused([](CrossAttentionSpec& s) { s.num_kv_heads = 4; }),
            "[CrossAttention] num_kv_heads wanted a divisor of num_heads 6, got 4");
  EXPECT_EQ(
      refused([](CrossAttentionSpec& s) { s.head_dim = 0; }),
      "[CrossAttention] hidden_dim, source_dim, head_dim and value_dim wanted positive numbers, got 48, 40, 0 and "
      "12");
  EXPECT_EQ(refused([](CrossAttentionSpec& s) { s.max_source_rows = 0; }),
            "[CrossAttention] max_source_rows wanted a positive number, got 0");
  EXPECT_EQ(refused([](CrossAttentionSpec&) {}, {.rank = 0, .ranks = 7}),
            "[CrossAttention] wanted at most as many ranks as heads 6, got 7");
}

TEST(CrossAttentionErrors, PrefillAndDecodeAreChecked) {
  support::WeightCutter weights;
  const Context context{.traits = query_device_traits()};
  CrossAttentionWeights w;
  bind_weights(w, kSpec, {}, {}, context, weights);
  const CrossAttention block(kSpec, w, {}, context);
  StatePool pool({state_spec(kSpec, {}, context)}, {.sequences = 2, .context = 16, .page_rows = 4});
  StepBuilder builder(pool, 16, 2);
  Sequence a = pool.create(), b = pool.create();
  Runner runner(1);
  std::vector<float> source = support::random_values(12 * 40, 4);
  const StepEntry sources[] = {{&a, 5}, {&b, 7}};
  block.store(runner.exec, view_of(source.data(), {12, 40}), builder.prepare_source(sources));
  builder.commit();
  const auto call = [&](auto f, std::int64_t rows_a, std::int64_t rows_b) {
    const StepEntry entries[] = {{&a, rows_a}, {&b, rows_b}};
    return said_of_step(block, f, runner.exec, builder, entries, 48);
  };
  EXPECT_EQ(call(&CrossAttention::decode, 3, 1), "[] decode wanted one row for each of 2 sequences, got 4 rows");
  EXPECT_EQ(call(&CrossAttention::prefill, 3, 1), "nothing");
  EXPECT_EQ(call(&CrossAttention::prefill, 1, 3),
            "[] prefill wanted several rows for sequence 0 of the step, which has 3 stored, got 1");
  EXPECT_EQ(call(&CrossAttention::decode, 1, 1), "nothing");
}

TEST(CrossAttentionState, IsStoredOnceAndOutlivesTruncation) {
  StatePool pool({{.heads = 1, .key_dim = 4, .value_dim = 4},
                  {.heads = 1, .key_dim = 4, .value_dim = 4, .visible = {.ahead = Visible::kAll}, .source_rows = 10}},
                 {.sequences = 3, .context = 16, .page_rows = 4});
  StepBuilder builder(pool, 16, 3);
  Sequence s = pool.create();
  StepEntry entry{&s, 11};
  EXPECT_EQ(message_of([&] {
              builder.prepare_source({&entry, 1});
            }),
            "[step] entry 0 wanted 0 to 10 rows of a source, got 11");
  entry.rows = 9;
  const std::vector<std::int64_t> positions{1, 2};
  entry.positions = positions;
  EXPECT_EQ(message_of([&] {
              builder.prepare_source({&entry, 1});
            }),
            "[step] entry 0 wanted no positions for rows of a source, got 2");
  entry.positions = {};
  {
    Sequence t = pool.create();
    const StepEntry both[] = {{&s, 9}, {&t, 8}};
    EXPECT_EQ(message_of([&] { builder.prepare_source(both); }), "[step] wanted at most 16 rows, got 17");
  }
  builder.prepare_source({&entry, 1});
  builder.commit();
  EXPECT_EQ(s.length(), 0);
  EXPECT_EQ(s.source_rows(), 9);
  EXPECT_EQ(message_of([&] {
              builder.prepare_source({&entry, 1});
            }),
            "[step] entry 0 wanted a sequence without a source, got one with 9 rows");
  const std::vector<std::int32_t> ids(9);
  EXPECT_EQ(builder.prepare({&entry, 1}, ids).batch.source_rows[0], 9);
  builder.commit();
  EXPECT_EQ(pool.free_pages(1), 6);
  s.truncate(2);
  Sequence fork = s.fork();
  EXPECT_EQ(fork.source_rows(), 9);
  EXPECT_EQ(pool.free_pages(1), 6) << "shared with the fork";
  const Sequence restored = pool.restore(pool.save(s));
  EXPECT_EQ(restored.source_rows(), 9);
  EXPECT_EQ(restored.length(), 2);
}

}  // namespace
}  // namespace ttt
