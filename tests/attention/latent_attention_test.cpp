#include "attention/latent_attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>

#include "base/fields.h"
#include "collectives/threads.h"
#include "state/step_builder.h"
#include "support/attention_golden.h"
#include "support/weight_cutter.h"

namespace ttt {
namespace {

using support::Runner;
using Spec = MultiHeadLatentAttentionSpec;
using Impl = MultiHeadLatentAttentionImplConfig;

// The largest difference as a share of what rounding in f32 may cost, in sums over the widths one after the other.
double share_of_rounding(const std::vector<float>& got, const std::vector<float>& wanted, const Spec& s) {
  EXPECT_EQ(got.size(), wanted.size());
  double gap = 0, largest = 1e-30;
  for (std::size_t i = 0; i < std::min(got.size(), wanted.size()); ++i) {
    gap = std::max(gap, std::abs(static_cast<double>(got[i]) - static_cast<double>(wanted[i])));
    largest = std::max(largest, std::abs(static_cast<double>(wanted[i])));
  }
  const std::int64_t length = s.hidden_dim + s.q_lora_rank + s.kv_lora_rank + s.num_heads * s.v_head_dim;
  return gap / (2 * 1.2e-7 * std::sqrt(static_cast<double>(length)) * largest);
}

struct LatentFeed {
  std::vector<float> x = {};
  std::int64_t chunk = 1 << 20, page_rows = 0, threads = 1;
};

std::vector<float> run(const Spec& spec, support::WeightCutter& weights, const Impl& impl, const LatentFeed& feed,
                       std::int64_t rank = 0, std::int64_t ranks = 1,
                       Communicator& communicator = self_communicator()) {
  const Context context{.traits = query_device_traits(), .rank = rank, .ranks = ranks};
  MultiHeadLatentAttentionWeights w;
  bind_weights(w, spec, impl, {}, context, weights);
  const MultiHeadLatentAttention block(spec, w, impl, context);
  const std::int64_t hidden = spec.hidden_dim, rows = static_cast<std::int64_t>(feed.x.size()) / hidden;
  StatePool pool({state_spec(spec, impl, context)}, {.sequences = 2, .context = rows, .page_rows = feed.page_rows});
  StepBuilder builder(pool, rows, 2);
  Sequence other = pool.create(), sequence = pool.create();
  Runner runner(feed.threads, communicator);
  std::vector<float> y(feed.x.size());
  while (sequence.length() < rows) {
    const std::int64_t at = sequence.length(), n = std::min(feed.chunk, rows - at);
    const StepEntry entries[] = {{&other, 0}, {&sequence, n}};
    const std::vector<std::int32_t> ids(static_cast<std::size_t>(n));
    const Step step = builder.prepare(entries, ids);
    block.forward(runner.exec, view_of(feed.x.data() + at * hidden, {n, hidden}), step,
                  view_of(y.data() + at * hidden, {n, hidden}));
    builder.commit();
  }
  return y;
}

TEST(LatentAttentionGolden, LayersGiveWhatTransformersGives) {
  for (const auto& [name, golden] : support::golden_layers("latent_layers")) {
    SCOPED_TRACE(name);
    Spec spec;
    from_json(spec, golden.spec, "spec");
    support::WeightCutter weights(golden.tensors);
    for (const Impl& impl : {Impl{}, Impl{.form = NaiveLatents{}}}) {
      for (const std::int64_t chunk : {40, 9, 1}) {
        const std::vector<float> y = run(spec, weights, impl, {.x = golden.tensors.at("x"), .chunk = chunk});
        EXPECT_LE(share_of_rounding(y, golden.tensors.at("y"), spec), 1) << "chunks of " << chunk;
      }
    }
  }
}

Spec spec_of(std::int64_t q_rank) {
  return {.hidden_dim = 48,
          .num_heads = 6,
          .q_lora_rank = q_rank,
          .kv_lora_rank = 36,
          .qk_nope_head_dim = 10,
          .qk_rope_head_dim = 6,
          .v_head_dim = 12,
          .rope = {.rotary_dim = 6},
          .bias = q_rank > 0};
}

TEST(LatentAttentionLaws, FormsSplitsAndRanksAgree) {
  const LatentFeed feed{.x = support::random_values(45 * 48, 3)};
  for (const std::int64_t q_rank : {0, 20}) {
    const Spec spec = spec_of(q_rank);
    support::WeightCutter weights;
    for (const Format state : {Format::kF32, Format::kBF16, Format::kInt8, Format::kBfp8B}) {
      SCOPED_TRACE(name_of(state));
      Impl impl{.linear = {.activation = kernels::ActivationForm::kF32, .one_kernel = true}, .state = state};
      const std::vector<float> whole = run(spec, weights, impl, feed);
      for (const std::int64_t page_rows : {1, 16}) {
        for (const std::int64_t chunk : {1, 7}) {
          LatentFeed split = feed;
          split.chunk = chunk, split.page_rows = page_rows, split.threads = 2;
          EXPECT_EQ(run(spec, weights, impl, split), whole) << "chunks of " << chunk;
          Impl naive = impl;
          naive.form = NaiveLatents{};
          EXPECT_LE(share_of_rounding(run(spec, weights, naive, split), whole, spec), 1) << "chunks of " << chunk;
        }
      }
      impl.many = impl.one = ReferenceScores{};
      EXPECT_LE(share_of_rounding(run(spec, weights, impl, feed), whole, spec), 1);
    }
    const std::vector<float> alone = run(spec, weights, {}, feed);
    for (const std::int64_t ranks : {2, 3, 4}) {
      run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
        EXPECT_LE(share_of_rounding(run(spec, weights, {}, feed, rank, ranks, communicator), alone, spec), 1) << ranks;
      });
    }
  }
}

TEST(LatentAttentionState, IsOneLatentRowOnEveryRank) {
  const StateSpec state = state_spec(spec_of(0), {}, {.rank = 1, .ranks = 3});
  EXPECT_EQ(state, (StateSpec{.heads = 1, .key_dim = 6, .value_dim = 36}));
  const std::vector<StateSpec> slots{state};
  EXPECT_EQ(StatePool::bytes(slots, {.context = 64}), 64 * (6 + 36) * 4);
}

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing";
}

TEST(LatentAttentionErrors, SayWhatWasWanted) {
  const auto refused = [&](auto change, const Context& context = {}) {
    Spec s = spec_of(0);
    change(s);
    return message_of([&] { validate(s, context); });
  };
  EXPECT_EQ(
      refused([](Spec& s) { s.num_heads = 0; }),
      "[MultiHeadLatentAttention] hidden_dim and num_heads wanted positive numbers and q_lora_rank at least 0, got "
      "48, 0 and 0");
  EXPECT_EQ(
      refused([](Spec& s) { s.v_head_dim = 0; }),
      "[MultiHeadLatentAttention] kv_lora_rank, qk_nope_head_dim, qk_rope_head_dim and v_head_dim wanted positive "
      "numbers, got 36, 10, 6 and 0");
  EXPECT_EQ(refused([](Spec& s) { s.rope.rotary_dim = 4; }),
            "[MultiHeadLatentAttention] rope.rotary_dim wanted qk_rope_head_dim 6, got 4");
  EXPECT_EQ(refused([](Spec&) {}, {.rank = 0, .ranks = 7}),
            "[MultiHeadLatentAttention] wanted at most as many ranks as heads 6, got 7");
  const std::vector<std::byte> none(1);
  support::WeightCutter weights;
  MultiHeadLatentAttentionWeights w;
  bind_weights(w, spec_of(0), {}, {}, {}, weights);
  w.kv_b.format = Format::kBF16;
  EXPECT_EQ(message_of([&] { MultiHeadLatentAttention(spec_of(0), w, {}, {.traits = query_device_traits()}); }),
            "[MultiHeadLatentAttention] kv_b_proj.weight wanted f32 rows, got bf16");
}

TEST(LatentAttentionSpec, SurvivesJson) {
  Spec read;
  from_json(read, to_json(spec_of(20)), "spec");
  EXPECT_EQ(read, spec_of(20));
  const Impl impl{.form = NaiveLatents{}, .state = Format::kInt8};
  Impl again;
  from_json(again, to_json(impl), "impl");
  EXPECT_EQ(again, impl);
}

}  // namespace
}  // namespace ttt
