#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/step.h"
#include "state/state_layout.h"

namespace ttt {

// Rows [begin, end) of a sequence.
struct RowRange {
  std::int64_t sequence = 0, begin = 0, end = 0;
};

// The page numbers of all slots with the same visibility: which pages are free, which sequence uses which, how often a
// page is shared. Every slot of the group has its own memory for every page. Pages of rows of one step belong to no
// sequence: each step assigns them again, so all of them are always free. Nothing is allocated after construction.
class PageGroup {
 public:
  PageGroup(const Visible& visible, const SlotLayout& layout, std::int64_t sequences);

  const Visible& visible() const { return visible_; }
  RowsKind kind() const { return kind_; }
  bool grows() const { return kind_ == RowsKind::kTokens; }  // with every token that a sequence keeps
  bool windowed() const { return has_window(visible_); }     // what no query sees any more is released
  std::int64_t page_rows() const { return page_rows_; }
  std::int64_t context() const { return context_; }  // rows of one sequence, at most
  std::int64_t pages() const { return pages_; }
  std::int64_t free_pages() const {
    return kind_ == RowsKind::kStep ? pages_ : static_cast<std::int64_t>(free_.size());
  }
  std::int64_t entries() const { return entries_; }  // of a sequence's page table
  std::span<const std::int32_t> table(std::int64_t sequence) const;

  // Pages that must be free before these rows, each of another sequence, can be written: missing pages, and copies of
  // shared ones. Of the sequences that write to a shared page, the last needs no copy if no other sequence keeps it.
  std::int64_t wanted_pages(std::span<const RowRange> writes) const;
  // Makes entry `e` writable. Returns the page that the new one must be copied from, or -1.
  std::int32_t make_writable(std::int64_t sequence, std::int64_t entry);
  // Releases the pages of which no query at `length` - `rollback` or later sees a row.
  void drop_unseen(std::int64_t sequence, std::int64_t length, std::int64_t rollback);
  // Releases the pages that have only rows at or beyond `length`.
  void drop_from(std::int64_t sequence, std::int64_t length);
  // Whether a query at index `length` finds every row that it sees below `length`.
  bool has_seen_rows(std::int64_t sequence, std::int64_t length) const;
  void share(std::int64_t from, std::int64_t to);
  void release(std::int64_t sequence) { drop_from(sequence, 0); }

  // Pages that a cache keeps beside sequences. keep: a page that a sequence has, and that is not kept yet.
  void keep(std::int32_t page);
  void forget(std::int32_t page);
  // Makes a kept page that of entry `e`, in place of another one or of none.
  void adopt(std::int64_t sequence, std::int64_t e, std::int32_t page);
  bool idle(std::int32_t page) const {
    return kept_[static_cast<std::size_t>(page)] && uses_[static_cast<std::size_t>(page)] == 1;
  }
  std::int64_t idle_pages() const { return idle_; }  // kept, and in use by no sequence

 private:
  std::int32_t& entry(std::int64_t sequence, std::int64_t e) {
    return tables_[static_cast<std::size_t>(sequence * entries_ + e)];
  }
  void drop(std::int32_t& page);
  void add_use(std::int32_t page);
  void drop_use(std::int32_t page);

  Visible visible_;
  RowsKind kind_;
  std::int64_t page_rows_, pages_, entries_, context_;
  std::vector<std::int32_t> tables_;  // [sequences, entries]; -1: no page; empty for rows of one step
  std::vector<std::int32_t> uses_;    // [pages]
  std::vector<std::int32_t> free_;
  std::vector<bool> kept_;  // [pages], by a cache: one of the uses
  std::int64_t idle_ = 0;
};

// First row that a query at `index` sees beyond the pinned ones.
std::int64_t first_seen(const Visible& visible, std::int64_t index);

}  // namespace ttt
