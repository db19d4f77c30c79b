#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "base/error.h"
#include "base/fields.h"
#include "state/step_builder.h"
#include "support/error_of.h"

namespace ttt {
namespace {

const StateSpec kFull{.heads = 2, .key_dim = 5, .value_dim = 3};
StateSpec windowed(std::int64_t behind, std::int64_t pinned = 0) {
  return {.heads = 1, .key_dim = 4, .value_dim = 4, .visible = {.behind = behind, .pinned = pinned}};
}

// A pool with a builder. Rows are marked by writing a number into the first key of every slot.
struct World {
  World(std::vector<StateSpec> slots, const StatePoolConfig& config)
      : pool(std::move(slots), config), builder(pool, 64, config.sequences) {}

  Step prepare(std::vector<StepEntry> entries) {
    std::int64_t rows = 0;
    for (const StepEntry& e : entries) rows += e.rows;
    ids.assign(static_cast<std::size_t>(rows), 0);
    return builder.prepare(entries, ids);
  }
  // Adds rows whose mark is `mark` plus their index.
  void add(Sequence& s, std::int64_t rows, float mark = 0) {
    const Step step = prepare({{&s, rows}});
    for (const AttentionStateView& view : step.states) {
      for (std::int64_t i = s.length(); i < s.length() + rows; ++i) *at(view.keys, i) = mark + static_cast<float>(i);
    }
    builder.commit();
  }
  // The mark of a stored row, -1 where its page was given up.
  float mark(Sequence& s, std::int64_t slot, std::int64_t index) {
    const Step step = prepare({{&s, 0}});
    const RowsView& keys = step.states[static_cast<std::size_t>(slot)].keys;
    return keys.page_of(0, index) < 0 ? -1.0f : *at(keys, index);
  }
  static float* at(const RowsView& rows, std::int64_t index) {
    return reinterpret_cast<float*>(rows.row(rows.page_of(0, index), 0, index % rows.page_rows));
  }

  StatePool pool;
  StepBuilder builder;
  std::vector<std::int32_t> ids;
};

TEST(StatePool, CountsItsBytesExactly) {
  const StatePoolConfig config{.sequences = 2, .context = 10, .page_rows = 4};
  // 6 pages of 4 rows of 2 heads; every part is rounded up to 64 bytes.
  const auto up = [](std::int64_t n) { return (n + 63) / 64 * 64; };
  const std::vector<StateSpec> f32{kFull};
  EXPECT_EQ(StatePool::bytes(f32, config), up(6 * 4 * 2 * 5 * 4) + up(6 * 4 * 2 * 3 * 4));
  StateSpec int8 = kFull;
  int8.format = Format::kInt8;
  int8.key_dim = 40;
  const std::vector<StateSpec> both{int8, kFull};
  EXPECT_EQ(StatePool::bytes(both, config), up(6 * 4 * 2 * 40) + up(6 * 4 * 2 * 8) + up(6 * 4 * 2 * 3) +
                                                up(6 * 4 * 2 * 4) + StatePool::bytes(f32, config));
  EXPECT_EQ(StatePool(both, config).bytes(), StatePool::bytes(both, config));
  EXPECT_EQ(StatePool(both, config, Buffer::Access::kReserved).bytes(), StatePool::bytes(both, config));
  std::vector<StateSpec> shared{kFull, kFull};
  shared[1].shared_slot = 0;
  EXPECT_EQ(StatePool::bytes(shared, config), StatePool::bytes(f32, config));
}

TEST(StatePool, CountsSharedExponents) {
  const StateRowBytes row = state_row_bytes(Format::kBfp8B, 33);
  EXPECT_EQ(row.data, 33);
  EXPECT_EQ(row.scales, 3);
}

TEST(StatePool, ContiguousIsOnePage) {
  World w({kFull}, {.context = 10});
  Sequence s = w.pool.create();
  const Step step = w.prepare({{&s, 7}});
  EXPECT_EQ(step.states[0].keys.page_rows, 10);
  EXPECT_EQ(step.states[0].keys.head_stride, 10 * 5 * 4);
  EXPECT_EQ(step.states[0].keys.page_of(0, 6), step.states[0].keys.page_of(0, 0));
}

TEST(StepBuilder, FillsTheBatch) {
  World w({kFull}, {.sequences = 3, .context = 16, .page_rows = 4});
  Sequence a = w.pool.create(), b = w.pool.create(), c = w.pool.create();
  w.add(b, 5);
  const Step step = w.prepare({{&a, 3}, {&b, 1}, {&c, 0}});
  const auto list = [](auto span) { return std::vector<std::int64_t>(span.begin(), span.end()); };
  EXPECT_EQ(list(step.batch.row_begin), (std::vector<std::int64_t>{0, 3, 4, 4}));
  EXPECT_EQ(list(step.batch.past), (std::vector<std::int64_t>{0, 5, 0}));
  EXPECT_EQ(list(step.batch.positions), (std::vector<std::int64_t>{0, 1, 2, 5}));
  EXPECT_EQ(list(step.batch.many), (std::vector<std::int64_t>{0}));
  EXPECT_EQ(list(step.batch.one), (std::vector<std::int64_t>{1}));
  EXPECT_EQ(step.rows(), 4);
  EXPECT_EQ(b.length(), 5) << "before commit";
  w.builder.commit();
  EXPECT_EQ(a.length(), 3);
  EXPECT_EQ(b.length(), 6);
}

TEST(StepBuilder, RefusesWhatCannotBe) {
  World w({kFull}, {.sequences = 2, .context = 12, .page_rows = 4, .chunk = 8, .pages = 3});
  World other({kFull}, {.context = 12});
  Sequence a = w.pool.create(), b = w.pool.create(), foreign = other.pool.create(), none;
  EXPECT_EQ(support::error_of([&] {
              w.prepare({{&none, 1}});
            }),
            "[step] entry 0 wanted a sequence of this pool, got none");
  EXPECT_EQ(support::error_of([&] {
              w.prepare({{&foreign, 1}});
            }),
            "[step] entry 0 wanted a sequence of this pool, got another pool's");
  EXPECT_EQ(support::error_of([&] {
              w.prepare({{&a, 1}, {&a, 1}});
            }),
            "[step] entries 0 and 1 wanted different sequences, got the same one");
  EXPECT_EQ(support::error_of([&] { w.prepare({{&a, 9}}); }), "[step] entry 0 wanted 0 to 8 rows, got 9");
  w.add(a, 8);
  EXPECT_EQ(support::error_of([&] {
              w.prepare({{&a, 5}});
            }),
            "[step] entry 0 wanted at most 4 rows more in a context of 12, got 5");
  EXPECT_EQ(support::error_of(
                [&] {
                  w.prepare({{&b, 5}});
                },
                ErrorKind::kResources),
            "[state] wanted 2 pages of 4 rows more, got 1 free of 3");
  EXPECT_EQ(w.pool.free_pages(0), 1) << "a refused step takes nothing";
  EXPECT_TRUE(w.pool.has_room(b, 4));
  EXPECT_FALSE(w.pool.has_room(b, 5));
  EXPECT_EQ(support::error_of([&] { w.pool.create(); }, ErrorKind::kResources),
            "[state] wanted one sequence more, got a pool of 2 that are all in use");
  const std::vector<std::int32_t> ids{1, 2};
  const StepEntry entry{&b, 1};
  EXPECT_EQ(support::error_of([&] { w.builder.prepare({&entry, 1}, ids); }), "[step] ids wanted 1 values, got 2");
}

TEST(StepBuilder, LaysPositionsOutAxisByAxis) {
  StateSpec axes = kFull;
  axes.position_axes = 3;
  World w({kFull, axes}, {.sequences = 3, .context = 32, .page_rows = 4});
  EXPECT_EQ(w.builder.axes(), 3);
  Sequence a = w.pool.create(), b = w.pool.create(), c = w.pool.create();
  w.add(b, 5);
  const std::vector<std::int64_t> of_a{7, 8, 20, 21, 9, 3}, of_c{100, 200, 300};
  const Step step = w.prepare({{&a, 2, of_a}, {&b, 3}, {&c, 1, of_c}});
  const auto axis = [&](std::int64_t i) {
    const std::span<const std::int64_t> p = step.batch.positions_of(i);
    return std::vector<std::int64_t>(p.begin(), p.end());
  };
  EXPECT_EQ(step.batch.positions.size(), 18u);
  EXPECT_EQ(axis(0), (std::vector<std::int64_t>{7, 8, 5, 6, 7, 100}));
  EXPECT_EQ(axis(1), (std::vector<std::int64_t>{20, 21, 5, 6, 7, 200}));
  EXPECT_EQ(axis(2), (std::vector<std::int64_t>{9, 3, 5, 6, 7, 300}));
}

TEST(StepBuilder, PositionsAreChecked) {
  World w({kFull}, {.context = 32});
  World axes({{.heads = 1, .key_dim = 4, .value_dim = 4, .position_axes = 2}}, {.context = 32});
  Sequence a = w.pool.create(), b = axes.pool.create();
  const std::vector<std::int64_t> four{1, 2, 3, 4}, below{0, -1}, above{0, kMaxPosition + 1};
  EXPECT_EQ(support::error_of([&] {
              w.prepare({{&a, 3, four}});
            }),
            "[step] entry 0 wanted positions of 3 rows on 1 axis, 3 values, got 4");
  EXPECT_EQ(support::error_of([&] {
              axes.prepare({{&b, 4, four}});
            }),
            "[step] entry 0 wanted positions of 4 rows on 2 axes, 8 values, got 4");
  EXPECT_EQ(support::error_of([&] {
              w.prepare({{&a, 2, below}});
            }),
            "[step] entry 0 wanted positions from 0 to 1073741823, got -1");
  EXPECT_EQ(support::error_of([&] {
              w.prepare({{&a, 2, above}});
            }),
            "[step] entry 0 wanted positions from 0 to 1073741823, got 1073741824");
  EXPECT_EQ(w.prepare({{&a, 4, four}}).batch.positions[2], 3) << "positions of one axis need not be indices";
  EXPECT_EQ(a.length(), 0);
}

TEST(Sequence, GivesItsPagesBack) {
  World w({kFull, windowed(3)}, {.sequences = 2, .context = 12, .page_rows = 2});
  const std::int64_t full = w.pool.free_pages(0), window = w.pool.free_pages(1);
  {
    Sequence s = w.pool.create();
    w.add(s, 11);
    EXPECT_EQ(w.pool.free_pages(0), full - 6);
    Sequence moved = std::move(s);
    EXPECT_EQ(moved.length(), 11);
    EXPECT_EQ(w.pool.alive(), 1);
  }
  EXPECT_EQ(w.pool.alive(), 0);
  EXPECT_EQ(w.pool.free_pages(0), full);
  EXPECT_EQ(w.pool.free_pages(1), window);
}

TEST(Window, HoldsAtMostWindowChunkAndAPage) {
  for (const std::int64_t page_rows : {1, 3, 16}) {
    for (const std::int64_t chunk : {1, 2, 5, 16}) {
      const std::int64_t behind = 6;
      World w({windowed(behind)}, {.context = 64, .page_rows = page_rows, .chunk = chunk});
      const std::int64_t pages = w.pool.free_pages(0);
      EXPECT_LE(pages * page_rows, behind + chunk + 2 * page_rows);
      Sequence s = w.pool.create();
      while (s.length() + chunk <= 64) {
        w.add(s, chunk);
        // The next query sees `behind` rows before its own.
        for (std::int64_t i = std::max<std::int64_t>(0, s.length() - behind); i < s.length(); ++i) {
          ASSERT_EQ(w.mark(s, 0, i), static_cast<float>(i)) << "chunk " << chunk << ", page " << page_rows;
        }
      }
    }
  }
}

TEST(Window, KeepsPinnedRows) {
  World w({windowed(2, 3)}, {.context = 40, .page_rows = 2, .chunk = 4});
  Sequence s = w.pool.create();
  for (int i = 0; i < 9; ++i) w.add(s, 4);
  for (std::int64_t i = 0; i < 3; ++i) EXPECT_EQ(w.mark(s, 0, i), static_cast<float>(i));
  EXPECT_EQ(w.mark(s, 0, 10), -1);
  EXPECT_EQ(w.mark(s, 0, 35), 35);
}

TEST(Truncate, ForgetsRowsAndRefusesLostOnes) {
  World w({kFull, windowed(3)}, {.context = 30, .page_rows = 2, .chunk = 5, .rollback = 2});
  Sequence s = w.pool.create();
  for (int i = 0; i < 5; ++i) w.add(s, 5);
  const std::int64_t free = w.pool.free_pages(0);
  s.truncate(23);
  EXPECT_EQ(s.length(), 23);
  EXPECT_EQ(w.pool.free_pages(0), free + 1);
  w.add(s, 2, 100);
  EXPECT_EQ(w.mark(s, 1, 22), 22);
  EXPECT_EQ(w.mark(s, 1, 23), 123);
  EXPECT_EQ(support::error_of([&] { s.truncate(26); }), "[state] truncate wanted a length of 0 to 25, got 26");
  EXPECT_EQ(support::error_of([&] { s.truncate(12); }),
            "[state] truncate to 12 wanted rows from 9 on, which a window of 3 rows has given up");
  EXPECT_EQ(s.length(), 25) << "a refused truncate changes nothing";
  s.truncate(0);
  EXPECT_EQ(s.length(), 0);
  w.add(s, 5, 7);
  EXPECT_EQ(w.mark(s, 1, 0), 7);
}

TEST(Fork, SharesPagesUntilOneIsWritten) {
  World w({kFull, windowed(50)}, {.sequences = 3, .context = 20, .page_rows = 4});
  Sequence a = w.pool.create();
  w.add(a, 10);
  const std::int64_t free = w.pool.free_pages(0);
  Sequence b = a.fork();
  EXPECT_EQ(b.length(), 10);
  EXPECT_EQ(w.pool.free_pages(0), free) << "nothing is copied yet";
  w.add(b, 1, 100);
  EXPECT_EQ(w.pool.free_pages(0), free - 1) << "only the last page is copied";
  w.add(a, 1, 200);
  EXPECT_EQ(w.pool.free_pages(0), free - 1) << "the other one owns its page by now";
  for (std::int64_t slot = 0; slot < 2; ++slot) {
    for (std::int64_t i = 0; i < 10; ++i) {
      EXPECT_EQ(w.mark(a, slot, i), static_cast<float>(i));
      EXPECT_EQ(w.mark(b, slot, i), static_cast<float>(i));
    }
    EXPECT_EQ(w.mark(b, slot, 10), 110);
    EXPECT_EQ(w.mark(a, slot, 10), 210);
  }
  a = Sequence();
  EXPECT_EQ(w.mark(b, 0, 3), 3);
  Sequence c = b.fork();
  c.truncate(4);
  w.add(c, 1, 300);
  EXPECT_EQ(w.mark(b, 0, 4), 4);
  EXPECT_EQ(w.mark(c, 0, 4), 304);
}

TEST(Snapshot, BringsEveryRowBack) {
  StateSpec int8 = windowed(3, 2);
  int8.format = Format::kInt8;
  const std::vector<StateSpec> slots{kFull, windowed(3, 2), int8};
  World w(slots, {.sequences = 2, .context = 20, .page_rows = 2, .chunk = 5});
  Sequence a = w.pool.create();
  for (int i = 0; i < 3; ++i) w.add(a, 5);
  const std::vector<std::byte> bytes = w.pool.save(a);
  World other(slots, {.sequences = 1, .context = 40, .page_rows = 2, .chunk = 7});
  {
    Sequence b = other.pool.restore(bytes);
    EXPECT_EQ(b.length(), 15);
    for (std::int64_t i = 0; i < 15; ++i) EXPECT_EQ(other.mark(b, 0, i), static_cast<float>(i));
    for (const std::int64_t i : {0, 1, 12, 13, 14}) EXPECT_EQ(other.mark(b, 1, i), static_cast<float>(i));
    EXPECT_EQ(other.mark(b, 1, 6), -1);
    EXPECT_EQ(other.pool.save(b), bytes);
    other.add(b, 1, 50);
    EXPECT_EQ(other.mark(b, 0, 15), 65);
  }
  for (std::size_t i = 0; i < bytes.size(); i += 7) {
    std::vector<std::byte> damaged = bytes;
    damaged[i] ^= std::byte{0x10};
    EXPECT_EQ(support::error_of([&] { other.pool.restore(damaged); }, ErrorKind::kBadData),
              "[state] snapshot wanted intact data of this version, got something else");
  }
  EXPECT_EQ(support::error_of([&] { other.pool.restore(std::span(bytes).first(9)); }, ErrorKind::kBadData),
            "[state] snapshot wanted at least 16 bytes, got 9");
  World different({kFull}, {.context = 40, .page_rows = 2});
  EXPECT_NE(support::error_of([&] { different.pool.restore(bytes); }, ErrorKind::kBadData), "accepted");
  World small(slots, {.context = 40, .page_rows = 2, .chunk = 5, .pages = 3});
  EXPECT_EQ(support::error_of([&] { small.pool.restore(bytes); }, ErrorKind::kResources),
            "[state] wanted 8 pages of 2 rows more, got 3 free of 3");
  EXPECT_EQ(other.pool.alive() + small.pool.alive(), 0) << "a refused snapshot leaves nothing behind";
}

TEST(Snapshot, TrustsNoNumber) {
  const std::vector<StateSpec> slots{kFull, windowed(3, 2)};
  World w(slots, {.context = 20, .page_rows = 2, .chunk = 5});
  Sequence a = w.pool.create();
  for (int i = 0; i < 3; ++i) w.add(a, 5);
  const std::vector<std::byte> bytes = w.pool.save(a);
  const auto seal = [](std::vector<std::byte>& data) {
    std::uint64_t h = 0xcbf29ce484222325;
    for (std::size_t i = 0; i + 8 < data.size(); ++i) h = (h ^ static_cast<std::uint64_t>(data[i])) * 0x100000001b3;
    std::memcpy(data.data() + data.size() - 8, &h, sizeof h);
  };
  World other(slots, {.context = 20, .page_rows = 2, .chunk = 5});
  std::int64_t refused = 0;
  for (std::size_t at = 8; at + 16 <= bytes.size(); ++at) {
    for (const std::int64_t value : {std::int64_t{-1}, std::int64_t{0}, std::int64_t{3}, INT64_MAX, INT64_MIN}) {
      std::vector<std::byte> forged = bytes;
      std::memcpy(forged.data() + at, &value, sizeof value);
      seal(forged);
      try {
        const Sequence s = other.pool.restore(forged);
        EXPECT_LE(s.length(), 20);
      } catch (const Error& e) {
        EXPECT_TRUE(e.kind() == ErrorKind::kBadData || e.kind() == ErrorKind::kResources) << e.what();
        ++refused;
      }
      ASSERT_EQ(other.pool.alive(), 0);
    }
  }
  EXPECT_GT(refused, 100);
  for (std::size_t n = 24; n < bytes.size(); n += 5) {
    std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    seal(cut);
    EXPECT_NE(support::error_of([&] { other.pool.restore(cut); }, ErrorKind::kBadData), "accepted");
  }
}

TEST(SharedSlot, UsesTheOtherSlotsRows) {
  std::vector<StateSpec> slots{kFull, kFull};
  slots[1].shared_slot = 0;
  World w(slots, {.context = 8, .page_rows = 4});
  Sequence s = w.pool.create();
  const Step step = w.prepare({{&s, 2}});
  EXPECT_EQ(step.states[1].keys.data, step.states[0].keys.data);
  EXPECT_EQ(step.states[1].values.page_table, step.states[0].values.page_table);
}

TEST(StatePoolErrors, SayWhatWasWanted) {
  const auto refused = [](StateSpec spec, StatePoolConfig config) {
    return support::error_of([&] { StatePool({spec}, config); });
  };
  EXPECT_EQ(refused(kFull, {}), "[state] sequences and context wanted positive numbers, got 1 and 0");
  EXPECT_EQ(
      refused(kFull, {.context = 4, .page_rows = -1}),
      "[state] page_rows, chunk, pages, rollback and step_rows wanted numbers of at least 0, got -1, 0, 0, 0 and 0");
  EXPECT_EQ(refused({.heads = -1}, {.context = 4}),
            "[state slot 0] heads, key_dim and value_dim wanted numbers of at least 0, got -1, 0 and 0");
  EXPECT_EQ(refused({.source_rows = -1}, {.context = 4}),
            "[state slot 0] source_rows wanted a number of at least 0, and 0 for rows of one step, got -1");
  EXPECT_EQ(refused({.shared_slot = 0}, {.context = 4}),
            "[state slot 0] shared_slot wanted an earlier slot with rows of its own, got 0");
  EXPECT_EQ(support::error_of([] { StatePool({{.heads = 1, .key_dim = 4, .format = Format::kQ4_K}}, {.context = 4}); },
                              ErrorKind::kUnsupported),
            "state format wanted one of f32, bf16, int8, bfp8_b, got q4_k");
  EXPECT_NE(support::error_of(
                [] { StatePool({{.heads = std::int64_t{1} << 40, .key_dim = std::int64_t{1} << 40}}, {.context = 4}); },
                ErrorKind::kBadData),
            "accepted");
}

TEST(StateSpecs, SurviveJson) {
  const StateSpec spec{.heads = 3, .key_dim = 4, .value_dim = 5, .format = Format::kInt8, .visible = {.behind = 7}};
  StateSpec read;
  from_json(read, to_json(spec), "spec");
  EXPECT_EQ(read, spec);
}

}  // namespace
}  // namespace ttt
