#include "state/state_layout.h"

#include <algorithm>

#include "base/checked.h"
#include "base/error.h"

namespace ttt {
namespace {

constexpr std::int64_t kPartAlignment = 64;
// Windowed slots keep pages of at most this many rows, or a contiguous pool would hold their whole context; so do slots
// of one step, whose rows are of sequences of any length.
constexpr std::int64_t kSmallPageRows = 64;

std::int64_t chunk_of(const StatePoolConfig& c) { return c.chunk == 0 ? c.context : c.chunk; }

std::int64_t step_rows_of(const StatePoolConfig& c) {
  return c.step_rows > 0 ? c.step_rows : checked_mul(c.sequences, chunk_of(c), "state rows of a step");
}

std::int64_t page_rows_of(const StateSpec& s, const StatePoolConfig& c) {
  const std::int64_t asked = c.page_rows == 0 ? c.context : c.page_rows;
  switch (kind_of(s)) {
    case RowsKind::kSource:
      return c.page_rows == 0 ? s.source_rows : std::min(c.page_rows, s.source_rows);
    case RowsKind::kStep:
      return std::min(kSmallPageRows, step_rows_of(c));
    case RowsKind::kTokens:
      break;
  }
  return std::min({has_window(s.visible) ? kSmallPageRows : asked, asked, c.context});
}

// Pages of one sequence at its fullest: the rows a window reaches back, those of a step, and what rounding adds.
std::int64_t pages_of_sequence(const Visible& v, std::int64_t page_rows, const StatePoolConfig& c) {
  const std::int64_t all = div_up(c.context, page_rows);
  if (!has_window(v)) return all;
  const std::int64_t back = checked_add(std::min({v.behind, v.chunk - 1, c.context}), c.rollback, "state window");
  const std::int64_t window = div_up(checked_add(back, chunk_of(c), "state window") - 1, page_rows) + 1;
  return std::min(all, div_up(std::min(v.pinned, c.context), page_rows) + window);
}

std::int64_t pages_of(const StateSpec& s, std::int64_t page_rows, const StatePoolConfig& c) {
  switch (kind_of(s)) {
    case RowsKind::kSource:
      return checked_mul(c.sequences, div_up(s.source_rows, page_rows), "state pages");
    case RowsKind::kStep:  // every sequence begins a page
      return checked_add(step_rows_of(c), checked_mul(c.sequences, page_rows - 1, "state pages"), "state pages") /
             page_rows;
    case RowsKind::kTokens:
      break;
  }
  if (!has_window(s.visible) && c.pages > 0) return c.pages;
  return checked_mul(c.sequences, pages_of_sequence(s.visible, page_rows, c), "state pages");
}

void check(const StatePoolConfig& c) {
  require(c.sequences > 0 && c.context > 0, ErrorKind::kUsage,
          "[state] sequences and context wanted positive numbers, got ", c.sequences, " and ", c.context);
  require(c.page_rows >= 0 && c.chunk >= 0 && c.pages >= 0 && c.rollback >= 0 && c.step_rows >= 0, ErrorKind::kUsage,
          "[state] page_rows, chunk, pages, rollback and step_rows wanted numbers of at least 0, got ", c.page_rows,
          ", ", c.chunk, ", ", c.pages, ", ", c.rollback, " and ", c.step_rows);
}

void check(const StateSpec& s, std::size_t slot, std::span<const StateSpec> slots) {
  const Visible& v = s.visible;
  require(s.heads >= 0 && s.key_dim >= 0 && s.value_dim >= 0, ErrorKind::kUsage, "[state slot ", slot,
          "] heads, key_dim and value_dim wanted numbers of at least 0, got ", s.heads, ", ", s.key_dim, " and ",
          s.value_dim);
  require(v.behind >= 0 && v.ahead >= 0 && v.pinned >= 0 && v.chunk > 0, ErrorKind::kUsage, "[state slot ", slot,
          "] visible wanted numbers of at least 0 and a positive chunk, got behind ", v.behind, ", ahead ", v.ahead,
          ", pinned ", v.pinned, ", chunk ", v.chunk);
  require(s.source_rows >= 0 && (s.source_rows == 0 || !s.step_only), ErrorKind::kUsage, "[state slot ", slot,
          "] source_rows wanted a number of at least 0, and 0 for rows of one step, got ", s.source_rows);
  require(s.shared_slot < static_cast<std::int64_t>(slot) &&
              (s.shared_slot < 0 || slots[static_cast<std::size_t>(s.shared_slot)].shared_slot < 0),
          ErrorKind::kUsage, "[state slot ", slot, "] shared_slot wanted an earlier slot with rows of its own, got ",
          s.shared_slot);
}

std::array<std::int64_t, 4> row_bytes(const StateSpec& s) {
  const StateRowBytes k = state_row_bytes(s.format, s.key_dim), v = state_row_bytes(s.format, s.value_dim);
  return {k.data, k.scales, v.data, v.scales};
}

SlotLayout layout_of(const StateSpec& s, const StatePoolConfig& c) {
  SlotLayout l{.kind = kind_of(s), .page_rows = page_rows_of(s, c)};
  l.context = l.kind == RowsKind::kSource ? s.source_rows : l.kind == RowsKind::kStep ? step_rows_of(c) : c.context;
  l.pages = pages_of(s, l.page_rows, c);
  require(l.pages <= INT32_MAX, ErrorKind::kUsage, "[state] wanted at most 2^31 - 1 pages, got ", l.pages);
  l.table_entries = div_up(l.context, l.page_rows);
  const std::array<std::int64_t, 4> rows = row_bytes(s);
  for (std::size_t k = 0; k < rows.size(); ++k) {
    l.page_bytes[k] = checked_product({s.heads, l.page_rows, rows[k]}, "state page");
    l.part_offset[k] = l.bytes;
    const std::int64_t part = checked_mul(l.page_bytes[k], l.pages, "state");
    l.bytes = checked_add(l.bytes, checked_round_up(part, kPartAlignment, "state"), "state");
  }
  return l;
}

// Slots of one step use the same memory in turn, unless a later slot reads their rows.
std::vector<bool> take_turns(std::span<const StateSpec> slots) {
  std::vector<bool> turns;
  for (const StateSpec& s : slots) turns.push_back(s.step_only && s.shared_slot < 0);
  for (const StateSpec& s : slots) {
    if (s.shared_slot >= 0) turns[static_cast<std::size_t>(s.shared_slot)] = false;
  }
  return turns;
}

}  // namespace

RowsKind kind_of(const StateSpec& slot) {
  return slot.step_only ? RowsKind::kStep : slot.source_rows > 0 ? RowsKind::kSource : RowsKind::kTokens;
}

bool has_window(const Visible& v) { return v.behind < Visible::kAll || v.chunk < Visible::kAll; }

bool whole_sequences(std::span<const StateSpec> slots) {
  const auto is = [](RowsKind kind) { return [kind](const StateSpec& s) { return kind_of(s) == kind; }; };
  return std::ranges::any_of(slots, is(RowsKind::kStep)) && std::ranges::none_of(slots, is(RowsKind::kTokens));
}

std::int64_t most_source_rows(std::span<const StateSpec> slots) {
  std::int64_t most = 0;
  for (const StateSpec& s : slots) most = std::max(most, s.source_rows);
  return most;
}

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

StateLayout state_layout(std::span<const StateSpec> slots, const StatePoolConfig& config) {
  check(config);
  StateLayout all;
  const std::vector<bool> turns = take_turns(slots);
  std::int64_t shared_bytes = 0;  // at the begin of the memory: of the slots that take turns
  for (std::size_t i = 0; i < slots.size(); ++i) {
    check(slots[i], i, slots);
    if (slots[i].shared_slot >= 0) {
      all.slots.push_back(all.slots[static_cast<std::size_t>(slots[i].shared_slot)]);
      all.slots.back().bytes = 0;
      continue;
    }
    SlotLayout& l = all.slots.emplace_back(layout_of(slots[i], config));
    if (!turns[i]) continue;
    const std::int64_t bytes = l.bytes;
    l.bytes = std::max<std::int64_t>(bytes - shared_bytes, 0);
    shared_bytes = std::max(shared_bytes, bytes);
  }
  all.bytes = shared_bytes;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    SlotLayout& l = all.slots[i];
    if (slots[i].shared_slot >= 0) {
      l.part_offset = all.slots[static_cast<std::size_t>(slots[i].shared_slot)].part_offset;
    } else if (!turns[i]) {
      for (std::int64_t& offset : l.part_offset) offset = checked_add(offset, all.bytes, "state");
      all.bytes = checked_add(all.bytes, l.bytes, "state");
    }
  }
  return all;
}

AttentionStateView slot_view(const StateSpec& s, const SlotLayout& layout, const std::array<std::byte*, 4>& parts) {
  const auto rows = [&](std::int64_t dim, std::byte* data, std::byte* scales) {
    const StateRowBytes row = state_row_bytes(s.format, dim);
    return RowsView{.format = s.format,
                    .data = data,
                    .scales = row.scales > 0 ? scales : nullptr,
                    .page_rows = layout.page_rows,
                    .page_stride = s.heads * layout.page_rows * row.data,
                    .head_stride = layout.page_rows * row.data,
                    .row_stride = row.data,
                    .scale_page_stride = s.heads * layout.page_rows * row.scales,
                    .scale_head_stride = layout.page_rows * row.scales,
                    .scale_row_stride = row.scales,
                    .table_stride = layout.table_entries};
  };
  return {.keys = rows(s.key_dim, parts[0], parts[1]), .values = rows(s.value_dim, parts[2], parts[3])};
}

}  // namespace ttt
