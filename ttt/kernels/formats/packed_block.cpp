#include "kernels/formats/packed_block.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/formats/half.h"

namespace ttt::kernels {
namespace {

std::uint8_t byte_at(const std::byte* p, std::int64_t i) { return std::to_integer<std::uint8_t>(p[i]); }

std::uint16_t half_at(const std::byte* p) {
  std::uint16_t h;
  std::memcpy(&h, p, sizeof h);
  return h;
}

std::uint8_t low(std::uint8_t b) { return b & 15; }
std::uint8_t high(std::uint8_t b) { return static_cast<std::uint8_t>(b >> 4); }
// Bits [at, at + count) of `b`, moved to position 4.
std::uint8_t upper_bits(std::uint8_t b, int at, int count) {
  return static_cast<std::uint8_t>(((b >> at) & ((1 << count) - 1)) << 4);
}

// Codes j and j + 16 share byte j; fifth bits, where there are any, are a little-endian word.
void read_nibbles(BlockCodes& b, const std::byte* nibbles, const std::byte* fifth) {
  for (int j = 0; j < 16; ++j) {
    b.codes[j] = low(byte_at(nibbles, j));
    b.codes[j + 16] = high(byte_at(nibbles, j));
  }
  if (!fifth) return;
  for (int j = 0; j < 32; ++j) b.codes[j] |= upper_bits(byte_at(fifth, j / 8), j % 8, 1);
}

BlockCodes read_small_block(Format format, const std::byte* p) {
  BlockCodes b;
  b.scale = half_at(p);
  switch (format) {
    case Format::kQ4_0:
    case Format::kIQ4_NL:
      read_nibbles(b, p + 2, nullptr);
      break;
    case Format::kQ5_0:
      read_nibbles(b, p + 6, p + 2);
      break;
    case Format::kQ4_1:
    case Format::kInt4:
      b.minimum = half_at(p + 2), read_nibbles(b, p + 4, nullptr);
      break;
    case Format::kQ5_1:
      b.minimum = half_at(p + 2), read_nibbles(b, p + 8, p + 4);
      break;
    case Format::kMXFP4:
      b.scale = 0, b.sub_scale[0] = b.sub_scale[1] = byte_at(p, 0), read_nibbles(b, p + 1, nullptr);
      break;
    default:
      for (int j = 0; j < 32; ++j) b.codes[j] = byte_at(p, 2 + j) ^ 0x80u;
  }
  return b;
}

// Two exponents, then signs and magnitudes: a byte each, or neighbours in the nibbles of a byte.
BlockCodes read_bfp_block(Format format, const std::byte* p) {
  BlockCodes b;
  b.sub_scale[0] = byte_at(p, 0), b.sub_scale[1] = byte_at(p, 1);
  const bool eight = format == Format::kBfp8B;
  const int sign = eight ? 128 : 8;
  for (int j = 0; j < 32; ++j) {
    const int code = eight ? byte_at(p, 2 + j) : (byte_at(p, 2 + j / 2) >> (j % 2 * 4)) & 15;
    b.codes[j] = static_cast<std::uint8_t>(code & sign ? 2 * sign - code : sign + code);
  }
  return b;
}

BlockCodes read_int8_block(const std::byte* row, const std::byte* p) {
  BlockCodes b;
  std::memcpy(&b.channel_scale, row, sizeof b.channel_scale);
  for (int j = 0; j < 32; ++j) b.codes[j] = byte_at(p, j) ^ 0x80u;
  return b;
}

// The g-th group of 32 of a Q4_K or Q5_K block. Scales and minima of 6 bits are spread over 12 bytes.
BlockCodes read_k_block(Format format, const std::byte* p, int g) {
  BlockCodes b;
  b.scale = half_at(p);
  b.minimum = half_at(p + 2);
  const std::byte* s = p + 4;
  if (g < 4) {
    b.sub_scale[0] = byte_at(s, g) & 63;
    b.sub_minimum[0] = byte_at(s, g + 4) & 63;
  } else {
    b.sub_scale[0] = static_cast<std::uint8_t>(low(byte_at(s, g + 4)) | (byte_at(s, g - 4) >> 6 << 4));
    b.sub_minimum[0] = static_cast<std::uint8_t>(high(byte_at(s, g + 4)) | (byte_at(s, g) >> 6 << 4));
  }
  const std::byte* fifth = format == Format::kQ5_K ? p + 16 : nullptr;
  const std::byte* nibbles = (fifth ? p + 48 : p + 16) + g / 2 * 32;
  for (int j = 0; j < 32; ++j) {
    b.codes[j] = g % 2 ? high(byte_at(nibbles, j)) : low(byte_at(nibbles, j));
    if (fifth) b.codes[j] |= upper_bits(byte_at(fifth, j), g, 1);
  }
  return b;
}

// The g-th 32 of a Q6_K block.
BlockCodes read_q6_k_block(const std::byte* p, int g) {
  BlockCodes b;
  b.scale = half_at(p + 208);
  b.sub_scale[0] = byte_at(p, 192 + 2 * g);
  b.sub_scale[1] = byte_at(p, 193 + 2 * g);
  const int half = g / 4, quarter = g % 4;
  const std::byte* nibbles = p + 64 * half + quarter % 2 * 32;
  const std::byte* upper = p + 128 + 32 * half;
  for (int j = 0; j < 32; ++j) {
    const std::uint8_t n = byte_at(nibbles, j);
    b.codes[j] = (quarter < 2 ? low(n) : high(n)) | upper_bits(byte_at(upper, j), 2 * quarter, 2);
  }
  return b;
}

// The g-th 32 of a Q2_K block.
BlockCodes read_q2_k_block(const std::byte* p, int g) {
  BlockCodes b;
  b.scale = half_at(p + 80);
  b.minimum = half_at(p + 82);
  for (int h = 0; h < 2; ++h) {
    b.sub_scale[h] = low(byte_at(p, 2 * g + h));
    b.sub_minimum[h] = high(byte_at(p, 2 * g + h));
  }
  for (int j = 0; j < 32; ++j) b.codes[j] = (byte_at(p, 16 + g / 4 * 32 + j) >> (g % 4 * 2)) & 3;
  return b;
}

// The g-th 32 of a Q3_K block. Scales of 6 bits, about 32: the low four in 8 bytes, the high two in 4.
BlockCodes read_q3_k_block(const std::byte* p, int g) {
  BlockCodes b;
  b.scale = half_at(p + 108);
  const std::byte* scales = p + 96;
  for (int h = 0; h < 2; ++h) {
    const int i = 2 * g + h;
    const int lower = i < 8 ? low(byte_at(scales, i)) : high(byte_at(scales, i - 8));
    const int upper = (byte_at(scales, 8 + i % 4) >> (i / 4 * 2)) & 3;
    b.sub_scale[h] = static_cast<std::uint8_t>((lower | (upper << 4)) - 32);
  }
  for (int j = 0; j < 32; ++j) {
    const int lower = (byte_at(p, 32 + g / 4 * 32 + j) >> (g % 4 * 2)) & 3, upper = (byte_at(p, j) >> g) & 1;
    b.codes[j] = static_cast<std::uint8_t>(lower | (upper << 2));
  }
  return b;
}

// The g-th 32 of an IQ4_XS block. Scales of 6 bits, about 32: the low four in 4 bytes, the high two in 2.
BlockCodes read_iq4_xs_block(const std::byte* p, int g) {
  BlockCodes b;
  b.scale = half_at(p);
  const int lower = (byte_at(p, 4 + g / 2) >> (g % 2 * 4)) & 15, upper = (half_at(p + 2) >> (2 * g)) & 3;
  b.sub_scale[0] = b.sub_scale[1] = static_cast<std::uint8_t>((lower | (upper << 4)) - 32);
  read_nibbles(b, p + 8 + 16 * g, nullptr);
  return b;
}

// The g-th 32 of a TQ1_0 block. A byte holds five digits to the base 3 as a fraction of 256, the first digit leading:
// multiplied by a power of 3, without the carry, it begins with the digit wanted.
BlockCodes read_tq1_0_block(const std::byte* p, int g) {
  constexpr int kPowers[] = {1, 3, 9, 27, 81};
  BlockCodes b;
  b.scale = half_at(p + 52);
  for (int j = 0; j < 32; ++j) {
    const int e = 32 * g + j;
    int byte = e % 32, digit = e / 32;
    if (e >= 240) {
      byte = 48 + e % 4, digit = (e - 240) / 4;
    } else if (e >= 160) {
      byte = 32 + e % 16, digit = (e - 160) / 16;
    }
    const int fraction = (byte_at(p, byte) * kPowers[digit]) & 255;
    b.codes[j] = static_cast<std::uint8_t>((fraction * 3) >> 8);
  }
  return b;
}

// The g-th 32 of a TQ2_0 block.
BlockCodes read_tq2_0_block(const std::byte* p, int g) {
  BlockCodes b;
  b.scale = half_at(p + 64);
  for (int j = 0; j < 32; ++j) b.codes[j] = (byte_at(p, g / 4 * 32 + j) >> (g % 4 * 2)) & 3;
  return b;
}

// Unlike a cast, defined for every number; NaN gives `least`.
float clamp(float x, float least, float most) {
  if (!(x > least)) return least;
  return x < most ? x : most;
}

// To the nearest even: adding 1.5 x 2^23 leaves no room for a fraction. |x| < 2^22. A call of nearbyint is slower than
// all else in packing.
int round_even(float x) { return static_cast<int>((x + 12582912.0f) - 12582912.0f); }

float largest_magnitude(const float* x, int count) {
  float most = 0;
  for (int i = 0; i < count; ++i) most = std::max(most, std::fabs(x[i]));
  return most;
}

// As GGUF files are written: codes follow the scale before it is rounded, halves go away from zero.
BlockCodes quantise_q8_0(const float* x, int count) {
  BlockCodes b;
  std::fill_n(b.codes, 32, std::uint8_t{128});
  const float scale = largest_magnitude(x, count) / 127;
  const float inverse = scale > 0 ? 1 / scale : 0;
  b.scale = f32_to_f16(scale);
  for (int i = 0; i < count; ++i) {
    b.codes[i] = static_cast<std::uint8_t>(128 + static_cast<int>(std::round(clamp(x[i] * inverse, -127, 127))));
  }
  return b;
}

struct AffineFit {
  BlockCodes block;
  double error = 0;
};

AffineFit fit_int4(const float* x, int count, float scale, float minimum) {
  AffineFit fit;
  fit.block.scale = f32_to_f16(scale);
  fit.block.minimum = f32_to_f16(minimum);
  const float s = f16_to_f32(fit.block.scale), m = f16_to_f32(fit.block.minimum);
  for (int i = 0; i < count; ++i) {
    const int code = s > 0 ? round_even(clamp((x[i] - m) / s, 0, 15)) : 0;
    fit.block.codes[i] = static_cast<std::uint8_t>(code);
    const double e = double{x[i]} - (double{s} * code + double{m});
    fit.error += e * e;
  }
  return fit;
}

// Scales between range / 16, where both ends of the range lie half a step outside the codes, and range / 15, where
// they lie on codes: no value is further than half a step from its code.
BlockCodes quantise_int4(const float* x, int count) {
  constexpr int kCandidates = 9;
  const float least = *std::min_element(x, x + count), range = *std::max_element(x, x + count) - least;
  AffineFit best;
  for (int c = 0; c < kCandidates; ++c) {
    const float scale = range / (15 + static_cast<float>(c) / (kCandidates - 1));
    const AffineFit fit = fit_int4(x, count, scale, least + (range - 15 * scale) / 2);
    if (c == 0 || fit.error < best.error) best = fit;
  }
  return best.block;
}

// Sign and magnitude under the largest exponent of each 16; the largest magnitude keeps its leading one.
BlockCodes quantise_bfp(const float* x, int count, int magnitude_bits, int centre) {
  BlockCodes b;
  std::fill_n(b.codes, 32, static_cast<std::uint8_t>(centre));
  for (int half = 0; half < 2; ++half) {
    const int begin = std::min(half * 16, count), end = std::min(begin + 16, count);
    std::uint32_t exponent = 0;
    for (int i = begin; i < end; ++i) {
      exponent = std::max(exponent, (std::bit_cast<std::uint32_t>(x[i]) >> 23) & 0xFFu);
    }
    exponent = std::min(exponent, 254u);
    b.sub_scale[half] = static_cast<std::uint8_t>(exponent);
    for (int i = begin; i < end; ++i) {
      const std::uint32_t bits = std::bit_cast<std::uint32_t>(x[i]), own = (bits >> 23) & 0xFFu;
      const std::uint32_t most = (1u << magnitude_bits) - 1;
      const std::uint32_t shift = 24 - static_cast<std::uint32_t>(magnitude_bits) + exponent - own;
      std::uint32_t magnitude = 0;
      if (own == 255) {
        magnitude = most;
      } else if (own > 0 && shift < 32) {
        const std::uint32_t mantissa = (bits & 0x7FFFFFu) | 0x800000u;
        magnitude = std::min((mantissa + (1u << (shift - 1)) - 1 + ((mantissa >> shift) & 1u)) >> shift, most);
      }
      const int code = bits >> 31 ? centre - static_cast<int>(magnitude) : centre + static_cast<int>(magnitude);
      b.codes[i] = static_cast<std::uint8_t>(code);
    }
  }
  return b;
}

}  // namespace

BlockCodes read_stored_block(Format format, const std::byte* row, std::int64_t begin) {
  const FormatTraits& t = traits_of(format);
  const std::byte* p = row + t.row_bytes + begin / t.block_elements * t.block_bytes;
  const int g = static_cast<int>(begin % t.block_elements / 32);
  switch (format) {
    case Format::kQ2_K:
      return read_q2_k_block(p, g);
    case Format::kQ3_K:
      return read_q3_k_block(p, g);
    case Format::kQ4_K:
    case Format::kQ5_K:
      return read_k_block(format, p, g);
    case Format::kQ6_K:
      return read_q6_k_block(p, g);
    case Format::kIQ4_XS:
      return read_iq4_xs_block(p, g);
    case Format::kTQ1_0:
      return read_tq1_0_block(p, g);
    case Format::kTQ2_0:
      return read_tq2_0_block(p, g);
    case Format::kBfp8B:
    case Format::kBfp4B:
      return read_bfp_block(format, p);
    case Format::kInt8:
      return read_int8_block(row, p);
    default:
      return read_small_block(format, p);
  }
}

BlockCodes quantise_block(Format format, const float* x, int count) {
  switch (format) {
    case Format::kInt4:
      return quantise_int4(x, count);
    case Format::kBfp8B:
      return quantise_bfp(x, count, 7, 128);
    case Format::kBfp4B:
      return quantise_bfp(x, count, 3, 8);
    default:
      return quantise_q8_0(x, count);
  }
}

float channel_scale_of(const float* row, std::int64_t count) {
  float most = 0;
  for (std::int64_t i = 0; i < count; ++i) most = std::max(most, std::fabs(row[i]));
  return most / 127;
}

BlockCodes quantise_block_int8(const float* x, int count, float channel_scale) {
  BlockCodes b;
  std::fill_n(b.codes, 32, std::uint8_t{128});
  b.channel_scale = channel_scale;
  for (int i = 0; i < count && channel_scale > 0; ++i) {
    b.codes[i] = static_cast<std::uint8_t>(128 + round_even(clamp(x[i] / channel_scale, -127, 127)));
  }
  return b;
}

namespace {
int code_of(PanelKind kind, int stored) {
  return kind.table == CodeTable::kNone ? stored : table_code(kind.table, stored);
}
}  // namespace

void block_values(Format format, const BlockCodes& b, float* values) {
  const PanelKind kind = panel_kind(format);
  const float scale = f16_to_f32(b.scale), minimum = f16_to_f32(b.minimum);
  float group_scale[2] = {scale, scale};
  float lowest[2] = {minimum, minimum};
  switch (kind.scales) {
    case ScaleKind::kTwoLevel:
      group_scale[0] = group_scale[1] = scale * b.sub_scale[0];
      lowest[0] = lowest[1] = -(minimum * b.sub_minimum[0]);
      break;
    case ScaleKind::kTwoLevelNibbles:
      for (int h = 0; h < 2; ++h) {
        group_scale[h] = scale * b.sub_scale[h];
        lowest[h] = -(minimum * b.sub_minimum[h]);
      }
      break;
    case ScaleKind::kTwoLevelSigned:
      for (int h = 0; h < 2; ++h) group_scale[h] = scale * static_cast<float>(static_cast<std::int8_t>(b.sub_scale[h]));
      break;
    case ScaleKind::kChannel:
      group_scale[0] = group_scale[1] = b.channel_scale;
      break;
    case ScaleKind::kExponent:
      for (int j = 0; j < 32; ++j) {
        const int code = code_of(kind, b.codes[j]) - kind.centre;
        values[j] = std::ldexp(static_cast<float>(code),
                               b.sub_scale[j / kind.group] - 127 - std::countr_zero(unsigned(kind.unit)));
      }
      return;
    default:
      break;
  }
  if (kind.centre) {
    for (int j = 0; j < 32; ++j)
      values[j] = group_scale[j / 16] * static_cast<float>(code_of(kind, b.codes[j]) - kind.centre);
  } else {
    for (int j = 0; j < 32; ++j) values[j] = group_scale[j / 16] * static_cast<float>(b.codes[j]) + lowest[j / 16];
  }
}

}  // namespace ttt::kernels
