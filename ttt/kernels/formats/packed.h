#pragma once

#include <cstddef>
#include <cstdint>

#include "base/tensor.h"

namespace ttt::kernels {

// Grouped weights reordered for the matrix product (Layout::kPanels). A panel holds 16 output channels; all
// instruction-set levels read the same layout (kernels/formats/packed_layout.h). No value changes: value = scale * code
// + minimum as in the source.
//
// The logical shape stays [out, in]; channels beyond `out` and inputs beyond `in` inside the last panel and block are
// zero-valued or are multiplied by zero inputs. Packed memory starts on a multiple of 64 bytes.

// Bytes of a packed [out, in] matrix. Throws Error{kUnsupported} when the format cannot be packed (dense ones), and
// Error{kBadData} when `in` of a GGUF format is not a multiple of 32.
std::int64_t packed_bytes(Format format, std::int64_t out, std::int64_t in);

// The rows that packing reads: row r of the packed matrix is source row `row_of(r)` (null: r itself), and of each
// row the elements [in_begin, in_begin + in). in_begin is a multiple of 32 (kBfp8B and kBfp4B: 16; kInt8: any). A cut
// of a format with scales for 256 values that does not begin on a multiple of 256 must not have an `in` that is a
// multiple of 256 (kUnsupported): such a cut holds one super-block scale per 32 inputs. A scale of kInt8 is that of the
// whole source row.
struct PackSource {
  ConstTensorView rows = {};  // [source rows, source in], row-major, blocks as in files, of the packed format; or any
                              // dense format for kInt8, kInt4, kBfp8B, kBfp4B and kQ8_0, which are then quantised
  const std::int64_t* row_index = nullptr;  // [out], or null
  std::int64_t in_begin = 0;
};

// Packs panels [panel_begin, panel_end) of `out` x `in` into `packed` (the whole matrix, packed_bytes). Panels are
// independent, so callers may run ranges in parallel. Throws before anything is written.
void pack_panels(Format format, const PackSource& source, std::int64_t out, std::int64_t in, std::int64_t panel_begin,
                 std::int64_t panel_end, std::byte* packed);
inline constexpr std::int64_t kPanelColumns = 16;
inline std::int64_t panels_of(std::int64_t out) { return (out + kPanelColumns - 1) / kPanelColumns; }

// The view that matmul kernels and decode_packed_row read.
ConstTensorView packed_view(const std::byte* packed, Format format, std::int64_t out, std::int64_t in);

// Writes values [begin, begin + count) of row `r` of a row-major view (dense, or grouped as files hold it) as f32,
// exactly. `begin` and `count` may be any.
void decode_row(const ConstTensorView& rows, std::int64_t r, std::int64_t begin, std::int64_t count, float* out);

// A whole row of packed panels; for tests, tables and conversions.
void decode_packed_row(const ConstTensorView& packed, std::int64_t r, float* out);
// Values [begin, begin + count) of it; `begin` is a multiple of 32.
void decode_packed_part(const ConstTensorView& packed, std::int64_t r, std::int64_t begin, std::int64_t count,
                        float* out);

}  // namespace ttt::kernels
