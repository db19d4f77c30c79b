#include "state/page_group.h"

#include <algorithm>

#include "base/checked.h"
#include "base/error.h"

namespace ttt {

std::int64_t first_seen(const Visible& v, std::int64_t index) {
  return std::max({std::int64_t{0}, index - v.behind, index - index % v.chunk});
}

PageGroup::PageGroup(const Visible& visible, const SlotLayout& layout, std::int64_t sequences)
    : visible_(visible),
      kind_(layout.kind),
      page_rows_(layout.page_rows),
      pages_(layout.pages),
      entries_(layout.table_entries),
      context_(layout.context) {
  if (kind_ == RowsKind::kStep) return;
  tables_.assign(static_cast<std::size_t>(checked_mul(sequences, entries_, "state page tables")), -1);
  uses_.assign(static_cast<std::size_t>(pages_), 0);
  kept_.assign(static_cast<std::size_t>(pages_), false);
  free_.reserve(static_cast<std::size_t>(pages_));
  for (std::int64_t p = pages_ - 1; p >= 0; --p) free_.push_back(static_cast<std::int32_t>(p));
}

std::span<const std::int32_t> PageGroup::table(std::int64_t sequence) const {
  return std::span(tables_).subspan(static_cast<std::size_t>(sequence * entries_), static_cast<std::size_t>(entries_));
}

std::int64_t PageGroup::wanted_pages(std::span<const RowRange> writes) const {
  std::int64_t wanted = 0;
  if (kind_ == RowsKind::kStep) {
    for (const RowRange& r : writes) wanted += div_up(r.end - r.begin, page_rows_);
    return wanted;
  }
  std::vector<std::int32_t> shared;  // pages that several sequences keep, once for each of those that write to it
  for (const RowRange& r : writes) {
    const std::span<const std::int32_t> pages = table(r.sequence);
    for (std::int64_t e = r.begin / page_rows_; e < div_up(r.end, page_rows_); ++e) {
      const std::int32_t page = pages[static_cast<std::size_t>(e)];
      if (page < 0) ++wanted;
      if (page >= 0 && uses_[static_cast<std::size_t>(page)] > 1) shared.push_back(page);
    }
  }
  std::ranges::sort(shared);
  for (auto at = shared.begin(); at != shared.end();) {
    const auto end = std::upper_bound(at, shared.end(), *at);
    // The last sequence that keeps a page may write to it.
    wanted += std::min<std::int64_t>(end - at, uses_[static_cast<std::size_t>(*at)] - 1);
    at = end;
  }
  return wanted;
}

std::int32_t PageGroup::make_writable(std::int64_t sequence, std::int64_t e) {
  std::int32_t& page = entry(sequence, e);
  if (page >= 0 && uses_[static_cast<std::size_t>(page)] == 1) return -1;
  const std::int32_t shared = page;
  page = free_.back();
  free_.pop_back();
  uses_[static_cast<std::size_t>(page)] = 1;
  if (shared >= 0) drop_use(shared);
  return shared;
}

void PageGroup::add_use(std::int32_t page) {
  if (idle(page)) --idle_;
  ++uses_[static_cast<std::size_t>(page)];
}

void PageGroup::drop_use(std::int32_t page) {
  if (--uses_[static_cast<std::size_t>(page)] == 0) free_.push_back(page);
  if (idle(page)) ++idle_;
}

void PageGroup::drop(std::int32_t& page) {
  if (page >= 0) drop_use(page);
  page = -1;
}

void PageGroup::keep(std::int32_t page) {
  add_use(page);
  kept_[static_cast<std::size_t>(page)] = true;
}

void PageGroup::forget(std::int32_t page) {
  if (idle(page)) --idle_;
  kept_[static_cast<std::size_t>(page)] = false;
  drop_use(page);
}

void PageGroup::adopt(std::int64_t sequence, std::int64_t e, std::int32_t page) {
  add_use(page);
  drop(entry(sequence, e));
  entry(sequence, e) = page;
}

void PageGroup::drop_unseen(std::int64_t sequence, std::int64_t length, std::int64_t rollback) {
  const std::int64_t seen = first_seen(visible_, std::max<std::int64_t>(length - rollback, 0));
  // Pages before the last dropped one are gone already, so going backwards stops early.
  for (std::int64_t e = seen / page_rows_ - 1; e >= 0 && e * page_rows_ >= visible_.pinned; --e) {
    if (entry(sequence, e) < 0) break;
    drop(entry(sequence, e));
  }
}

void PageGroup::drop_from(std::int64_t sequence, std::int64_t length) {
  if (kind_ == RowsKind::kStep) return;
  for (std::int64_t e = div_up(length, page_rows_); e < entries_; ++e) drop(entry(sequence, e));
}

bool PageGroup::has_seen_rows(std::int64_t sequence, std::int64_t length) const {
  const std::span<const std::int32_t> pages = table(sequence);
  const auto has = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t e = begin / page_rows_; e < div_up(end, page_rows_); ++e) {
      if (pages[static_cast<std::size_t>(e)] < 0) return false;
    }
    return true;
  };
  const std::int64_t begin = first_seen(visible_, length);
  return (begin >= length || has(begin, length)) && has(0, std::min(visible_.pinned, length));
}

void PageGroup::share(std::int64_t from, std::int64_t to) {
  if (kind_ == RowsKind::kStep) return;
  for (std::int64_t e = 0; e < entries_; ++e) {
    const std::int32_t page = entry(from, e);
    entry(to, e) = page;
    if (page >= 0) add_use(page);
  }
}

}  // namespace ttt
