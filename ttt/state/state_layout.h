#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/step.h"
#include "state/state_spec.h"

namespace ttt {

struct StatePoolConfig {
  std::int64_t sequences = 1;  // most at the same time
  std::int64_t context = 0;    // rows of one sequence, at most
  std::int64_t page_rows = 0;  // 0: context, so that a sequence is one contiguous page
  std::int64_t chunk = 0;      // rows that one step adds to one sequence, at most; 0: context
  std::int64_t pages = 0;      // for the slots without a window; 0: enough for every sequence's whole context
  std::int64_t rollback = 0;   // rows that truncate can remove although a window has passed them
  std::int64_t step_rows = 0;  // rows of one step, at most, which step_only slots hold; 0: sequences * chunk

  bool operator==(const StatePoolConfig&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("sequences", self.sequences);
    visit("context", self.context);
    visit("page_rows", self.page_rows);
    visit("chunk", self.chunk);
    visit("pages", self.pages);
    visit("rollback", self.rollback);
    visit("step_rows", self.step_rows);
  }
};

// The kind of a slot's rows: one for every token of a sequence, the rows of another sequence, or those of one step.
enum class RowsKind : std::uint8_t { kTokens, kSource, kStep };
RowsKind kind_of(const StateSpec& slot);
bool has_window(const Visible& visible);

// The layout of one slot's rows in the memory of a pool.
struct SlotLayout {
  RowsKind kind = RowsKind::kTokens;
  std::int64_t context = 0;                      // rows of one sequence, at most
  std::int64_t page_rows = 0, pages = 0;         // pages of all sequences together
  std::int64_t table_entries = 0;                // pages of one sequence, released ones included
  std::array<std::int64_t, 4> page_bytes = {};   // of keys, their scales, values, their scales
  std::array<std::int64_t, 4> part_offset = {};  // where the pages of each of these begin
  std::int64_t bytes = 0;  // that this slot adds to the pool; 0 where it uses those of an earlier slot
};

struct StateLayout {
  std::vector<SlotLayout> slots = {};  // in the order of Context::state_slot
  std::int64_t bytes = 0;
};

// Costs nothing in proportion to the context. Throws Error{kUsage} for invalid slots and configurations, and for
// sizes that overflow.
StateLayout state_layout(std::span<const StateSpec> slots, const StatePoolConfig& config);

// The view of a slot whose keys, their scales, values and their scales begin at `parts`; without page tables.
AttentionStateView slot_view(const StateSpec& slot, const SlotLayout& layout, const std::array<std::byte*, 4>& parts);

}  // namespace ttt
