#include <algorithm>

#include "base/error.h"
#include "kernels/formats/dense_values.h"
#include "kernels/formats/packed.h"
#include "kernels/formats/packed_block.h"

namespace ttt::kernels {
namespace {

void decode_blocks(Format format, const std::byte* row, std::int64_t begin, std::int64_t count, float* out) {
  const std::int64_t end = begin + count;
  for (std::int64_t at = begin / kBlockInputs * kBlockInputs; at < end; at += kBlockInputs) {
    float values[kBlockInputs];
    block_values(format, read_stored_block(format, row, at), values);
    const std::int64_t from = std::max(begin, at), to = std::min(end, at + kBlockInputs);
    std::copy_n(values + (from - at), to - from, out + (from - begin));
  }
}

}  // namespace

void decode_row(const ConstTensorView& rows, std::int64_t r, std::int64_t begin, std::int64_t count, float* out) {
  require(rows.layout == Layout::kRowMajor, ErrorKind::kUnsupported,
          "decode_row wanted a row-major view, got panels of ", name_of(rows.format));
  const std::byte* row = rows.row<std::byte>(r);
  switch (rows.format) {
    case Format::kF32:
    case Format::kF16:
    case Format::kBF16:
      decode_dense(rows.format, row + begin * traits_of(rows.format).block_bytes, count, out);
      return;
    default:
      require(is_grouped(rows.format), ErrorKind::kUnsupported,
              "decode_row wanted a format that files hold rows in, got ", name_of(rows.format));
      decode_blocks(rows.format, row, begin, count, out);
  }
}

}  // namespace ttt::kernels
