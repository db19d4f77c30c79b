#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/step.h"
#include "state/page_group.h"
#include "state/state_layout.h"
#include "state/state_spec.h"

namespace ttt {

class StatePool;

// The rows of one sequence in all slots of a pool, released with the handle. The pool must outlive it.
class Sequence {
 public:
  Sequence() = default;
  ~Sequence() { release(); }
  Sequence(Sequence&& other) noexcept;
  Sequence& operator=(Sequence&& other) noexcept;

  std::int64_t length() const;
  std::int64_t source_rows() const;  // rows of another sequence that are stored for this one
  // Another sequence with the same rows. Pages are shared until one of the two writes to them.
  Sequence fork() const;
  // Whether truncate(length) would find all rows that the next token sees.
  bool can_truncate(std::int64_t length) const;
  // Removes the rows from `length` on. Throws Error{kUsage} when a window has released rows that would be seen again.
  void truncate(std::int64_t length);
  std::int64_t id() const { return id_; }
  explicit operator bool() const { return pool_ != nullptr; }

 private:
  friend class StatePool;
  friend class StepBuilder;
  Sequence(StatePool* pool, std::int64_t id) : pool_(pool), id_(id) {}
  void release();
  StatePool* pool_ = nullptr;
  std::int64_t id_ = -1;
};

// Memory for the rows of all slots and sequences, in pages laid out as [page][head][row][dim].
class StatePool {
 public:
  // Slots in the order of Context::state_slot. kReserved: nothing can be stored.
  StatePool(std::vector<StateSpec> slots, const StatePoolConfig& config,
            Buffer::Access access = Buffer::Access::kReadWrite);
  StatePool(const StatePool&) = delete;
  StatePool& operator=(const StatePool&) = delete;

  // The exact memory of a pool of these slots.
  static std::int64_t bytes(std::span<const StateSpec> slots, const StatePoolConfig& config) {
    return state_layout(slots, config).bytes;
  }
  std::int64_t bytes() const { return memory_.size(); }

  // An empty sequence. Throws Error{kResources} when config.sequences are alive.
  Sequence create();
  std::int64_t alive() const;
  // All rows of a sequence as bytes, for a pool of the same slots and page sizes on the same kind of machine.
  std::vector<std::byte> save(const Sequence& s) const;
  // Throws Error{kBadData} for a damaged snapshot or another pool's, Error{kResources} without room.
  Sequence restore(std::span<const std::byte> snapshot);

  const StatePoolConfig& config() const { return config_; }
  std::span<const StateSpec> slots() const { return slots_; }
  std::int64_t free_pages(std::int64_t slot) const { return group_of(slot).free_pages(); }
  // Rows that sequence `sequence` keeps in the pages of g.
  std::int64_t rows_of(const PageGroup& g, std::int64_t sequence) const {
    if (g.kind() == RowsKind::kStep) return 0;
    return (g.grows() ? lengths_ : source_rows_)[static_cast<std::size_t>(sequence)];
  }
  // Whether every sequence must be whole in one step (state_spec.h): one that has rows takes no more.
  bool whole_sequences() const { return whole_; }
  std::span<const PageGroup> groups() const { return groups_; }
  // Adds the pages of every group that must be free before `s` can take `rows` more rows. pages: by group.
  void add_wanted_pages(const Sequence& s, std::int64_t rows, std::span<std::int64_t> pages) const;
  // Whether sequence `s` can take `rows` more rows now.
  bool has_room(const Sequence& s, std::int64_t rows) const;

 private:
  friend class PrefixCache;
  friend class Sequence;
  friend class StepBuilder;
  struct Slot {
    AttentionStateView view = {};  // without tables
    std::int64_t group = 0;
    std::array<std::int64_t, 4> page_bytes = {};  // of keys, their scales, values, their scales
  };

  const PageGroup& group_of(std::int64_t slot) const {
    return groups_[static_cast<std::size_t>(rows_[static_cast<std::size_t>(slot)].group)];
  }
  std::string layout() const;
  std::array<std::span<std::byte>, 4> page_parts(const Slot& slot, std::int32_t page) const;
  void copy_page(std::int64_t group, std::int32_t from, std::int32_t to);
  void make_room(std::int64_t sequence, std::int64_t rows, RowsKind kind);
  void advance(std::int64_t sequence, std::int64_t rows);
  void drop_beyond(std::int64_t sequence);  // pages of rows beyond its length

  std::vector<StateSpec> slots_;
  StatePoolConfig config_;
  bool whole_;
  std::vector<PageGroup> groups_;
  std::vector<Slot> rows_;                 // by slot
  std::vector<std::int64_t> lengths_;      // by sequence; -1: not alive
  std::vector<std::int64_t> source_rows_;  // by sequence
  Buffer memory_;
};

}  // namespace ttt
