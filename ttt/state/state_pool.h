#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/step.h"
#include "state/page_group.h"
#include "state/state_spec.h"

namespace ttt {

struct StatePoolConfig {
  std::int64_t sequences = 1;  // alive at once, at most
  std::int64_t context = 0;    // rows of one sequence, at most
  std::int64_t page_rows = 0;  // 0: context, so that a sequence is one contiguous page
  std::int64_t chunk = 0;      // rows that one step adds to one sequence, at most; 0: context
  std::int64_t pages = 0;      // for the slots without a window; 0: enough for every sequence's whole context
  std::int64_t rollback = 0;   // rows that truncate can take back although a window has passed them

  bool operator==(const StatePoolConfig&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("sequences", self.sequences);
    visit("context", self.context);
    visit("page_rows", self.page_rows);
    visit("chunk", self.chunk);
    visit("pages", self.pages);
    visit("rollback", self.rollback);
  }
};

class StatePool;

// The rows of one sequence in all slots of a pool, given back when the handle goes. The pool must outlive it.
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
  // Forgets the rows from `length` on. Throws Error{kUsage} when a window has given up rows that would be seen again.
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
  // Slots in the order of Context::state_slot. kReserved: for plans; nothing can be stored.
  StatePool(std::vector<StateSpec> slots, const StatePoolConfig& config,
            Buffer::Access access = Buffer::Access::kReadWrite);
  StatePool(const StatePool&) = delete;
  StatePool& operator=(const StatePool&) = delete;

  // What a pool of these slots takes, exactly.
  static std::int64_t bytes(std::span<const StateSpec> slots, const StatePoolConfig& config);
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
  std::int64_t rows_of(const PageGroup& g, std::int64_t sequence) const {
    return (g.grows() ? lengths_ : source_rows_)[static_cast<std::size_t>(sequence)];
  }
  // Whether sequence `s` can take `rows` more rows now, all other things being equal.
  bool has_room(const Sequence& s, std::int64_t rows) const;

 private:
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
  void lay_out(Buffer::Access access);
  std::string layout() const;
  std::array<std::span<std::byte>, 4> page_parts(const Slot& slot, std::int32_t page) const;
  void copy_page(std::int64_t group, std::int32_t from, std::int32_t to);
  void make_room(std::int64_t sequence, std::int64_t rows, bool grows);
  void advance(std::int64_t sequence, std::int64_t rows);

  std::vector<StateSpec> slots_;
  StatePoolConfig config_;
  std::vector<PageGroup> groups_;
  std::vector<Slot> rows_;                 // by slot
  std::vector<std::int64_t> lengths_;      // by sequence; -1: not alive
  std::vector<std::int64_t> source_rows_;  // by sequence
  Buffer memory_;
};

}  // namespace ttt
