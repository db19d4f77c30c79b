#include "kernels/formats/stored_block.h"

#include <cstring>

#include "base/error.h"
#include "kernels/formats/packed_block.h"

namespace ttt::kernels {
namespace {

void put_half(std::uint16_t h, std::byte* to) { std::memcpy(to, &h, sizeof h); }

std::byte nibbles(int low, int high) { return static_cast<std::byte>(low | (high << 4)); }

// A code about `centre` as a sign above a magnitude.
int sign_and_magnitude(int code, int centre) { return code < centre ? centre | (centre - code) : code - centre; }

void write_bfp(const BlockCodes& b, int centre, std::byte* to) {
  to[0] = static_cast<std::byte>(b.sub_scale[0]);
  to[1] = static_cast<std::byte>(b.sub_scale[1]);
  const auto code = [&](int j) { return sign_and_magnitude(b.codes[j], centre); };
  if (centre == 128) {
    for (int j = 0; j < 32; ++j) to[2 + j] = static_cast<std::byte>(code(j));
  } else {
    for (int j = 0; j < 16; ++j) to[2 + j] = nibbles(code(2 * j), code(2 * j + 1));
  }
}

void write_block(Format format, const BlockCodes& b, std::byte* to) {
  switch (format) {
    case Format::kInt4:
      put_half(b.scale, to);
      put_half(b.minimum, to + 2);
      for (int j = 0; j < 16; ++j) to[4 + j] = nibbles(b.codes[j], b.codes[j + 16]);
      return;
    case Format::kBfp8B:
      return write_bfp(b, 128, to);
    case Format::kBfp4B:
      return write_bfp(b, 8, to);
    case Format::kQ8_0:
      put_half(b.scale, to);
      to += 2;
      [[fallthrough]];
    default:  // kInt8
      for (int j = 0; j < 32; ++j) to[j] = static_cast<std::byte>(b.codes[j] ^ 0x80u);
  }
}

}  // namespace

void write_stored_row(Format format, const float* values, std::int64_t in, std::byte* to) {
  require(can_quantise_to(format), ErrorKind::kUnsupported, "values cannot be rounded to ", name_of(format));
  const FormatTraits& t = traits_of(format);
  require(in % 32 == 0, ErrorKind::kBadData, "rows of ", t.name, " wanted a multiple of 32 values, got ", in);
  float scale = 0;
  if (format == Format::kInt8) {
    scale = channel_scale_of(values, in);
    std::memcpy(to, &scale, sizeof scale);
  }
  to += t.row_bytes;
  for (std::int64_t i = 0; i < in; i += 32, to += t.block_bytes) {
    write_block(
        format,
        format == Format::kInt8 ? quantise_block_int8(values + i, 32, scale) : quantise_block(format, values + i, 32),
        to);
  }
}

}  // namespace ttt::kernels
