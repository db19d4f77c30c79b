#include "state/step_builder.h"

#include <algorithm>
#include <numeric>

#include "base/checked.h"
#include "base/error.h"

namespace ttt {

StepBuilder::StepBuilder(StatePool& pool, std::int64_t max_rows, std::int64_t max_seqs, std::int64_t input_size)
    : pool_(pool),
      max_rows_(max_rows),
      max_source_rows_(std::max(max_rows, most_source_rows(pool.slots()))),
      max_seqs_(max_seqs),
      input_size_(input_size),
      views_(pool.rows_.size()) {
  require(max_rows > 0 && max_seqs > 0 && input_size >= 0, ErrorKind::kUsage,
          "[step] rows and sequences wanted positive numbers, and the width of given rows one of at least 0, got ",
          max_rows, ", ", max_seqs, " and ", input_size);
  const std::size_t seqs = static_cast<std::size_t>(max_seqs);
  for (const StateSpec& slot : pool.slots()) axes_ = std::max(axes_, slot.position_axes);
  entries_.reserve(seqs);
  entry_of_.assign(static_cast<std::size_t>(pool.config().sequences), -1);
  written_.reserve(seqs);
  row_begin_.reserve(seqs + 1);
  past_.reserve(seqs);
  source_rows_.reserve(seqs);
  positions_.reserve(static_cast<std::size_t>(checked_mul(max_source_rows_, axes_, "positions")));
  types_.reserve(static_cast<std::size_t>(max_source_rows_));
  given_.resize(static_cast<std::size_t>(given_bytes(pool.slots(), max_rows, input_size)) / sizeof(float));
  many_.reserve(seqs);
  one_.reserve(seqs);
  for (const PageGroup& g : pool.groups_) {
    tables_.emplace_back(static_cast<std::size_t>(checked_mul(max_seqs, g.entries(), "step page tables")), -1);
  }
  for (std::size_t i = 0; i < views_.size(); ++i) {
    const std::size_t group = static_cast<std::size_t>(pool.rows_[i].group);
    views_[i] = pool.rows_[i].view;
    for (RowsView* rows : {&views_[i].keys, &views_[i].values}) {
      rows->page_table = tables_[group].data();
    }
  }
}

void StepBuilder::check_positions(const StepEntry& e, std::size_t i) const {
  if (e.positions.empty()) return;
  require(static_cast<std::int64_t>(e.positions.size()) == axes_ * e.rows, ErrorKind::kUsage, "[step] entry ", i,
          " wanted positions of ", e.rows, " rows on ", axes_, axes_ == 1 ? " axis, " : " axes, ", axes_ * e.rows,
          " values, got ", e.positions.size());
  for (const std::int64_t p : e.positions) {
    require(p >= 0 && p <= kMaxPosition, ErrorKind::kUsage, "[step] entry ", i, " wanted positions from 0 to ",
            kMaxPosition, ", got ", p);
  }
}

std::int64_t StepBuilder::given_bytes(std::span<const StateSpec> slots, std::int64_t max_rows,
                                      std::int64_t input_size) {
  const std::int64_t rows = std::max(max_rows, most_source_rows(slots));
  return checked_product({rows, input_size, std::int64_t{sizeof(float)}}, "given rows");
}

void StepBuilder::check_input(std::span<const StepEntry> entries, std::span<const std::int32_t> ids, std::int64_t rows,
                              bool wanted) const {
  const std::int64_t id_rows = input_size_ > 0 || (!wanted && ids.empty()) ? 0 : rows;
  require(static_cast<std::int64_t>(ids.size()) == id_rows, ErrorKind::kUsage, "[step] ids wanted ", id_rows,
          input_size_ > 0 ? text(" values, as the model takes rows of width ", input_size_) : std::string(" values"),
          ", got ", ids.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const StepEntry& e = entries[i];
    require(e.token_types.empty() || static_cast<std::int64_t>(e.token_types.size()) == e.rows, ErrorKind::kUsage,
            "[step] entry ", i, " wanted token types of ", e.rows, " rows, or none, got ", e.token_types.size());
    if (input_size_ == 0) {
      require(!e.given, ErrorKind::kUsage, "[step] entry ", i, " wanted ids, as the model takes no rows, got rows ",
              e.given.shape.to_string());
      continue;
    }
    const Shape shape{e.rows, input_size_};
    require((!wanted && !e.given) || (e.given.shape == shape && e.given.format == Format::kF32), ErrorKind::kUsage,
            "[step] entry ", i, " wanted given rows f32 ", shape.to_string(), ", got ",
            e.given ? text(name_of(e.given.format), " ", e.given.shape.to_string()) : std::string("none"));
  }
}

void StepBuilder::check_sequences(std::span<const StepEntry> entries) {
  require(static_cast<std::int64_t>(entries.size()) <= max_seqs_, ErrorKind::kUsage, "[step] wanted at most ",
          max_seqs_, " sequences, got ", entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const StepEntry& e = entries[i];
    require(e.sequence != nullptr && e.sequence->pool_ == &pool_, ErrorKind::kUsage, "[step] entry ", i,
            " wanted a sequence of this pool, got ", e.sequence != nullptr && *e.sequence ? "another pool's" : "none");
  }
  const auto of = [&](const StepEntry& e) -> std::int64_t& {
    return entry_of_[static_cast<std::size_t>(e.sequence->id())];
  };
  std::size_t first = 0, second = 0;  // entries of one sequence
  for (std::size_t i = 0; i < entries.size() && second == 0; ++i) {
    if (of(entries[i]) >= 0) {
      first = static_cast<std::size_t>(of(entries[i]));
      second = i;
    }
    of(entries[i]) = static_cast<std::int64_t>(i);
  }
  for (const StepEntry& e : entries) of(e) = -1;
  require(second == 0, ErrorKind::kUsage, "[step] entries ", first, " and ", second,
          " wanted different sequences, got the same one");
}

void StepBuilder::check_pages() const {
  for (const PageGroup& g : pool_.groups_) {
    if (g.kind() != kind_ && g.kind() != RowsKind::kStep) continue;
    const std::int64_t wanted = g.wanted_pages(written_);
    require(wanted <= g.free_pages(), ErrorKind::kResources, "[state] wanted ", wanted, " pages of ", g.page_rows(),
            " rows more, got ", g.free_pages(), " free of ", g.pages());
  }
}

void StepBuilder::check(std::span<const StepEntry> entries, std::span<const std::int32_t> ids) {
  check_sequences(entries);
  std::int64_t rows = 0;
  const StatePoolConfig& c = pool_.config_;
  const std::int64_t chunk = c.chunk == 0 ? c.context : c.chunk;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const StepEntry& e = entries[i];
    require(e.rows >= 0 && e.rows <= chunk, ErrorKind::kUsage, "[step] entry ", i, " wanted 0 to ", chunk,
            " rows, got ", e.rows);
    require(e.rows <= c.context - e.sequence->length(), ErrorKind::kUsage, "[step] entry ", i, " wanted at most ",
            c.context - e.sequence->length(), " rows more in a context of ", c.context, ", got ", e.rows);
    require(!pool_.whole_sequences() || e.rows == 0 || e.sequence->length() == 0, ErrorKind::kUsage, "[step] entry ", i,
            " wanted all rows of its sequence at once, as rows see those after them, got ", e.rows, " after ",
            e.sequence->length());
    check_positions(e, i);
    rows += e.rows;
  }
  require(rows <= max_rows_, ErrorKind::kUsage, "[step] wanted at most ", max_rows_, " rows, got ", rows);
  check_input(entries, ids, rows, true);
}

void StepBuilder::check_source(std::span<const StepEntry> entries, std::span<const std::int32_t> ids) {
  check_sequences(entries);
  std::int64_t rows = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const StepEntry& e = entries[i];
    require(e.sequence->source_rows() == 0, ErrorKind::kUsage, "[step] entry ", i,
            " wanted a sequence without a source, got one with ", e.sequence->source_rows(), " rows");
    require(e.positions.empty(), ErrorKind::kUsage, "[step] entry ", i,
            " wanted no positions for rows of a source, got ", e.positions.size());
    for (const PageGroup& g : pool_.groups_) {
      require(e.rows >= 0 && (g.kind() != RowsKind::kSource || e.rows <= g.context()), ErrorKind::kUsage,
              "[step] entry ", i, " wanted 0 to ", g.context(), " rows of a source, got ", e.rows);
    }
    rows += e.rows;
  }
  require(rows <= max_source_rows_, ErrorKind::kUsage, "[step] wanted at most ", max_source_rows_, " rows, got ", rows);
  check_input(entries, ids, rows, false);
}

// The positions of an entry's rows, which begin at row `begin` of the step's `rows`.
void StepBuilder::fill_positions(const StepEntry& e, std::int64_t begin, std::int64_t rows, std::int64_t past) {
  for (std::int64_t a = 0; a < axes_; ++a) {
    const auto to = positions_.begin() + a * rows + begin;
    if (e.positions.empty()) {
      std::iota(to, to + e.rows, past);
    } else {
      std::copy_n(e.positions.begin() + a * e.rows, e.rows, to);
    }
  }
}

void StepBuilder::fill_batch(std::span<const StepEntry> entries) {
  const bool grows = kind_ == RowsKind::kTokens;
  row_begin_.assign(1, 0);
  past_.clear();
  source_rows_.clear();
  many_.clear();
  one_.clear();
  std::int64_t all = 0;
  for (const StepEntry& e : entries) all += e.rows;
  positions_.resize(static_cast<std::size_t>(axes_ * all));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::int64_t rows = entries[i].rows, past = grows ? entries[i].sequence->length() : 0;
    source_rows_.push_back(entries[i].sequence->source_rows() + (grows ? 0 : rows));
    fill_positions(entries[i], row_begin_.back(), all, past);
    row_begin_.push_back(row_begin_.back() + rows);
    past_.push_back(past);
    if (rows == 1) one_.push_back(static_cast<std::int32_t>(i));
    if (rows > 1) many_.push_back(static_cast<std::int32_t>(i));
  }
}

// Pages in the order of the rows. Rows of an earlier step are gone.
void StepBuilder::fill_step_table(std::span<const StepEntry> entries, std::size_t group) {
  const PageGroup& g = pool_.groups_[group];
  std::int32_t next = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto table = tables_[group].begin() + static_cast<std::int64_t>(i) * g.entries();
    const std::int64_t used = past_[i] == 0 ? div_up(entries[i].rows, g.page_rows()) : 0;
    std::iota(table, table + used, next);
    std::fill(table + used, table + g.entries(), -1);
    next += static_cast<std::int32_t>(used);
  }
}

void StepBuilder::fill_tables(std::span<const StepEntry> entries) {
  for (std::size_t k = 0; k < tables_.size(); ++k) {
    const PageGroup& g = pool_.groups_[k];
    if (g.kind() == RowsKind::kStep) {
      fill_step_table(entries, k);
      continue;
    }
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const std::span<const std::int32_t> table = g.table(entries[i].sequence->id());
      const std::int64_t more = g.kind() == kind_ ? entries[i].rows : 0;
      const std::int64_t used = div_up(pool_.rows_of(g, entries[i].sequence->id()) + more, g.page_rows());
      std::copy_n(table.begin(), used, tables_[k].begin() + static_cast<std::int64_t>(i) * g.entries());
    }
  }
}

// Token types and given rows of all entries, back to back.
void StepBuilder::fill_input(std::span<const StepEntry> entries, Step& step) {
  types_.clear();
  if (std::ranges::any_of(entries, [](const StepEntry& e) { return !e.token_types.empty(); })) {
    for (const StepEntry& e : entries) {
      types_.insert(types_.end(), e.token_types.begin(), e.token_types.end());
      if (e.token_types.empty()) types_.insert(types_.end(), static_cast<std::size_t>(e.rows), 0);
    }
  }
  step.token_types = types_;
  if (!std::ranges::any_of(entries, [](const StepEntry& e) { return static_cast<bool>(e.given); })) return;
  auto to = given_.begin();
  for (const StepEntry& e : entries) {
    for (std::int64_t r = 0; r < e.rows; ++r) to = std::copy_n(e.given.row<float>(r), input_size_, to);
  }
  step.given = view_of(static_cast<const float*>(given_.data()), {step.rows(), input_size_});
}

Step StepBuilder::fill(std::span<const StepEntry> entries, std::span<const std::int32_t> ids, RowsKind kind) {
  kind_ = kind;
  written_.clear();
  for (const StepEntry& e : entries) {
    const std::int64_t begin = kind == RowsKind::kTokens ? e.sequence->length() : 0;
    written_.push_back({e.sequence->id(), begin, begin + e.rows});
  }
  check_pages();
  entries_.assign(entries.begin(), entries.end());
  for (const StepEntry& e : entries) pool_.make_room(e.sequence->id(), e.rows, kind);
  fill_batch(entries);
  fill_tables(entries);
  Step step{.ids = ids, .batch = batch(), .states = views_, .wanted_rows = {}};
  fill_input(entries, step);
  return step;
}

Step StepBuilder::prepare(std::span<const StepEntry> entries, std::span<const std::int32_t> ids,
                          std::span<const std::int64_t> wanted_rows) {
  check(entries, ids);
  Step step = fill(entries, ids, RowsKind::kTokens);
  step.wanted_rows = wanted_rows;
  return step;
}

Step StepBuilder::prepare_source(std::span<const StepEntry> entries, std::span<const std::int32_t> ids) {
  check_source(entries, ids);
  return fill(entries, ids, RowsKind::kSource);
}

BatchView StepBuilder::batch() const {
  return {.row_begin = row_begin_,
          .past = past_,
          .positions = positions_,
          .many = many_,
          .one = one_,
          .source_rows = source_rows_};
}

void StepBuilder::commit(std::span<const std::int64_t> kept) {
  require(kept.empty() || (kind_ == RowsKind::kTokens && kept.size() == entries_.size()), ErrorKind::kUsage,
          "[step] commit wanted the kept rows of all or of no entries of a step of tokens, got ", kept.size(), " of ",
          entries_.size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    require(kept[i] >= 0 && kept[i] <= entries_[i].rows, ErrorKind::kUsage, "[step] entry ", i, " wanted 0 to ",
            entries_[i].rows, " rows to keep, got ", kept[i]);
  }
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const StepEntry& e = entries_[i];
    const std::int64_t stay = kept.empty() ? e.rows : kept[i];
    if (kind_ == RowsKind::kTokens) pool_.advance(e.sequence->id(), stay);
    if (stay < e.rows) pool_.drop_beyond(e.sequence->id());
    if (kind_ == RowsKind::kSource) pool_.source_rows_[static_cast<std::size_t>(e.sequence->id())] = e.rows;
  }
  entries_.clear();
}

}  // namespace ttt
