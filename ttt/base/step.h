#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/format.h"
#include "base/tensor.h"

namespace ttt {

// One kind of row (keys, values, a latent) of one layer on this rank, stored in pages as [page][head][row][dim].
// Layout is folded into strides; lengths and tables change from step to step.
struct RowsView {
  Format format = Format::kF32;  // kF32, kBF16, kInt8 (signed codes, one f32 scale per group), kBfp8B
  std::byte* data = nullptr;
  std::byte* scales = nullptr;  // null for f32 and bf16; a scale group lies within one token and head
  std::int64_t page_rows = 0;
  std::int64_t page_stride = 0, head_stride = 0, row_stride = 0;                    // bytes, in data
  std::int64_t scale_page_stride = 0, scale_head_stride = 0, scale_row_stride = 0;  // bytes, in scales
  const std::int32_t* page_table = nullptr;  // [seqs, pages per sequence]; -1: freed
  std::int64_t table_stride = 0;             // entries between the tables of neighbouring sequences of the step

  // Page that holds row `index` of sequence `seq` of the step.
  std::int32_t page_of(std::int64_t seq, std::int64_t index) const {
    return page_table[seq * table_stride + index / page_rows];
  }
  std::byte* row(std::int32_t page, std::int64_t head, std::int64_t offset) const {
    return data + page * page_stride + head * head_stride + offset * row_stride;
  }
  std::byte* row_scales(std::int32_t page, std::int64_t head, std::int64_t offset) const {
    return scales + page * scale_page_stride + head * scale_head_stride + offset * scale_row_stride;
  }
};

struct AttentionStateView {
  RowsView keys, values;
};

// Which rows of the step's hidden states belong to which sequence. Rows are grouped by sequence and ragged: there is
// no padding and no batch extent. A row's index in its sequence, past + offset, drives storage and visibility;
// `positions` feeds only the position rule.
struct BatchView {
  std::span<const std::int64_t> row_begin;  // [seqs + 1], prefix sums
  std::span<const std::int64_t> past;       // [seqs], rows already stored
  std::span<const std::int64_t> positions;  // [axes * rows], axis by axis; one axis unless M-RoPE
  std::span<const std::int32_t> many, one;  // sequences with several rows and with one row: attention's work lists
  std::span<const std::int64_t> source_rows = {};  // [seqs], rows stored of another sequence: cross attention's keys

  std::int64_t rows() const { return row_begin.empty() ? 0 : row_begin.back(); }
  std::int64_t seqs() const { return static_cast<std::int64_t>(past.size()); }
  // [rows], the positions along one axis.
  std::span<const std::int64_t> positions_of(std::int64_t axis) const {
    return positions.subspan(static_cast<std::size_t>(axis * rows()), static_cast<std::size_t>(rows()));
  }
};

// The input of one forward: any mix of prompts, parts of prompts and single tokens.
struct Step {
  std::span<const std::int32_t> ids;  // [rows]
  BatchView batch;
  std::span<const AttentionStateView> states;  // by Context::state_slot
  std::span<const std::int64_t> wanted_rows;   // rows whose logits are wanted, ascending
  // By sequence: [its rows, its stored rows with this step's], f32, added to the scores. Empty, or absent views: none.
  std::span<const ConstTensorView> masks = {};
  std::span<const std::int32_t> token_types = {};  // [rows], or empty: all 0
  ConstTensorView given = {};                      // [rows, width], f32, where a model takes rows and no ids

  std::int64_t rows() const { return batch.rows(); }
};

// Which stored rows the query at index p of its sequence sees: indices in [0, pinned) and in
// [max(p - behind, p - p % chunk), p + ahead]. Causal, bidirectional, sliding, global tokens and local chunks are
// values of these four.
struct Visible {
  static constexpr std::int64_t kAll = std::int64_t{1} << 40;
  std::int64_t behind = kAll;  // a window of w tokens, the query included, is behind = w - 1
  std::int64_t ahead = 0;      // kAll: bidirectional
  std::int64_t pinned = 0;
  std::int64_t chunk = kAll;

  bool operator==(const Visible&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("behind", self.behind);
    visit("ahead", self.ahead);
    visit("pinned", self.pinned);
    visit("chunk", self.chunk);
  }
};

}  // namespace ttt
