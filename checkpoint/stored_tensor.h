#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/tensor.h"

namespace ttt {

// Rows that a file does not hold in one piece: with scales apart, or with other bits in a word.
class AssembledRows {
 public:
  virtual ~AssembledRows() = default;
  // What read gives: a grouped format, in blocks as in files, or f32.
  virtual Format format() const = 0;
  // Row `row` of the tensor, all its columns, in the order of the file. May be called on many threads.
  virtual void read(std::int64_t row, std::byte* to) const = 0;
};

// A tensor as a file holds it, described in the order and under the name that the model expects. The last members
// describe how the bytes must be changed for that; all zero for safetensors.
struct StoredTensor {
  std::string name = {};  // in the vocabulary of Hugging Face checkpoints
  Format format = Format::kOther;
  std::string format_name = {};     // as the file spells it: "BF16", "Q4_K", "F8_E4M3"
  Shape shape = {};                 // outermost first, after the changes below
  const std::byte* data = nullptr;  // need not be aligned
  std::int64_t bytes = 0;
  std::string file = {};
  std::int64_t offset = 0;  // in that file
  // Where given, rows are read from it, and `data` and `bytes` are those of the largest part that it is made of.
  std::shared_ptr<const AssembledRows> assembled = {};

  // > 0: rows of each of so many heads are stored as [half][2] and meant as [2][half] (files of the llama architecture
  // have the interleaved layout).
  std::int64_t rotary_heads = 0;
  bool transposed = false;  // the file holds the last two extents in the opposite order
  // > 0: number of parts of the rows, each transposed separately, one after the other; `transposed` is true.
  std::int64_t transposed_parts = 0;
  bool subtract_one = false;   // the file holds value + 1
  bool unusable_rank = false;  // more than Shape::kMaxRank extents; shape holds their product
  bool unlisted = false;       // a shard holds it, but the index of the shards does not name it
};

// The row of the file that holds row `r` of the tensor.
inline std::int64_t stored_row(const StoredTensor& t, std::int64_t r) {
  if (t.rotary_heads == 0) return r;
  const std::int64_t head_rows = t.shape[0] / t.rotary_heads, half = head_rows / 2;
  const std::int64_t head = r / head_rows, in_head = r % head_rows;
  return head * head_rows + (in_head % half) * 2 + in_head / half;
}

}  // namespace ttt
