#include "state/planned_step.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/checked.h"
#include "base/error.h"

namespace ttt {
namespace {

constexpr std::int64_t kReservedBytes = 1 << 20;  // that the views of all slots point to

std::int64_t rows_of(std::span<const PlannedStep::Entry> entries) {
  std::int64_t rows = 0;
  for (const PlannedStep::Entry& e : entries) {
    require(e.rows >= 0 && e.past >= 0 && e.source_rows >= 0, ErrorKind::kUsage,
            "[planned step] rows, past and source rows wanted numbers of at least 0, got ", e.rows, ", ", e.past,
            " and ", e.source_rows);
    rows = checked_add(rows, e.rows, "rows of a step");
  }
  return rows;
}

}  // namespace

PlannedStep::PlannedStep(std::span<const StateSpec> slots, const StatePoolConfig& config,
                         std::span<const Entry> entries, std::int64_t wanted, RowsKind kind, std::int64_t input_size)
    : memory_(kReservedBytes, Buffer::Access::kReserved) {
  const std::int64_t rows = rows_of(entries);
  require(wanted >= 0 && wanted <= rows, ErrorKind::kUsage, "[planned step] wanted rows wanted 0 to ", rows, ", got ",
          wanted);
  const StateLayout layout = state_layout(slots, config);
  std::array<std::byte*, 4> parts;
  parts.fill(memory_.data());
  std::int64_t axes = 1;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const StateSpec& s = slots[i].shared_slot >= 0 ? slots[static_cast<std::size_t>(slots[i].shared_slot)] : slots[i];
    views_.push_back(slot_view(s, layout.slots[i], parts));
    axes = std::max(axes, slots[i].position_axes);
  }
  fill_batch(entries, axes, kind == RowsKind::kSource);
  wanted_.resize(static_cast<std::size_t>(wanted));
  std::iota(wanted_.begin(), wanted_.end(), rows - wanted);
  ids_.resize(static_cast<std::size_t>(input_size > 0 ? 0 : rows));
  step_ = {.ids = ids_,
           .batch = {.row_begin = row_begin_,
                     .past = past_,
                     .positions = positions_,
                     .many = many_,
                     .one = one_,
                     .source_rows = source_rows_},
           .states = views_,
           .wanted_rows = wanted_};
  if (input_size > 0) step_.given = view_of(reinterpret_cast<const float*>(memory_.data()), {rows, input_size});
}

void PlannedStep::fill_batch(std::span<const Entry> entries, std::int64_t axes, bool source) {
  const std::int64_t rows = rows_of(entries);
  positions_.resize(static_cast<std::size_t>(checked_mul(axes, rows, "positions")));
  for (const Entry& e : entries) {
    const std::int64_t past = source ? 0 : e.past;
    for (std::int64_t a = 0; a < axes; ++a) {
      const auto to = positions_.begin() + a * rows + row_begin_.back();
      std::iota(to, to + e.rows, past);
    }
    if (e.rows > 0) (e.rows == 1 ? one_ : many_).push_back(static_cast<std::int32_t>(past_.size()));
    row_begin_.push_back(row_begin_.back() + e.rows);
    past_.push_back(past);
    source_rows_.push_back(source ? e.rows : e.source_rows);
  }
}

}  // namespace ttt
