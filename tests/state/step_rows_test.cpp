// Rows of one step: sequences whose rows see those after them are taken whole, and nothing of them is kept.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "base/error.h"
#include "state/planned_step.h"
#include "state/prefix_cache.h"
#include "state/step_builder.h"
#include "support/error_of.h"

namespace ttt {
namespace {

const StateSpec kSeen{.heads = 2, .key_dim = 4, .value_dim = 3, .visible = {.ahead = Visible::kAll}, .step_only = true};
const StateSpec kCausal{.heads = 1, .key_dim = 4, .value_dim = 4};
const StateSpec kCross{
    .heads = 1, .key_dim = 4, .value_dim = 4, .visible = {.ahead = Visible::kAll}, .source_rows = 100};

TEST(WholeSequences, AreThoseThatKeepNothing) {
  EXPECT_TRUE(whole_sequences(std::vector{kSeen, kSeen}));
  EXPECT_FALSE(whole_sequences(std::vector{kSeen, kCausal}));
  EXPECT_FALSE(whole_sequences(std::vector{kCross}));
  EXPECT_FALSE(whole_sequences({}));
}

TEST(WholeSequences, TakeNoMoreRows) {
  StatePool pool({kSeen}, {.sequences = 2, .context = 200});
  StepBuilder builder(pool, 300, 2);
  const std::vector<std::int32_t> ids(130);
  Sequence a = pool.create(), b = pool.create();
  const StepEntry both[] = {{&a, 65}, {&b, 65}};
  builder.prepare(both, ids);
  builder.commit();
  EXPECT_EQ(a.length(), 65);
  const StepEntry more{&b, 3}, none{&b, 0};
  EXPECT_EQ(support::error_of([&] {
              builder.prepare({&more, 1}, std::span(ids).first(3));
            }),
            "[step] entry 0 wanted all rows of its sequence at once, as rows see those after them, got 3 after 65");
  EXPECT_NO_THROW(builder.prepare({&none, 1}, {}));
  EXPECT_FALSE(pool.has_room(b, 1));
  EXPECT_FALSE(b.can_truncate(64));
  EXPECT_EQ(support::error_of([&] { b.truncate(64); }),
            "[state] truncate wanted 0 or the whole length 65 of a sequence whose rows see those after them, got 64");
  b.truncate(0);
  EXPECT_TRUE(pool.has_room(b, 3));
  EXPECT_NO_THROW(builder.prepare({&more, 1}, std::span(ids).first(3)));
}

TEST(WholeSequences, AreInNoPrefixCache) {
  StatePool pool({kSeen}, {.sequences = 3, .context = 16});
  EXPECT_EQ(support::error_of([&] { PrefixCache cache(pool); }),
            "[prefix cache] wanted sequences that can be divided, got ones whose rows see those after them");
}

TEST(StepRows, HaveAPageForEveryRowOfTheStep) {
  StatePool pool({kSeen}, {.sequences = 3, .context = 200, .step_rows = 200});
  StepBuilder builder(pool, 200, 3);
  const std::vector<std::int32_t> ids(200);
  Sequence a = pool.create(), b = pool.create(), c = pool.create();
  for (int times = 0; times < 3; ++times) {  // pages are counted out anew
    const StepEntry entries[] = {{&a, 1}, {&b, 129}, {&c, 70}};
    const Step step = builder.prepare(entries, ids);
    const RowsView& keys = step.states[0].keys;
    std::vector<const std::byte*> rows;
    for (std::int64_t s = 0; s < 3; ++s) {
      for (std::int64_t i = 0; i < entries[s].rows; ++i) {
        rows.push_back(keys.row(keys.page_of(s, i), 1, i % keys.page_rows));
        EXPECT_GE(rows.back(), keys.data);
        EXPECT_LT(rows.back(), step.states[0].values.data);
      }
    }
    std::ranges::sort(rows);
    EXPECT_EQ(std::ranges::unique(rows).size(), 0u);
    builder.commit();
    for (Sequence* s : {&a, &b, &c}) s->truncate(0);
  }
}

TEST(StepRows, TakeTheMemoryOfOneStepInTurn) {
  const StatePoolConfig config{.sequences = 8, .context = 128, .step_rows = 128};
  const std::int64_t one = StatePool::bytes(std::vector{kSeen}, config);
  EXPECT_EQ(one, (128 + 8 * 63) / 64 * 64 * 2 * 7 * 4);
  StateSpec wide = kSeen;
  wide.key_dim = 9;
  EXPECT_EQ(StatePool::bytes(std::vector{kSeen, kSeen, kSeen}, config), one);
  EXPECT_EQ(StatePool::bytes(std::vector{kSeen, wide, kSeen}, config), StatePool::bytes(std::vector{wide}, config));
  const StateLayout layout = state_layout(std::vector{kSeen, wide, kCausal}, config);
  EXPECT_EQ(layout.slots[0].bytes + layout.slots[1].bytes + layout.slots[2].bytes, layout.bytes);
  EXPECT_EQ(layout.slots[2].part_offset[0], layout.slots[0].bytes + layout.slots[1].bytes);
  // What a later slot reads is not written over by the slots between.
  StateSpec shares = kSeen;
  shares.shared_slot = 0;
  EXPECT_EQ(StatePool::bytes(std::vector{kSeen, kSeen, shares}, config), 2 * one);
}

// An encoder's rows beside those that its decoder keeps.
TEST(StepRows, OfASourceLeaveTheSequenceAsItIs) {
  StatePool pool({kSeen, kCausal, kCross}, {.sequences = 2, .context = 16, .chunk = 4, .step_rows = 100});
  StepBuilder builder(pool, 100, 2);
  Sequence a = pool.create();
  const StepEntry source{&a, 90}, rows{&a, 4};
  const Step encode = builder.prepare_source({&source, 1});
  EXPECT_EQ(encode.rows(), 90);
  EXPECT_GE(encode.states[0].keys.page_of(0, 89), 0);
  builder.commit();
  EXPECT_EQ(a.length(), 0);
  EXPECT_EQ(a.source_rows(), 90);
  const std::vector<std::int32_t> ids(4);
  for (int step = 0; step < 2; ++step) {
    builder.prepare({&rows, 1}, ids);
    builder.commit();
  }
  EXPECT_EQ(a.length(), 8);
  Sequence restored = pool.restore(pool.save(a));
  EXPECT_EQ(restored.length(), 8);
  EXPECT_EQ(restored.source_rows(), 90);
}

TEST(StepRows, AreRefusedBesideASource) {
  StateSpec both = kSeen;
  both.source_rows = 5;
  EXPECT_EQ(support::error_of([&] { StatePool({both}, {.context = 8}); }),
            "[state slot 0] source_rows wanted a number of at least 0, and 0 for rows of one step, got 5");
}

TEST(PlannedStep, IsTheStepThatABuilderMakes) {
  StateSpec axes = kCausal;
  axes.position_axes = 3;
  axes.visible.behind = 5;
  const std::vector<StateSpec> slots{axes, kCausal, kCross};
  const StatePoolConfig config{.sequences = 3, .context = 300, .page_rows = 16, .chunk = 100};
  StatePool pool(slots, config);
  StepBuilder builder(pool, 100, 3);
  Sequence a = pool.create(), b = pool.create();
  const std::vector<std::int32_t> ids(40);
  const StepEntry source{&b, 7};
  builder.prepare_source({&source, 1});
  builder.commit();
  const StepEntry past{&b, 30};
  builder.prepare({&past, 1}, std::span(ids).first(30));
  builder.commit();
  const StepEntry entries[] = {{&a, 12}, {&b, 1}};
  const std::vector<std::int64_t> wanted{10, 11, 12};
  const Step real = builder.prepare(entries, std::span(ids).first(13), wanted);
  const PlannedStep::Entry shapes[] = {{.rows = 12}, {.rows = 1, .past = 30, .source_rows = 7}};
  const PlannedStep made(slots, config, shapes, 3);
  const Step& planned = made.step();
  const auto same = [](auto x, auto y) { return std::ranges::equal(x, y); };
  EXPECT_TRUE(same(planned.ids, real.ids));
  EXPECT_TRUE(same(planned.wanted_rows, real.wanted_rows));
  EXPECT_TRUE(same(planned.batch.row_begin, real.batch.row_begin));
  EXPECT_TRUE(same(planned.batch.past, real.batch.past));
  EXPECT_TRUE(same(planned.batch.positions, real.batch.positions));
  EXPECT_TRUE(same(planned.batch.many, real.batch.many));
  EXPECT_TRUE(same(planned.batch.one, real.batch.one));
  EXPECT_TRUE(same(planned.batch.source_rows, real.batch.source_rows));
  ASSERT_EQ(planned.states.size(), real.states.size());
  for (std::size_t i = 0; i < slots.size(); ++i) {
    for (const auto rows : {&AttentionStateView::keys, &AttentionStateView::values}) {
      const RowsView &p = planned.states[i].*rows, &r = real.states[i].*rows;
      EXPECT_EQ(p.page_rows, r.page_rows);
      EXPECT_EQ(p.page_stride, r.page_stride);
      EXPECT_EQ(p.head_stride, r.head_stride);
      EXPECT_EQ(p.row_stride, r.row_stride);
      EXPECT_EQ(p.table_stride, r.table_stride);
    }
  }
}

TEST(PlannedStep, TakesAnyPastInNoTime) {
  StateSpec window = kCausal;
  window.visible.behind = 10;
  const std::int64_t context = std::int64_t{1} << 50;
  const PlannedStep::Entry entry{.rows = 4, .past = context - 4};
  const PlannedStep made(std::vector{kCausal, window}, {.context = context, .chunk = 4}, {&entry, 1}, 1);
  EXPECT_EQ(made.step().batch.positions[3], context - 1);
  EXPECT_EQ(made.step().states[1].keys.page_rows, 64);
}

TEST(PlannedStep, RefusesWhatCannotBe) {
  const PlannedStep::Entry entry{.rows = 4, .past = -1}, fine{.rows = 4};
  EXPECT_EQ(support::error_of([&] {
              PlannedStep(std::vector{kCausal}, {.context = 8}, {&entry, 1}, 1);
            }),
            "[planned step] rows, past and source rows wanted numbers of at least 0, got 4, -1 and 0");
  EXPECT_EQ(support::error_of([&] {
              PlannedStep(std::vector{kCausal}, {.context = 8}, {&fine, 1}, 5);
            }),
            "[planned step] wanted rows wanted 0 to 4, got 5");
}

}  // namespace
}  // namespace ttt
