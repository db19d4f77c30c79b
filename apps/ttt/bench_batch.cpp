#include "apps/ttt/bench_batch.h"

#include <algorithm>

namespace ttt::app {
namespace {

bool has_windows(const StatePool& state) {
  return std::ranges::any_of(state.slots(), [](const StateSpec& s) {
    return s.visible.behind < Visible::kAll || s.visible.chunk < Visible::kAll;
  });
}

}  // namespace

BenchBatch::BenchBatch(Runner& runner, std::int64_t sequences)
    : runner_(runner), sequences_(static_cast<std::size_t>(sequences)), next_(static_cast<std::size_t>(sequences)) {
  for (Sequence& s : sequences_) {
    wanted_.push_back(static_cast<std::int64_t>(entries_.size()));
    entries_.push_back({.sequence = &s, .rows = 1});
  }
}

std::vector<std::int32_t> BenchBatch::tokens(std::int64_t rows) const {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ids[i] = static_cast<std::int32_t>((i * 7919 + 13) % static_cast<std::size_t>(runner_.vocab()));
  }
  return ids;
}

void BenchBatch::step() {
  ++steps_;
  for (std::size_t i = 0; i < next_.size(); ++i) {
    const std::int64_t id = steps_ * 104729 + static_cast<std::int64_t>(i) * 7919 + 1;
    next_[i] = static_cast<std::int32_t>(id % runner_.vocab());
  }
  runner_.step(entries_, next_, wanted_);
}

void BenchBatch::fill(std::int64_t rows) {
  filled_ = rows;
  snapshot_.clear();
  for (Sequence& s : sequences_) s = Sequence();
  Sequence& first = sequences_.front();
  first = runner_.create();
  if (rows > 1) runner_.extend(first, tokens(rows - 1));
  for (std::size_t i = 1; i < sequences_.size(); ++i) sequences_[i] = rows > 1 ? first.fork() : runner_.create();
  // With the last row every sequence gets pages of its own.
  if (rows > 0) step();
}

bool BenchBatch::keep() {
  if (filled_ == 0 || !has_windows(runner_.state())) return false;
  snapshot_ = runner_.state().save(sequences_.front());
  return true;
}

void BenchBatch::rewind() {
  if (filled_ == 0) return fill(0);
  for (Sequence& s : sequences_) {
    if (snapshot_.empty()) {
      s.truncate(filled_);
    } else {
      s = Sequence();
      s = runner_.state().restore(snapshot_);
    }
  }
}

}  // namespace ttt::app
