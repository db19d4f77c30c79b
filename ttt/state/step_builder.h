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
  // [axes * rows], axis by axis, each from 0 to kMaxPosition; axes: the largest StateSpec::position_axes of all
  // slots. Empty: the rows' indices in their sequence, on every axis. Read by prepare only.
  std::span<const std::int64_t> positions = {};
  std::span<const std::int32_t> token_types = {};  // [rows]; empty: all 0. Read by prepare and prepare_source only.
  // [rows, StepBuilder's input_size], f32: the input of models that take rows instead of ids. Read as token_types.
  ConstTensorView given = {};
};
inline constexpr std::int64_t kMaxPosition = (std::int64_t{1} << 30) - 1;  // sines are exact up to it

// Makes the Step of a forward from a list of sequences and numbers of new rows. Nothing is allocated after
// construction.
class StepBuilder {
 public:
  // A step has at most `max_rows` rows, or the most rows of a source in a slot of the pool. input_size: the
  // width of rows that are given instead of ids; 0: there are ids.
  StepBuilder(StatePool& pool, std::int64_t max_rows, std::int64_t max_seqs, std::int64_t input_size = 0);
  // The exact memory of a builder for given rows.
  static std::int64_t given_bytes(std::span<const StateSpec> slots, std::int64_t max_rows, std::int64_t input_size);

  // Finds pages for the new rows and fills the step; valid until the next prepare. ids: [rows], none where rows are
  // given; wanted_rows as in Step.
  // Throws Error{kUsage} for invalid entries, also for further rows of a sequence if StatePool::whole_sequences(), and
  // Error{kResources} without enough free pages; then, and when the forward fails, no sequence has changed.
  Step prepare(std::span<const StepEntry> entries, std::span<const std::int32_t> ids,
               std::span<const std::int64_t> wanted_rows = {});
  // A step whose rows are those of a source: for an encoder, whose slots are step_only, and for the store() of cross
  // attention, which keeps the keys and values. Entries have the number of source rows of each sequence, whose own
  // length does not change. ids: [rows], or none if no block of the step reads them. Call it once for each sequence,
  // and then commit.
  Step prepare_source(std::span<const StepEntry> entries, std::span<const std::int32_t> ids = {});
  // After a forward: its rows are now stored, and rows that no window reaches any more are released. kept: of each
  // entry, how many of its rows stay, the first ones; the pages of the others are released. Empty: all. Rows of a
  // source stay all.
  void commit(std::span<const std::int64_t> kept = {});

  std::int64_t axes() const { return axes_; }

 private:
  void check(std::span<const StepEntry> entries, std::span<const std::int32_t> ids);
  void check_sequences(std::span<const StepEntry> entries);
  void check_pages() const;
  void check_positions(const StepEntry& entry, std::size_t i) const;
  void check_input(std::span<const StepEntry> entries, std::span<const std::int32_t> ids, std::int64_t rows,
                   bool wanted) const;
  Step fill(std::span<const StepEntry> entries, std::span<const std::int32_t> ids, RowsKind kind);
  void fill_input(std::span<const StepEntry> entries, Step& step);
  void fill_batch(std::span<const StepEntry> entries);
  void fill_positions(const StepEntry& entry, std::int64_t begin, std::int64_t rows, std::int64_t past);
  BatchView batch() const;
  void check_source(std::span<const StepEntry> entries, std::span<const std::int32_t> ids);
  void fill_tables(std::span<const StepEntry> entries);
  void fill_step_table(std::span<const StepEntry> entries, std::size_t group);

  StatePool& pool_;
  std::int64_t max_rows_, max_source_rows_, max_seqs_, input_size_, axes_ = 1;
  std::vector<StepEntry> entries_;
  std::vector<RowRange> written_;       // by entry
  std::vector<std::int64_t> entry_of_;  // by sequence of the pool: its entry while entries are checked, else -1
  RowsKind kind_ = RowsKind::kTokens;   // what commit counts: the sequences' own rows or a source's
  std::vector<std::int64_t> row_begin_, past_, positions_, source_rows_;
  std::vector<std::int32_t> many_, one_, types_;
  std::vector<float> given_;                       // [rows, input_size]
  std::vector<std::vector<std::int32_t>> tables_;  // by group: [max_seqs, entries]
  std::vector<AttentionStateView> views_;          // by slot
};

}  // namespace ttt
