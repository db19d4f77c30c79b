#include "attention/latent_attention.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <map>

#include "base/fields.h"
#include "collectives/threads.h"
#include "kernels/formats/half.h"
#include "kernels/grouped_data.h"
#include "state/step_builder.h"
#include "support/attention_golden.h"
#include "support/mixer_step.h"
#include "support/weight_cutter.h"

namespace ttt {
namespace {

using support::message_of;
using support::Runner;
using support::said_of_step;
using Spec = MultiHeadLatentAttentionSpec;
using Impl = MultiHeadLatentAttentionImplConfig;

// What rounding in f32 may cost as a share of the largest value, in sums over the widths one after the other.
double rounding_of(const Spec& s) {
  const std::int64_t length = s.hidden_dim + s.q_lora_rank + s.kv_lora_rank + s.num_heads * s.v_head_dim;
  return 2 * 1.2e-7 * std::sqrt(static_cast<double>(length));
}

// The largest difference as a share of that.
double share_of_rounding(const std::vector<float>& got, const std::vector<float>& wanted, const Spec& s) {
  EXPECT_EQ(got.size(), wanted.size());
  double gap = 0, largest = 1e-30;
  for (std::size_t i = 0; i < std::min(got.size(), wanted.size()); ++i) {
    gap = std::max(gap, std::abs(static_cast<double>(got[i]) - static_cast<double>(wanted[i])));
    largest = std::max(largest, std::abs(static_cast<double>(wanted[i])));
  }
  return gap / (rounding_of(s) * largest);
}

struct LatentFeed {
  std::vector<float> x = {};
  std::int64_t chunk = 1 << 20, page_rows = 0, threads = 1;
  ConstTensorView k_b = {}, v_b = {};  // in place of the made up ones
};

std::vector<float> run(const Spec& spec, support::WeightCutter& weights, const Impl& impl, const LatentFeed& feed,
                       std::int64_t rank = 0, std::int64_t ranks = 1,
                       Communicator& communicator = self_communicator()) {
  const Context context{.traits = query_device_traits(), .rank = rank, .ranks = ranks};
  MultiHeadLatentAttentionWeights w;
  bind_weights(w, spec, impl, {}, context, weights);
  if (feed.k_b) w.k_b = feed.k_b, w.v_b = feed.v_b;
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
    const Impl reference = default_impl_config(spec, query_device_traits(), Strategy::kReference);
    Impl naive_reference = reference;
    naive_reference.form = NaiveLatents{};
    for (const Impl& impl : {Impl{}, Impl{.form = NaiveLatents{}}, reference, naive_reference}) {
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

// k_b or v_b in a format of its own, and the values that it holds as f32.
struct FormattedWeight {
  std::vector<std::byte> bytes = {};
  std::vector<float> values = {};
  ConstTensorView view = {};
};

FormattedWeight dense_weight(Format format, std::int64_t rows, std::int64_t in) {
  FormattedWeight f{.bytes = std::vector<std::byte>(static_cast<std::size_t>(rows * in * 2))};
  const std::vector<float> drawn = support::random_values(rows * in, 21, 0.3f);
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    const std::uint32_t whole = std::bit_cast<std::uint32_t>(drawn[i]);
    const std::uint16_t bits =
        format == Format::kF16 ? kernels::f32_to_f16(drawn[i]) : static_cast<std::uint16_t>(whole >> 16);
    std::memcpy(f.bytes.data() + 2 * i, &bits, 2);
    f.values.push_back(format == Format::kF16 ? kernels::f16_to_f32(bits) : kernels::bf16_to_f32(bits));
  }
  f.view = view_of(f.bytes.data(), format, {rows, in});
  return f;
}

// One step of a format of the state: a product that rounds the other way may change a stored value by that.
double step_of(Format state) {
  if (state == Format::kF32) return 0;
  return state == Format::kBF16 ? 1.0 / 256 : 1.0 / 127;
}

// Every format gives what its values give as f32, in every strategy and form.
TEST(LatentAttentionLaws, WeightsOfEveryFormatAgree) {
  Spec spec = spec_of(20);
  spec.kv_lora_rank = 256;
  const std::int64_t key_rows = spec.num_heads * spec.qk_nope_head_dim, value_rows = spec.num_heads * spec.v_head_dim;
  std::vector<FormattedWeight> all;  // of keys and of values in turn
  for (const Format format : {Format::kF16, Format::kBF16}) {
    for (const std::int64_t rows : {key_rows, value_rows}) all.push_back(dense_weight(format, rows, 256));
  }
  std::vector<kernels::grouped_tests::PackedMatrix> packed;
  std::vector<Format> formats(std::begin(kernels::grouped_tests::kStored), std::end(kernels::grouped_tests::kStored));
  formats.insert(formats.end(), {Format::kInt8, Format::kInt4, Format::kBfp8B, Format::kBfp4B});
  for (const Format format : formats) {
    for (const std::int64_t rows : {key_rows, value_rows}) {
      packed.push_back(kernels::grouped_tests::random_packed(format, rows, 256, 8));
    }
  }
  for (kernels::grouped_tests::PackedMatrix& p : packed) {
    FormattedWeight f{.view = p.view()};
    for (std::int64_t r = 0; r < p.out; ++r) {
      const std::vector<float> row = p.row(r);
      f.values.insert(f.values.end(), row.begin(), row.end());
    }
    all.push_back(std::move(f));
  }
  support::WeightCutter weights;
  LatentFeed feed{.x = support::random_values(19 * 48, 3), .chunk = 18, .page_rows = 5, .threads = 2};
  for (std::size_t i = 0; i < all.size(); i += 2) {
    const FormattedWeight &keys = all[i], &values = all[i + 1];
    SCOPED_TRACE(name_of(keys.view.format));
    for (const Strategy strategy : {Strategy::kDefault, Strategy::kPerformance, Strategy::kAccuracy, Strategy::kMemory,
                                    Strategy::kReference, Strategy::kInvariant}) {
      Impl impl = default_impl_config(spec, query_device_traits(), strategy);
      Impl exact = default_impl_config(spec, query_device_traits(), Strategy::kReference);
      exact.state = impl.state;
      const double limit = std::max(1.0, step_of(impl.state) / rounding_of(spec));
      feed.k_b = keys.view, feed.v_b = values.view;
      const std::vector<float> wanted = run(spec, weights, exact, feed);
      for (int form = 0; form < 2; ++form) {
        if (form == 1) impl.form = NaiveLatents{};
        feed.k_b = keys.view, feed.v_b = values.view;
        const std::vector<float> got = run(spec, weights, impl, feed);
        EXPECT_LE(share_of_rounding(got, wanted, spec), limit) << name_of(strategy) << ", form " << form;
        feed.k_b = view_of(keys.values.data(), {key_rows, 256});
        feed.v_b = view_of(values.values.data(), {value_rows, 256});
        EXPECT_EQ(run(spec, weights, impl, feed), got) << name_of(strategy) << ", form " << form;
      }
    }
  }
}

// Sums over more than the values that are decoded at once.
TEST(LatentAttentionLaws, WideLatentsAgree) {
  Spec spec = spec_of(0);
  spec.kv_lora_rank = 544;
  const FormattedWeight keys = dense_weight(Format::kBF16, spec.num_heads * spec.qk_nope_head_dim, 544);
  const FormattedWeight values = dense_weight(Format::kBF16, spec.num_heads * spec.v_head_dim, 544);
  support::WeightCutter weights;
  LatentFeed feed{
      .x = support::random_values(21 * 48, 3), .page_rows = 4, .threads = 2, .k_b = keys.view, .v_b = values.view};
  const Impl reference = default_impl_config(spec, query_device_traits(), Strategy::kReference);
  Impl naive{.form = NaiveLatents{}};
  const std::vector<float> wanted = run(spec, weights, reference, feed);
  for (const std::int64_t chunk : {1, 20}) {
    feed.chunk = chunk;
    EXPECT_LE(share_of_rounding(run(spec, weights, {}, feed), wanted, spec), 1);
    EXPECT_LE(share_of_rounding(run(spec, weights, naive, feed), wanted, spec), 1);
  }
}

// Two steps of a block, 20 rows and one. Returns the scratch's peak.
std::int64_t two_steps(const Spec& spec, const MultiHeadLatentAttentionWeights& w, const Impl& impl, Scratch& scratch,
                       Exec::Mode mode) {
  const Context context{.traits = query_device_traits()};
  const MultiHeadLatentAttention block(spec, w, impl, context);
  StatePool pool({state_spec(spec, impl, context)}, {.context = 32, .page_rows = 4},
                 mode == Exec::Mode::kPlan ? Buffer::Access::kReserved : Buffer::Access::kReadWrite);
  StepBuilder builder(pool, 20, 1);
  Sequence sequence = pool.create();
  ThreadPool threads(2);
  NoObserver observer;
  Exec exec(threads, scratch, self_communicator(), observer, mode);
  for (const std::int64_t rows : {20, 1}) {
    const StepEntry entry{&sequence, rows};
    const std::vector<std::int32_t> ids(static_cast<std::size_t>(rows));
    const Step step = builder.prepare({&entry, 1}, ids);
    Scratch::Frame frame(scratch);
    const TensorView x = frame.take({rows, spec.hidden_dim}), y = frame.take({rows, spec.hidden_dim});
    if (mode == Exec::Mode::kRun) std::memset(x.data, 0, static_cast<std::size_t>(x.shape.elements()) * sizeof(float));
    block.forward(exec, x, step, y);
    builder.commit();
  }
  return scratch.peak();
}

TEST(LatentAttentionLaws, PlansAreWhatIsThenUsed) {
  const Spec spec = spec_of(20);
  support::WeightCutter weights;
  for (const Strategy strategy : {Strategy::kDefault, Strategy::kMemory, Strategy::kReference}) {
    Impl impl = default_impl_config(spec, query_device_traits(), strategy);
    for (int form = 0; form < 2; ++form) {
      if (form == 1) impl.form = NaiveLatents{};
      MultiHeadLatentAttentionWeights w;
      bind_weights(w, spec, impl, {}, {}, weights);
      Scratch reserved = Scratch::planned();
      const std::int64_t peak = two_steps(spec, w, impl, reserved, Exec::Mode::kPlan);
      Scratch memory(peak);
      EXPECT_EQ(two_steps(spec, w, impl, memory, Exec::Mode::kRun), peak);
      EXPECT_GT(peak, 0);
    }
  }
}

TEST(LatentAttentionState, IsOneLatentRowOnEveryRank) {
  const StateSpec state = state_spec(spec_of(0), {}, {.rank = 1, .ranks = 3});
  EXPECT_EQ(state, (StateSpec{.heads = 1, .key_dim = 6, .value_dim = 36}));
  const std::vector<StateSpec> slots{state};
  EXPECT_EQ(StatePool::bytes(slots, {.context = 64}), 64 * (6 + 36) * 4);
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
  support::WeightCutter weights;
  MultiHeadLatentAttentionWeights w;
  bind_weights(w, spec_of(0), {}, {}, {}, weights);
  w.v_b.format = Format::kI32;
  EXPECT_EQ(message_of([&] { MultiHeadLatentAttention(spec_of(0), w, {}, {.traits = query_device_traits()}); }),
            "latent product wanted a weight row-major as in files or a grouped one in panels, got i32");
}

TEST(LatentAttentionErrors, PrefillAndDecodeAreChecked) {
  const Spec spec = spec_of(0);
  const Context context{.traits = query_device_traits()};
  support::WeightCutter weights;
  MultiHeadLatentAttentionWeights w;
  bind_weights(w, spec, {}, {}, context, weights);
  const MultiHeadLatentAttention block(spec, w, {}, context);
  StatePool pool({state_spec(spec, {}, context)}, {.sequences = 2, .context = 16, .page_rows = 4});
  StepBuilder builder(pool, 16, 2);
  Sequence a = pool.create(), b = pool.create();
  Runner runner(1);
  const auto call = [&](auto f, std::int64_t rows_a, std::int64_t rows_b) {
    const StepEntry entries[] = {{&a, rows_a}, {&b, rows_b}};
    return said_of_step(block, f, runner.exec, builder, entries, 48);
  };
  EXPECT_EQ(call(&MultiHeadLatentAttention::decode, 1, 2),
            "[] decode wanted one row for each of 2 sequences, got 3 rows");
  EXPECT_EQ(call(&MultiHeadLatentAttention::prefill, 1, 3), "nothing");
  EXPECT_EQ(call(&MultiHeadLatentAttention::prefill, 1, 3),
            "[] prefill wanted several rows for sequence 0 of the step, which has 1 stored, got 1");
  EXPECT_EQ(call(&MultiHeadLatentAttention::decode, 1, 1), "nothing");
}

TEST(LatentAttentionErrors, MasksAreChecked) {
  const Spec spec = spec_of(0);
  const Context context{.traits = query_device_traits()};
  support::WeightCutter weights;
  MultiHeadLatentAttentionWeights w;
  bind_weights(w, spec, {}, {}, context, weights);
  const MultiHeadLatentAttention block(spec, w, {}, context);
  StatePool pool({state_spec(spec, {}, context)}, {.sequences = 1, .context = 16, .page_rows = 4});
  StepBuilder builder(pool, 16, 1);
  Sequence sequence = pool.create();
  Runner runner(1);
  const std::vector<float> x = support::random_values(3 * 48, 5), mask(16);
  const std::vector<std::int32_t> ids(3);
  const StepEntry entry{&sequence, 3};
  Step step = builder.prepare({&entry, 1}, ids);
  std::vector<float> y(x.size());
  const auto run = [&](std::vector<ConstTensorView> masks) {
    step.masks = masks;
    return message_of([&] {
      block.forward(runner.exec, view_of(x.data(), {3, 48}), step, view_of(y.data(), {3, 48}));
    });
  };
  EXPECT_EQ(run({view_of(mask.data(), {3, 2})}), "[] masks[0] wanted f32 [3, 3], got f32 [3, 2]");
  EXPECT_EQ(run({{}, {}}), "[] masks wanted one of each of 1 sequences, got 2");
  EXPECT_EQ(run({view_of(mask.data(), {3, 3})}), "nothing");
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
