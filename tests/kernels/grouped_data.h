#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "kernels/formats/half.h"
#include "kernels/formats/packed.h"
#include "kernels/formats/packed_block.h"
#include "support/guarded_bytes.h"

// Weights for the tests of grouped formats.

namespace ttt::kernels::grouped_tests {

inline constexpr Format kStored[] = {Format::kQ4_0, Format::kQ4_1,   Format::kQ5_0,   Format::kQ5_1,  Format::kQ8_0,
                                     Format::kQ4_K, Format::kQ5_K,   Format::kQ6_K,   Format::kMXFP4, Format::kQ2_K,
                                     Format::kQ3_K, Format::kIQ4_NL, Format::kIQ4_XS, Format::kTQ1_0, Format::kTQ2_0};
inline constexpr Format kQuantised[] = {Format::kQ8_0, Format::kInt8, Format::kInt4, Format::kBfp8B, Format::kBfp4B};

inline std::vector<float> random_floats(std::int64_t n, unsigned seed, float scale = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> v(static_cast<std::size_t>(n));
  for (float& x : v) x = normal(random);
  return v;
}

// Where the scale of a block of a GGUF format is.
inline std::int64_t scale_at(Format format) {
  switch (format) {
    case Format::kQ6_K:
      return 208;
    case Format::kQ2_K:
      return 80;
    case Format::kQ3_K:
      return 108;
    case Format::kTQ1_0:
      return 52;
    case Format::kTQ2_0:
      return 64;
    default:
      return 0;
  }
}

// Rows as files hold them: random codes, scales of the size of trained weights.
inline std::vector<std::byte> random_blocks(Format format, std::int64_t rows, std::int64_t in, unsigned seed) {
  const FormatTraits& t = traits_of(format);
  const std::int64_t blocks = rows * in / t.block_elements;
  std::vector<std::byte> bytes(static_cast<std::size_t>(blocks * t.block_bytes));
  std::mt19937 random(seed);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random() & 255u);
  const auto put = [&](std::int64_t at, float x) {
    const std::uint16_t h = f32_to_f16(x);
    std::memcpy(bytes.data() + at, &h, 2);
  };
  std::normal_distribution<float> normal(0, 0.01f);
  const bool minimum = format == Format::kQ4_1 || format == Format::kQ5_1;
  const bool two_level = format == Format::kQ4_K || format == Format::kQ5_K || format == Format::kQ2_K;
  for (std::int64_t b = 0; b < blocks; ++b) {
    const std::int64_t at = b * t.block_bytes;
    if (format == Format::kMXFP4) {
      bytes[static_cast<std::size_t>(at)] = static_cast<std::byte>(118 + random() % 6);
      continue;
    }
    put(at + scale_at(format), normal(random));
    if (minimum || two_level) put(at + scale_at(format) + 2, normal(random));
  }
  return bytes;
}

// A packed matrix and what it was packed from.
struct PackedMatrix {
  Format format;
  std::int64_t out, in;
  support::GuardedBytes memory;

  PackedMatrix(Format f, std::int64_t o, std::int64_t i) : format(f), out(o), in(i), memory(packed_bytes(f, o, i)) {}
  ConstTensorView view() { return packed_view(memory.data(), format, out, in); }
  std::vector<float> row(std::int64_t r) {
    std::vector<float> v(static_cast<std::size_t>(in));
    decode_packed_row(view(), r, v.data());
    return v;
  }
};

inline PackedMatrix random_packed(Format format, std::int64_t out, std::int64_t in, unsigned seed) {
  PackedMatrix m(format, out, in);
  std::vector<std::byte> bytes;
  std::vector<float> floats;
  PackSource source;
  if (std::ranges::find(kStored, format) != std::end(kStored)) {
    const std::int64_t unit = traits_of(format).block_elements, whole = (in + unit - 1) / unit * unit;
    bytes = random_blocks(format, out, whole, seed);
    source.rows = view_of(bytes.data(), format, {out, whole});
  } else {
    floats = random_floats(out * in, seed, 0.05f);
    source.rows = view_of(floats.data(), {out, in});
  }
  pack_panels(format, source, out, in, 0, panels_of(out), m.memory.data());
  return m;
}

inline std::string case_name(Format format) {
  std::string s(name_of(format));
  return s;
}

}  // namespace ttt::kernels::grouped_tests
