#include "state/state_pool.h"

#include <algorithm>
#include <utility>

#include "base/checked.h"
#include "base/error.h"

namespace ttt {
namespace {

constexpr std::int64_t kAlignment = 64;
// Windowed slots keep pages of at most this many rows, or a contiguous pool would hold their whole context.
constexpr std::int64_t kWindowPageRows = 64;

bool has_window(const Visible& v) { return v.behind < Visible::kAll || v.chunk < Visible::kAll; }

std::int64_t page_rows_of(const Visible& v, const StatePoolConfig& c) {
  const std::int64_t rows = c.page_rows == 0 ? c.context : c.page_rows;
  return std::min({has_window(v) ? kWindowPageRows : rows, rows, c.context});
}

// Pages of one sequence at its fullest: the rows a window reaches back, those of a step, and what rounding adds.
std::int64_t pages_of_sequence(const Visible& v, const StatePoolConfig& c) {
  const std::int64_t page_rows = page_rows_of(v, c), all = div_up(c.context, page_rows);
  if (!has_window(v)) return all;
  const std::int64_t chunk = c.chunk == 0 ? c.context : c.chunk;
  const std::int64_t back = std::min({v.behind, v.chunk - 1, c.context}) + c.rollback;
  const std::int64_t window = div_up(checked_add(back, chunk, "state window") - 1, page_rows) + 1;
  return std::min(all, div_up(std::min(v.pinned, c.context), page_rows) + window);
}

// Pages of slots that hold rows of another sequence are as many as all sequences can fill.
std::int64_t page_rows_of(const StateSpec& s, const StatePoolConfig& c) {
  if (s.source_rows == 0) return page_rows_of(s.visible, c);
  return c.page_rows == 0 ? s.source_rows : std::min(c.page_rows, s.source_rows);
}

std::int64_t pages_of_group(const Visible& v, const StatePoolConfig& c) {
  if (!has_window(v) && c.pages > 0) return c.pages;
  return checked_mul(c.sequences, pages_of_sequence(v, c), "state pages");
}

std::int64_t pages_of_group(const StateSpec& s, const StatePoolConfig& c) {
  if (s.source_rows == 0) return pages_of_group(s.visible, c);
  return checked_mul(c.sequences, div_up(s.source_rows, page_rows_of(s, c)), "state pages");
}

void check(const StatePoolConfig& c) {
  require(c.sequences > 0 && c.context > 0, ErrorKind::kUsage,
          "[state] sequences and context wanted positive numbers, got ", c.sequences, " and ", c.context);
  require(c.page_rows >= 0 && c.chunk >= 0 && c.pages >= 0 && c.rollback >= 0, ErrorKind::kUsage,
          "[state] page_rows, chunk, pages and rollback wanted numbers of at least 0, got ", c.page_rows, ", ", c.chunk,
          ", ", c.pages, " and ", c.rollback);
}

void check(const StateSpec& s, std::size_t slot, std::span<const StateSpec> slots) {
  const Visible& v = s.visible;
  require(s.heads >= 0 && s.key_dim >= 0 && s.value_dim >= 0, ErrorKind::kUsage, "[state slot ", slot,
          "] heads, key_dim and value_dim wanted numbers of at least 0, got ", s.heads, ", ", s.key_dim, " and ",
          s.value_dim);
  require(v.behind >= 0 && v.ahead >= 0 && v.pinned >= 0 && v.chunk > 0, ErrorKind::kUsage, "[state slot ", slot,
          "] visible wanted numbers of at least 0 and a positive chunk, got behind ", v.behind, ", ahead ", v.ahead,
          ", pinned ", v.pinned, ", chunk ", v.chunk);
  require(s.source_rows >= 0, ErrorKind::kUsage, "[state slot ", slot,
          "] source_rows wanted a number of at least 0, got ", s.source_rows);
  require(s.shared_slot < static_cast<std::int64_t>(slot) &&
              (s.shared_slot < 0 || slots[static_cast<std::size_t>(s.shared_slot)].shared_slot < 0),
          ErrorKind::kUsage, "[state slot ", slot, "] shared_slot wanted an earlier slot with rows of its own, got ",
          s.shared_slot);
}

// Bytes of one page of a slot: keys, their scales, values, their scales.
struct PageBytes {
  std::int64_t part[4] = {};
};
PageBytes page_bytes(const StateSpec& s, std::int64_t page_rows) {
  const StateRowBytes k = state_row_bytes(s.format, s.key_dim), v = state_row_bytes(s.format, s.value_dim);
  PageBytes b;
  const std::int64_t sizes[4] = {k.data, k.scales, v.data, v.scales};
  for (int i = 0; i < 4; ++i) b.part[i] = checked_product({s.heads, page_rows, sizes[i]}, "state page");
  return b;
}

std::int64_t part_bytes(std::int64_t page, std::int64_t pages) {
  return checked_round_up(checked_mul(page, pages, "state"), kAlignment, "state");
}

RowsView rows_view(const StateSpec& s, std::int64_t dim, std::int64_t page_rows, std::byte* data, std::byte* scales) {
  const StateRowBytes row = state_row_bytes(s.format, dim);
  return {.format = s.format,
          .data = data,
          .scales = row.scales > 0 ? scales : nullptr,
          .page_rows = page_rows,
          .page_stride = s.heads * page_rows * row.data,
          .head_stride = page_rows * row.data,
          .row_stride = row.data,
          .scale_page_stride = s.heads * page_rows * row.scales,
          .scale_head_stride = page_rows * row.scales,
          .scale_row_stride = row.scales};
}

}  // namespace

StateRowBytes state_row_bytes(Format format, std::int64_t dim) {
  switch (format) {
    case Format::kF32:
      return {checked_mul(dim, 4, "state row"), 0};
    case Format::kBF16:
      return {checked_mul(dim, 2, "state row"), 0};
    case Format::kInt8:
      return {dim, 4 * div_up(dim, kStateGroup)};
    case Format::kBfp8B:
      return {dim, div_up(dim, kStateSharedExponent)};
    default:
      break;
  }
  fail(ErrorKind::kUnsupported, text("state format wanted one of f32, bf16, int8, bfp8_b, got ", name_of(format)));
}

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
  return n == length() ||
         (n >= 0 && n < length() && std::all_of(pool_->groups_.begin(), pool_->groups_.end(), [&](const PageGroup& g) {
            return !g.grows() || g.has_seen_rows(id_, n);
          }));
}

void Sequence::truncate(std::int64_t n) {
  require(n >= 0 && n <= length(), ErrorKind::kUsage, "[state] truncate wanted a length of 0 to ", length(), ", got ",
          n);
  if (n == length()) return;
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
    : slots_(std::move(slots)), config_(config) {
  check(config_);
  lengths_.assign(static_cast<std::size_t>(config_.sequences), -1);
  source_rows_.assign(static_cast<std::size_t>(config_.sequences), 0);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const StateSpec& s = slots_[i];
    check(s, i, slots_);
    Slot slot;
    if (s.shared_slot >= 0) {
      slot.group = rows_[static_cast<std::size_t>(s.shared_slot)].group;
    } else {
      const bool grows = s.source_rows == 0;
      const std::int64_t context = grows ? config_.context : s.source_rows;
      const auto same = [&](const PageGroup& g) {
        return g.visible() == s.visible && g.grows() == grows && g.context() == context;
      };
      const auto found = std::find_if(groups_.begin(), groups_.end(), same);
      slot.group = found - groups_.begin();
      if (found == groups_.end()) {
        groups_.emplace_back(s.visible, page_rows_of(s, config_), pages_of_group(s, config_), config_.sequences,
                             context, grows);
      }
    }
    rows_.push_back(slot);
  }
  lay_out(access);
}

std::int64_t StatePool::bytes(std::span<const StateSpec> slots, const StatePoolConfig& config) {
  check(config);
  std::int64_t total = 0;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    check(slots[i], i, slots);
    if (slots[i].shared_slot >= 0) continue;
    const PageBytes b = page_bytes(slots[i], page_rows_of(slots[i], config));
    const std::int64_t pages = pages_of_group(slots[i], config);
    for (const std::int64_t part : b.part) total = checked_add(total, part_bytes(part, pages), "state");
  }
  return total;
}

void StatePool::lay_out(Buffer::Access access) {
  memory_ = Buffer(bytes(slots_, config_), access);
  std::byte* at = memory_.data();
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const StateSpec& s = slots_[i];
    Slot& slot = rows_[i];
    if (s.shared_slot >= 0) {
      slot = rows_[static_cast<std::size_t>(s.shared_slot)];
      continue;
    }
    const PageGroup& g = groups_[static_cast<std::size_t>(slot.group)];
    const PageBytes b = page_bytes(s, g.page_rows());
    std::byte* parts[4];
    for (std::size_t k = 0; k < 4; ++k) {
      slot.page_bytes[k] = b.part[k];
      parts[k] = at;
      at += part_bytes(b.part[k], g.pages());
    }
    slot.view.keys = rows_view(s, s.key_dim, g.page_rows(), parts[0], parts[1]);
    slot.view.values = rows_view(s, s.value_dim, g.page_rows(), parts[2], parts[3]);
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

bool StatePool::has_room(const Sequence& s, std::int64_t rows) const {
  const std::int64_t length = s.length();
  if (rows > config_.context - length) return false;
  return std::all_of(groups_.begin(), groups_.end(), [&](const PageGroup& g) {
    const RowRange written{s.id(), length, length + rows};
    return !g.grows() || g.wanted_pages({&written, 1}) <= g.free_pages();
  });
}

void StatePool::make_room(std::int64_t sequence, std::int64_t rows, bool grows) {
  const std::int64_t length = grows ? lengths_[static_cast<std::size_t>(sequence)] : 0;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    PageGroup& g = groups_[i];
    if (g.grows() != grows) continue;
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

void StatePool::advance(std::int64_t sequence, std::int64_t rows) {
  std::int64_t& length = lengths_[static_cast<std::size_t>(sequence)];
  length += rows;
  for (PageGroup& g : groups_) {
    if (g.grows()) g.drop_unseen(sequence, length, config_.rollback);
  }
}

}  // namespace ttt
