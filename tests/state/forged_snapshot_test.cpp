// Snapshots that somebody made up: each is refused, or gives a sequence over which attention reads only rows that are
// there, whatever its algorithm.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "base/error.h"
#include "collectives/self.h"
#include "kernels/attention/attend.h"
#include "state/step_builder.h"

namespace ttt {
namespace {

constexpr std::int64_t kDim = 4;

StateSpec slot(Visible visible, Format format = Format::kF32, std::int64_t source_rows = 0) {
  return {
      .heads = 1, .key_dim = kDim, .value_dim = kDim, .format = format, .visible = visible, .source_rows = source_rows};
}

// Slots of every kind: all rows, a window with pinned rows, local chunks, one layer that reads another's rows, the rows
// of a source, those of one step.
std::vector<StateSpec> slots() {
  std::vector<StateSpec> all{
      slot({}), slot({.behind = 3, .pinned = 2}, Format::kInt8), slot({.chunk = 4}, Format::kBfp8B),
      slot({}), slot({.ahead = Visible::kAll}, Format::kF32, 9), slot({.ahead = Visible::kAll}, Format::kBF16, 12)};
  all[3].shared_slot = 0;
  all.push_back(slot({.ahead = Visible::kAll}));
  all.back().step_only = true;
  return all;
}

struct World {
  World()
      : pool(slots(), {.sequences = 1, .context = 20, .page_rows = 2, .chunk = 5, .step_rows = 12}),
        builder(pool, 12, 1) {
    q.resize(static_cast<std::size_t>(5 * kDim), 0.5f);
    o.resize(q.size());
    scratch.resize(1 << 16);
  }

  void add(Sequence& s, std::int64_t rows) {
    const StepEntry entry{&s, rows};
    const Step step = builder.prepare({&entry, 1}, std::span(ids).first(static_cast<std::size_t>(rows)));
    for (std::size_t i = 0; i < step.states.size(); ++i) {
      if (pool.slots()[i].source_rows > 0 || pool.slots()[i].step_only) continue;
      for (std::int64_t r = 0; r < rows; ++r) fill(step.states[i], r + s.length());
    }
    builder.commit();
  }
  void add_source(Sequence& s, std::int64_t rows) {
    const StepEntry entry{&s, rows};
    const Step step = builder.prepare_source({&entry, 1});
    for (std::size_t i = 0; i < step.states.size(); ++i) {
      if (pool.slots()[i].source_rows == 0) continue;
      for (std::int64_t r = 0; r < rows; ++r) fill(step.states[i], r);
    }
    builder.commit();
  }
  static void fill(const AttentionStateView& view, std::int64_t index) {
    for (const RowsView& rows : {view.keys, view.values}) {
      const std::int32_t page = rows.page_of(0, index);
      std::memset(rows.row(page, 0, index % rows.page_rows), 1 + static_cast<int>(index), rows.row_stride);
    }
  }

  // A step of so many rows through every slot and algorithm.
  void attend(Sequence& s, std::int64_t rows) {
    const StepEntry entry{&s, rows};
    const Step step = builder.prepare({&entry, 1}, std::span(ids).first(static_cast<std::size_t>(rows)));
    Scratch none(64);
    NoObserver observer;
    Exec exec(threads, none, self_communicator(), observer);
    for (std::size_t i = 0; i < step.states.size(); ++i) {
      const StateSpec& spec = pool.slots()[i];
      if (spec.step_only) continue;  // holds nothing of earlier steps
      for (const auto algorithm :
           {kernels::ScoreAlgorithm::kFlash, kernels::ScoreAlgorithm::kFull, kernels::ScoreAlgorithm::kReference}) {
        const std::int64_t width = kDim;
        kernels::AttendArgs args{.q = view_of(static_cast<const float*>(q.data()), {rows, width}),
                                 .o = view_of(o.data(), {rows, width}),
                                 .batch = step.batch,
                                 .seqs = rows == 1 ? step.batch.one : step.batch.many,
                                 .state = step.states[i],
                                 .slice = {.heads = 1, .kv_heads = 1},
                                 .key_dim = kDim,
                                 .value_dim = kDim,
                                 .visible = spec.visible};
        if (spec.source_rows > 0) args.stored = step.batch.source_rows;
        const auto select = rows == 1 ? kernels::select_attend_one : kernels::select_attend_many;
        const kernels::AttendKernel kernel = select({}, algorithm, spec.format);
        args.scratch = std::span(scratch).first(static_cast<std::size_t>(kernel.scratch(args, 1)));
        kernel.run(exec, args);
      }
    }
  }

  StatePool pool;
  StepBuilder builder;
  ThreadPool threads{1};
  std::vector<std::int32_t> ids = std::vector<std::int32_t>(20);
  std::vector<float> q, o;
  std::vector<std::byte> scratch;
};

void seal(std::vector<std::byte>& data) {
  std::uint64_t h = 0xcbf29ce484222325;
  for (std::size_t i = 0; i + 8 < data.size(); ++i) h = (h ^ static_cast<std::uint64_t>(data[i])) * 0x100000001b3;
  std::memcpy(data.data() + data.size() - 8, &h, sizeof h);
}

class ForgedSnapshots : public testing::Test {
 protected:
  void SetUp() override {
    Sequence a = from_.pool.create();
    from_.add_source(a, 7);
    for (int i = 0; i < 3; ++i) from_.add(a, 5);
    bytes_ = from_.pool.save(a);
    std::int64_t shape = 0;
    std::memcpy(&shape, bytes_.data() + 8, sizeof shape);
    numbers_ = 16 + static_cast<std::size_t>(shape);
    ASSERT_TRUE(try_restore(bytes_)) << "the snapshot as it was saved";
  }

  // Whether it is taken; what is taken must be safe to read.
  bool try_restore(std::vector<std::byte> data) {
    seal(data);
    try {
      Sequence s = to_.pool.restore(data);
      for (const std::int64_t rows : {1, 3}) {
        if (to_.pool.has_room(s, rows)) to_.attend(s, rows);
      }
      return true;
    } catch (const Error& e) {
      EXPECT_TRUE(e.kind() == ErrorKind::kBadData || e.kind() == ErrorKind::kResources) << e.what();
      return false;
    }
  }
  // Of a sequence with so many rows of its own and of a source, but no page of any group.
  std::vector<std::byte> without_pages(std::int64_t length, std::int64_t source) const {
    std::vector<std::byte> data(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(numbers_));
    const auto put = [&](std::int64_t value) {
      const std::byte* p = reinterpret_cast<const std::byte*>(&value);
      data.insert(data.end(), p, p + sizeof value);
    };
    put(length);
    put(source);
    for (std::size_t group = 0; group < to_.pool.groups().size(); ++group) put(0);
    put(0);  // the sum
    return data;
  }
  std::int64_t number_at(std::size_t index) const {
    std::int64_t value = 0;
    std::memcpy(&value, bytes_.data() + numbers_ + 8 * index, sizeof value);
    return value;
  }
  std::vector<std::byte> with(std::size_t index, std::int64_t value) const {
    std::vector<std::byte> data = bytes_;
    std::memcpy(data.data() + numbers_ + 8 * index, &value, sizeof value);
    return data;
  }

  World from_, to_;
  std::vector<std::byte> bytes_;
  std::size_t numbers_ = 0;  // where length, source rows and the page tables begin
};

// A source with rows but without pages: what full scores would read is not there.
TEST_F(ForgedSnapshots, ASourceHasAllItsPages) {
  ASSERT_EQ(number_at(0), 15);
  ASSERT_EQ(number_at(1), 7);
  EXPECT_FALSE(try_restore(without_pages(0, 7)));
  EXPECT_FALSE(try_restore(with(1, 0))) << "pages without rows";
  EXPECT_FALSE(try_restore(with(1, 8 + 1))) << "more rows than pages";
  EXPECT_FALSE(try_restore(with(1, 12))) << "more rows than one of the slots has room for";
}

// A sequence that says to have rows, of which no page is there.
TEST_F(ForgedSnapshots, OwnRowsHaveThePagesThatTheNextTokenSees) {
  EXPECT_TRUE(try_restore(without_pages(0, 0))) << "a sequence without rows";
  for (const std::int64_t length : {1, 5, 15}) EXPECT_FALSE(try_restore(without_pages(length, 0))) << length;
}

TEST_F(ForgedSnapshots, EveryNumberIsCheckedAgainstWhatIsRead) {
  const std::size_t count = (bytes_.size() - numbers_) / 8;
  std::size_t refused = 0, tried = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(count, 60); ++i) {
    for (const std::int64_t value :
         {std::int64_t{-1}, std::int64_t{0}, number_at(i) - 1, number_at(i) + 1, number_at(i) + 2, std::int64_t{20},
          std::int64_t{1} << 31, std::int64_t{1} << 60, INT64_MAX, INT64_MIN}) {
      refused += try_restore(with(i, value)) ? 0 : 1;
      ++tried;
      ASSERT_EQ(to_.pool.alive(), 0);
    }
  }
  EXPECT_GT(refused, tried / 3);
}

TEST_F(ForgedSnapshots, EveryByteMayBeAnything) {
  std::mt19937 random(7);
  std::size_t refused = 0;
  for (std::size_t at = 0; at + 8 < bytes_.size(); ++at) {
    for (const int flip : {1, 0x80, 0xff, static_cast<int>(random() % 255 + 1)}) {
      std::vector<std::byte> data = bytes_;
      data[at] ^= static_cast<std::byte>(flip);
      refused += try_restore(std::move(data)) ? 0 : 1;
    }
  }
  EXPECT_GT(refused, numbers_);
  for (int round = 0; round < 2000; ++round) {  // several bytes of the numbers at once
    std::vector<std::byte> data = bytes_;
    for (int i = 0; i < 3; ++i) data[numbers_ + random() % 240] = static_cast<std::byte>(random() % 8);
    try_restore(std::move(data));
  }
}

}  // namespace
}  // namespace ttt
