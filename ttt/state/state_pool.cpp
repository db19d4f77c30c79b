#include "state/state_pool.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/checked.h"
#include "base/error.h"

namespace ttt {

Sequence::Sequence(Sequence&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), id_(std::exchange(other.id_, -1)) {}

Sequence& Sequence::operator=(Sequence&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(id_, other.id_);
  return *this;
}

void Sequence::release() {
  if (pool_ == nullptr) return;
  for (PageGroup& g : pool_->groups_) g.release(id_);
  pool_->lengths_[static_cast<std::size_t>(id_)] = -1;
  pool_->source_rows_[static_cast<std::size_t>(id_)] = 0;
  pool_ = nullptr;
}

std::int64_t Sequence::length() const { return pool_ == nullptr ? 0 : pool_->lengths_[static_cast<std::size_t>(id_)]; }

std::int64_t Sequence::source_rows() const {
  return pool_ == nullptr ? 0 : pool_->source_rows_[static_cast<std::size_t>(id_)];
}

Sequence Sequence::fork() const {
  require(pool_ != nullptr, ErrorKind::kUsage, "[state] fork wanted a sequence of a pool, got an empty handle");
  Sequence other = pool_->create();
  for (PageGroup& g : pool_->groups_) g.share(id_, other.id_);
  pool_->lengths_[static_cast<std::size_t>(other.id_)] = length();
  pool_->source_rows_[static_cast<std::size_t>(other.id_)] = source_rows();
  return other;
}

bool Sequence::can_truncate(std::int64_t n) const {
  return n == length() || (n >= 0 && n < length() && (n == 0 || !pool_->whole_) &&
                           std::all_of(pool_->groups_.begin(), pool_->groups_.end(),
                                       [&](const PageGroup& g) { return !g.grows() || g.has_seen_rows(id_, n); }));
}

void Sequence::truncate(std::int64_t n) {
  require(n >= 0 && n <= length(), ErrorKind::kUsage, "[state] truncate wanted a length of 0 to ", length(), ", got ",
          n);
  if (n == length()) return;
  require(n == 0 || !pool_->whole_, ErrorKind::kUsage, "[state] truncate wanted 0 or the whole length ", length(),
          " of a sequence whose rows see those after them, ", "got ", n);
  for (const PageGroup& g : pool_->groups_) {
    require(!g.grows() || g.has_seen_rows(id_, n), ErrorKind::kUsage, "[state] truncate to ", n, " wanted rows from ",
            first_seen(g.visible(), n), " on, which a window of ", g.visible().behind, " rows has given up");
  }
  for (PageGroup& g : pool_->groups_) {
    if (g.grows()) g.drop_from(id_, n);
  }
  pool_->lengths_[static_cast<std::size_t>(id_)] = n;
}

StatePool::StatePool(std::vector<StateSpec> slots, const StatePoolConfig& config, Buffer::Access access)
    : slots_(std::move(slots)), config_(config), whole_(ttt::whole_sequences(slots_)) {
  const StateLayout layout = state_layout(slots_, config_);
  lengths_.assign(static_cast<std::size_t>(config_.sequences), -1);
  source_rows_.assign(static_cast<std::size_t>(config_.sequences), 0);
  memory_ = Buffer(layout.bytes, access);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const StateSpec& s = slots_[i];
    if (s.shared_slot >= 0) {
      rows_.push_back(rows_[static_cast<std::size_t>(s.shared_slot)]);
      continue;
    }
    const SlotLayout& l = layout.slots[i];
    const auto same = [&](const PageGroup& g) {
      return g.kind() == l.kind && g.context() == l.context && (g.visible() == s.visible || l.kind == RowsKind::kStep);
    };
    const auto found = std::find_if(groups_.begin(), groups_.end(), same);
    Slot slot{.group = found - groups_.begin(), .page_bytes = l.page_bytes};
    if (found == groups_.end()) groups_.emplace_back(s.visible, l, config_.sequences);
    std::array<std::byte*, 4> parts;
    for (std::size_t k = 0; k < parts.size(); ++k) parts[k] = memory_.data() + l.part_offset[k];
    slot.view = slot_view(s, l, parts);
    rows_.push_back(slot);
  }
}

Sequence StatePool::create() {
  const auto found = std::find(lengths_.begin(), lengths_.end(), -1);
  require(found != lengths_.end(), ErrorKind::kResources, "[state] wanted one sequence more, got a pool of ",
          config_.sequences, " that are all in use");
  *found = 0;
  return {this, found - lengths_.begin()};
}

std::int64_t StatePool::alive() const {
  return std::count_if(lengths_.begin(), lengths_.end(), [](std::int64_t n) { return n >= 0; });
}

void StatePool::add_wanted_pages(const Sequence& s, std::int64_t rows, std::span<std::int64_t> pages) const {
  const RowRange written{s.id(), s.length(), s.length() + rows};
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    if (groups_[i].kind() != RowsKind::kSource) pages[i] += groups_[i].wanted_pages({&written, 1});
  }
}

bool StatePool::has_room(const Sequence& s, std::int64_t rows) const {
  const std::int64_t length = s.length();
  if (rows > config_.context - length || (length > 0 && rows > 0 && whole_)) return false;
  return std::all_of(groups_.begin(), groups_.end(), [&](const PageGroup& g) {
    const RowRange written{s.id(), length, length + rows};
    return g.kind() == RowsKind::kSource || g.wanted_pages({&written, 1}) <= g.free_pages();
  });
}

void StatePool::make_room(std::int64_t sequence, std::int64_t rows, RowsKind kind) {
  const std::int64_t length = kind == RowsKind::kTokens ? lengths_[static_cast<std::size_t>(sequence)] : 0;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    PageGroup& g = groups_[i];
    if (g.kind() != kind) continue;
    for (std::int64_t e = length / g.page_rows(); e < div_up(length + rows, g.page_rows()); ++e) {
      const std::int32_t from = g.make_writable(sequence, e);
      if (from >= 0) copy_page(static_cast<std::int64_t>(i), from, g.table(sequence)[static_cast<std::size_t>(e)]);
    }
  }
}

void StatePool::copy_page(std::int64_t group, std::int32_t from, std::int32_t to) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& s = rows_[i];
    if (s.group != group || slots_[i].shared_slot >= 0) continue;
    const auto source = page_parts(s, from), target = page_parts(s, to);
    for (std::size_t k = 0; k < source.size(); ++k) std::copy(source[k].begin(), source[k].end(), target[k].begin());
  }
}

void StatePool::drop_beyond(std::int64_t sequence) {
  for (PageGroup& g : groups_) {
    if (g.grows()) g.drop_from(sequence, lengths_[static_cast<std::size_t>(sequence)]);
  }
}

void StatePool::advance(std::int64_t sequence, std::int64_t rows) {
  std::int64_t& length = lengths_[static_cast<std::size_t>(sequence)];
  length += rows;
  for (PageGroup& g : groups_) {
    if (g.grows()) g.drop_unseen(sequence, length, config_.rollback);
  }
}

}  // namespace ttt
