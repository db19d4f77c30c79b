#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/step.h"
#include "state/state_pool.h"

namespace ttt {

struct StepEntry {
  Sequence* sequence = nullptr;
  std::int64_t rows = 0;  // how many are added to it
  // [axes * rows], axis by axis, each from 0 to kMaxPosition; axes: the most that a slot's StateSpec::position_axes
  // says. Empty: the rows' indices in their sequence, on every axis. Read by prepare only.
  std::span<const std::int64_t> positions = {};
};
inline constexpr std::int64_t kMaxPosition = (std::int64_t{1} << 30) - 1;  // sines are exact up to it

// Turns "these sequences get so many new rows" into what a forward reads. Nothing is allocated after construction.
class StepBuilder {
 public:
  StepBuilder(StatePool& pool, std::int64_t max_rows, std::int64_t max_seqs);

  // Finds pages for the new rows and fills the step; valid until the next prepare. ids: [rows], wanted_rows as in Step.
  // Throws Error{kUsage} for entries that cannot be, among them rows for a sequence that has some where
  // StatePool::whole_sequences(), and Error{kResources} without enough free pages; then, and when the forward fails, no
  // sequence has changed.
  Step prepare(std::span<const StepEntry> entries, std::span<const std::int32_t> ids,
               std::span<const std::int64_t> wanted_rows = {});
  // A step whose rows are those of another sequence (an encoder's states), for the store() of cross attention: entries
  // say how many rows each sequence gets. Once for each sequence, and followed by commit.
  Step prepare_source(std::span<const StepEntry> entries);
  // After a forward: the rows count as stored, and rows that no window reaches any more are given up.
  void commit();

  std::int64_t axes() const { return axes_; }

 private:
  void check(std::span<const StepEntry> entries, std::span<const std::int32_t> ids);
  void check_sequences(std::span<const StepEntry> entries);
  void check_pages() const;
  void check_positions(const StepEntry& entry, std::size_t i) const;
  Step fill(std::span<const StepEntry> entries, RowsKind kind);
  void fill_batch(std::span<const StepEntry> entries);
  void fill_positions(const StepEntry& entry, std::int64_t begin, std::int64_t rows, std::int64_t past);
  BatchView batch() const;
  void check_source(std::span<const StepEntry> entries);
  void fill_tables(std::span<const StepEntry> entries);
  void fill_step_table(std::span<const StepEntry> entries, std::size_t group);

  StatePool& pool_;
  std::int64_t max_rows_, max_seqs_, axes_ = 1;
  std::vector<StepEntry> entries_;
  std::vector<RowRange> written_;       // by entry
  std::vector<std::int64_t> entry_of_;  // by sequence of the pool: its entry while entries are checked, else -1
  RowsKind kind_ = RowsKind::kTokens;   // what commit counts: the sequences' own rows or a source's
  std::vector<std::int64_t> row_begin_, past_, positions_, source_rows_;
  std::vector<std::int32_t> many_, one_;
  std::vector<std::vector<std::int32_t>> tables_;  // by group: [max_seqs, entries]
  std::vector<AttentionStateView> views_;          // by slot
};

}  // namespace ttt
